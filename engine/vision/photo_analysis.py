"""What one photo shows: garments, their embeddings and colours. The same photo again is recognised, not looked at anew.

What is seen depends on the photo, the models and on what was asked to be looked at, never on catalogue, words or
filters; so it may be remembered for as long as there is room, while every search is made afresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from threading import Lock
from typing import Protocol

import cv2
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from engine.color.naming import main_color
from engine.color.palette import Palette, palettes_of
from engine.domain import Box, Crop, Embeddings, Garment
from engine.errors import NoGarmentFound, QueryRejected
from engine.system.clock import Deadline, Stopwatch
from engine.vision.crops import box_area, box_garment, cut, outer_box, whole
from engine.vision.images import DEFAULT_LIMITS, ImageLimits, Photo, decode_photo
from engine.vision.pipeline import VisionPipeline

MIN_BOX_SIDE = 8
ENOUGH_SIDE = 960
"""Of a larger photo the longer side keeps at least so many pixels: over twice as many as the segmenter takes in."""
CLOSE_SIDE = 112
"""A garment whose longer side has fewer pixels of such a photo is cut out of a larger one: an embedder wants these."""
NEAR_SIDE = 3072
"""So many pixels of that larger one's longer side are enough, however small the garment is."""


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """How a photo is searched with.

    Attributes:
        supercategories: answer for these alone; None for every garment seen.
        box: the caller's own garment box instead of detection; `supercategories` then names one.
        whole_image: the picture as one crop, without detection; likewise.
    """

    supercategories: tuple[str, ...] | None = None
    box: Box | None = None
    whole_image: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """The garments of a photo; rows of the embeddings, colours and looks are in their order.

    Attributes:
        garments: in pixels of the decoded photo, which may be smaller than the file's by `scale`.
        width, height: of the upright photo, as its file declares them.
    """

    garments: tuple[Garment, ...]
    visual: Embeddings
    semantic: Embeddings
    colors: tuple[str | None, ...]
    palettes: Palette
    width: int
    height: int
    scale: tuple[float, float]

    def upright(self) -> tuple[Garment, ...]:
        """The garments in pixels of the whole upright photo."""
        return tuple(enlarged(garment, self.scale) for garment in self.garments)


class PhotoMemory(Protocol):
    """What knows photos again; `ResultCache` is one."""

    def get(self, key: bytes) -> PhotoFeatures | None:
        """What was seen in a photo, if it is still remembered."""
        ...

    def put(self, key: bytes, seen: PhotoFeatures) -> None:
        """Remember."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _OfGeneration:
    """What one generation's models saw, in the memory of all."""

    inner: ResultCache
    number: int

    def get(self, key: bytes) -> PhotoFeatures | None:
        return self.inner.get(b"%d:%b" % (self.number, key))

    def put(self, key: bytes, seen: PhotoFeatures) -> None:
        self.inner.put(b"%d:%b" % (self.number, key), seen)


Remembered = tuple[PhotoFeatures, tuple[NDArray[np.uint8], ...]]
"""What was seen in a photo without its masks, and these, packed into bits."""


class ResultCache:
    """The photos seen last, by what they hold, up to a number of bytes. Safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._lock = Lock()
        self._kept: LRUCache[bytes, Remembered] = LRUCache(max_bytes, getsizeof=lambda kept: _size_bytes(*kept))
        self.hits = 0
        self.misses = 0

    def of(self, generation: int) -> PhotoMemory:
        """What the models of one generation saw; another's see otherwise."""
        return _OfGeneration(self, generation)

    @property
    def size_bytes(self) -> int:
        """Bytes of all that is remembered."""
        return int(self._kept.currsize)

    def get(self, key: bytes) -> PhotoFeatures | None:
        """What was seen in a photo, if it is still remembered."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                self.misses += 1
                return None
            self.hits += 1
        seen, packed = kept
        return replace(seen, garments=tuple(map(_unpacked, seen.garments, packed)))

    def put(self, key: bytes, seen: PhotoFeatures) -> None:
        """Remember, and forget the photos that were asked for longest ago where there is no room."""
        packed = tuple(np.packbits(garment.mask) for garment in seen.garments)
        shapes = tuple(replace(g, mask=np.broadcast_to(np.False_, g.mask.shape)) for g in seen.garments)
        kept = replace(seen, garments=shapes), packed
        with self._lock, suppress(ValueError):  # One that is larger than all the room is not remembered.
            self._kept[key] = kept


@dataclass(frozen=True, slots=True, eq=False)
class PhotoAnalyzer:
    """Looks at photos with the models, and remembers what it saw."""

    pipeline: VisionPipeline
    limits: ImageLimits = DEFAULT_LIMITS
    result_cache: PhotoMemory | None = None

    def look(self, data: bytes, query: ImageQuery, watch: Stopwatch) -> PhotoFeatures:
        """The garments that the query asks for, with their embeddings.

        Raises:
            ImageUnreadable, ImageTooLarge: the photo.
            NoGarmentFound: nothing to search with in it.
            QueryRejected: parameters that do not fit together.
            DeadlineExceeded: too late already.
        """
        self._check(query)
        if self.result_cache is None:
            return self._look(data, query, watch)
        with watch.stage("recognise"):
            key = hashlib.sha256(hashlib.sha256(data).digest() + repr(query).encode()).digest()
            known = self.result_cache.get(key)
        if known is None:
            known = self._look(data, query, watch)
            self.result_cache.put(key, known)
        return known

    def _look(self, data: bytes, query: ImageQuery, watch: Stopwatch) -> PhotoFeatures:
        with watch.stage("decode"):
            photo = decode_photo(data, self.limits, ENOUGH_SIDE, watch.deadline)
        garments = self._garments(photo, query, watch)
        with watch.stage("crop"):
            crops = [whole(photo.pixels)] if query.whole_image else self._crops(data, photo, garments, watch.deadline)
            colors = tuple(main_color(crop) for crop in crops)
            palettes = palettes_of(crops)
        with watch.stage("embed"):
            rows = self.pipeline.embed(crops)
        return PhotoFeatures(
            garments, rows["visual"], rows["semantic"], colors, palettes, photo.width, photo.height, photo.scale
        )

    def _crops(self, data: bytes, photo: Photo, garments: Sequence[Garment], deadline: Deadline | None) -> list[Crop]:
        """Every garment cut out; small ones of a reduced photo from a larger decoding of it."""
        sides = [max(g.box[2] - g.box[0], g.box[3] - g.box[1]) for g in garments]
        if min(sides) >= CLOSE_SIDE or photo.scale == (1.0, 1.0):
            return [cut(photo.pixels, garment) for garment in garments]
        enough = max(photo.pixels.shape[:2]) * CLOSE_SIDE / min(sides)
        near = decode_photo(data, self.limits, min(ceil(enough), NEAR_SIDE), deadline).pixels
        scale = near.shape[1] / photo.pixels.shape[1], near.shape[0] / photo.pixels.shape[0]
        return [
            cut(photo.pixels, garment) if side >= CLOSE_SIDE else cut(near, enlarged(garment, scale))
            for garment, side in zip(garments, sides, strict=True)
        ]

    def _check(self, query: ImageQuery) -> None:
        for name in query.supercategories or ():
            self.pipeline.taxonomy.require_supercategory(name)
        if query.box is not None and query.whole_image:
            raise QueryRejected("Give a box or ask for the whole image, not both.")
        if (query.box is not None or query.whole_image) and len(query.supercategories or ()) != 1:
            known = ", ".join(self.pipeline.taxonomy.supercategories)
            raise QueryRejected(f"Name the one supercategory of the garment: {known}.")

    def _garments(self, photo: Photo, query: ImageQuery, watch: Stopwatch) -> tuple[Garment, ...]:
        if query.box is not None or query.whole_image:
            return (_pointed_at(photo, query),)
        with watch.stage("segment"):
            garments = self.pipeline.garments(photo.pixels)
        wanted = garments if query.supercategories is None else _asked_for(garments, query.supercategories)
        if not wanted:
            seen = ", ".join(dict.fromkeys(g.supercategory for g in garments)) or "none"
            raise NoGarmentFound(
                f"No garment to search with was found in the photo (seen: {seen}); "
                "send another photo, or point at the garment with a box."
            )
        return wanted


def enlarged(garment: Garment, scale: tuple[float, float]) -> Garment:
    """A garment in the pixels of a photo larger by `scale`, along x and y."""
    if scale == (1.0, 1.0):
        return garment
    (sx, sy), (x0, y0, x1, y1) = scale, garment.box
    box = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
    left, top, right, bottom = outer_box(box, 1 << 30, 1 << 30)
    mask = cv2.resize(garment.mask.view(np.uint8), (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    polygons = tuple(outline * np.array(scale, np.float32) for outline in garment.polygons)
    return replace(garment, box=box, mask=mask.view(np.bool_), polygons=polygons)


def _asked_for(garments: Sequence[Garment], names: Sequence[str]) -> tuple[Garment, ...]:
    """The garments that may be of these supercategories, as what they then are: the caller knows better."""
    left = [(g, [name for name in g.supercategories if name in names]) for g in garments]
    return tuple(replace(g, supercategory=likely[0], also=tuple(likely[1:])) for g, likely in left if likely)


def _pointed_at(photo: Photo, query: ImageQuery) -> Garment:
    """The garment that the caller points at, in the decoded photo's pixels."""
    (supercategory,) = query.supercategories or ("",)
    height, width = photo.pixels.shape[:2]
    if query.box is None:
        return box_garment(supercategory, supercategory, (0.0, 0.0, float(width), float(height)), width, height)
    (sx, sy), (x0, y0, x1, y1) = photo.scale, _checked_box(query.box, photo.width, photo.height)
    return box_garment(supercategory, supercategory, (x0 / sx, y0 / sy, x1 / sx, y1 / sy), width, height)


def _checked_box(box: Box, width: int, height: int) -> Box:
    """The part of a caller's box that lies in the picture.

    Raises:
        QueryRejected: nothing of it does, or it is not a box.
    """
    x0, y0, x1, y1 = box
    inside = (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
    if not np.isfinite(box).all() or box_area(inside) < MIN_BOX_SIDE**2:
        raise QueryRejected(
            f"The box {list(box)} covers too little of the picture ({width} × {height}); "
            "give x0, y0, x1, y1 in pixels of the upright image."
        )
    return inside


def _unpacked(garment: Garment, packed: NDArray[np.uint8]) -> Garment:
    shape = garment.mask.shape
    mask = np.unpackbits(packed, count=shape[0] * shape[1]).view(np.bool_).reshape(shape)
    return replace(garment, mask=mask)


def _size_bytes(seen: PhotoFeatures, packed: tuple[NDArray[np.uint8], ...]) -> int:
    outlines = sum(outline.nbytes for garment in seen.garments for outline in garment.polygons)
    return seen.visual.nbytes + seen.semantic.nbytes + outlines + sum(bits.nbytes for bits in packed) + 1024
