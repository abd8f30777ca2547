"""Bytes → upright sRGB pixels, under caps that hold before a pixel is decoded and while it is.

What a header shows to be cheap is decoded here; everything else in a decoder process (`engine.decoding.pool`), which
can be stopped. Whatever a decoder raises is a picture that cannot be read.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import inf
from threading import Lock

import numpy as np
from PIL import Image

from engine.decoding.color import Profiles
from engine.decoding.formats.headers import outline_of
from engine.decoding.formats.outline import FORMATS, Outline
from engine.decoding.messages import Task
from engine.decoding.pool import the_pool
from engine.decoding.raster import Wanted, check_size, rasterize
from engine.decoding.refusals import refusal
from engine.decoding.room import Room
from engine.domain import Pixels
from engine.errors import DeadlineExceeded, ImageTooLarge, ImageUnreadable, Unavailable
from engine.system.clock import Deadline

__all__ = ["DEFAULT_LIMITS", "FORMATS", "ImageLimits", "Photo", "decode", "decode_photo", "encode_jpeg"]

MEMORY_BYTES = 1024 * 1024 * 1024
"""For all pictures that are decoded at one time in this process and its decoders."""
CHEAP_BYTES = 48 * 1024 * 1024
"""What decoding here may take; more is decoded elsewhere, where memory is given back."""
_WALL = 3
"""A decoder that shares its processor may take so many times its processor time."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is still taken.

    Attributes:
        max_pixels: width × height as the file declares them.
        max_seconds: processor time of decoding.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side: int = 32
    max_seconds: int = 10


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded picture, perhaps at a reduced scale, with the size that its file declares (upright).

    Attributes:
        pixels: RGB, upright; smaller than (height, width) by `scale`, which is 1 or more.
    """

    pixels: Pixels
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the whole picture for one of ours, along x and y."""
        return self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]


def decode(data: bytes, limits: ImageLimits = DEFAULT_LIMITS, *, max_side: int | None = None) -> Pixels:
    """Decode one picture at its own size, or resampled to `max_side`; see `decode_photo`."""
    return _decoded(data, limits, _wanted(limits, max_side=max_side), None).pixels


def decode_photo(
    data: bytes,
    limits: ImageLimits = DEFAULT_LIMITS,
    enough_side: int | None = None,
    deadline: Deadline | None = None,
) -> Photo:
    """Decode one picture: turned as its camera says, its colours as sRGB, the first frame of an animation.

    Transparent pixels become white, as on a catalogue page. A picture that only lacks its end is taken.

    Args:
        enough_side: a picture at least twice as large may come at half, a quarter … of its size, as long as its
            longer side keeps so many pixels. JPEG decodes to such a size in a fraction of the time.
        deadline: decoding is stopped when it has passed.

    Raises:
        ImageUnreadable: empty, damaged, too small, or not a picture of a kind we read.
        ImageTooLarge: over a cap, of bytes, pixels, processor time or memory.
        DeadlineExceeded: not decoded in time.
        Unavailable: no decoder could be started, or none was free for long; no fault of the picture.
    """
    return _decoded(data, limits, _wanted(limits, enough_side=enough_side), deadline)


def _wanted(limits: ImageLimits, *, enough_side: int | None = None, max_side: int | None = None) -> Wanted:
    return Wanted(limits.max_pixels, limits.min_side, enough_side, max_side)


def _decoded(data: bytes, limits: ImageLimits, wanted: Wanted, deadline: Deadline | None) -> Photo:
    if not data:
        raise ImageUnreadable("The image is empty (0 bytes).")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; the most is {limits.max_bytes:,}.")
    with _translated_errors():
        outline = outline_of(data)
        if outline.size:
            check_size(outline.size, wanted)
    needed, start = _memory_bytes(outline, wanted), time.monotonic()
    until = min(start + _WALL * limits.max_seconds, deadline.at if deadline else inf)
    try:
        with _room().taken(needed, until):
            if outline.simple and needed <= CHEAP_BYTES and _known(outline.profile):
                return _decoded_here(outline, wanted)
            return _decoded_elsewhere(data, outline, Task(len(data), wanted, limits.max_seconds, needed), until)
    except TimeoutError:
        if deadline and time.monotonic() >= deadline.at:
            raise DeadlineExceeded("The time for this request ran out while its photo was decoded.") from None
        raise Unavailable("The image was not decoded in time: too much else is being decoded; try again.") from None


@contextmanager
def _translated_errors() -> Iterator[None]:
    """The border of decoding: whatever a library raises is a picture that cannot be read."""
    try:
        yield
    except BaseException as error:
        raise refusal(error) from None


def _decoded_here(outline: Outline, wanted: Wanted) -> Photo:
    with _translated_errors():
        raster = rasterize(outline, wanted, Profiles())
    return Photo(np.asarray(raster.image), raster.width, raster.height)


def _decoded_elsewhere(data: bytes, outline: Outline, task: Task, until: float) -> Photo:
    try:
        reply, pixels = the_pool().decode(data, task, until)
    except TimeoutError:
        raise
    except OSError as error:
        raise Unavailable(f"No picture can be decoded just now ({error.strerror}); try again later.") from error
    if reply.refused:
        raise (ImageTooLarge if reply.large else ImageUnreadable)(reply.refused)
    if reply.plain and outline.profile:
        _remember(outline.profile)
    return Photo(pixels, reply.width, reply.height)


def _memory_bytes(outline: Outline, wanted: Wanted) -> int:
    """What decoding takes at its peak, roughly; of a picture whose size is not known, as for the largest."""
    pixels = outline.size[0] * outline.size[1] if outline.size else wanted.max_pixels
    if outline.simple and outline.kind == "JPEG" and outline.size and wanted.enough_side:
        shrunk = max(1, max(outline.size) // (2 * wanted.enough_side))
        pixels //= min(8, 1 << (shrunk.bit_length() - 1)) ** 2
    return outline.bytes_per_pixel * pixels + 2 * len(outline.data)


_PLAIN: dict[bytes, None] = {}
_PLAIN_LOCK = Lock()
_PLAIN_KEPT = 256


def _known(profile: bytes | None) -> bool:
    """Whether a profile needs no look: there is none, or it was found to be sRGB's."""
    return profile is None or sha256(profile).digest() in _PLAIN


def _remember(profile: bytes) -> None:
    with _PLAIN_LOCK:
        _PLAIN[sha256(profile).digest()] = None
        while len(_PLAIN) > _PLAIN_KEPT:
            _PLAIN.pop(next(iter(_PLAIN)))


@lru_cache(1)
def _room() -> Room:
    return Room(MEMORY_BYTES)


def encode_jpeg(image: Pixels, *, max_side: int, quality: int = 88) -> bytes:
    """A JPEG no larger than `max_side`, for the object store."""
    picture = Image.fromarray(image)
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
