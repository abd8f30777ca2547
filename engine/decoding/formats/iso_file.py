"""AVIF and HEIF files: which of the two, and the largest size that they declare."""

from __future__ import annotations

import struct

from engine.decoding.formats.others import no_picture
from engine.decoding.formats.outline import Outline
from engine.decoding.formats.primaries import profile_of_codes
from engine.errors import ImageUnreadable

_AVIF = {b"avif", b"avis", b"avio"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_EITHER = {b"mif1", b"mif2", b"msf1", b"miaf"}
_MOST_SIZES = 10_000


def outline(data: bytes) -> Outline:
    """Read the brands that a file claims, and its image sizes.

    Raises:
        ImageUnreadable: neither AVIF nor HEIF (a film, say).
    """
    length = min(int.from_bytes(data[:4], "big"), 1024)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
    size, colors = _largest(data), _colors(data)
    if data[8:12] in _AVIF or (brands & _AVIF and not brands & _HEIF):
        return Outline("AVIF", data, size, named_profile=colors, bytes_per_pixel=20)
    if brands & _HEIF or brands & _EITHER:
        return Outline("HEIF", data, size, named_profile=colors, bytes_per_pixel=20)
    raise ImageUnreadable(no_picture(data))


def _colors(data: bytes) -> bytes | None:
    """The profile of the colour space that is named by code points, where that is not sRGB."""
    at = data.find(b"colrnclx", 0, 1 << 20)
    if at < 0 or len(data) < at + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return profile_of_codes(primaries, transfer)


def _largest(data: bytes) -> tuple[int, int] | None:
    """The largest of the `ispe` properties: the whole picture's, also where it is made of tiles."""
    sizes: list[tuple[int, int]] = []
    at = 0
    while (at := data.find(b"ispe", at, 1 << 20) + 8) >= 8 and len(sizes) < _MOST_SIZES:
        if at + 8 <= len(data):
            width, height = struct.unpack_from(">II", data, at)
            sizes.append((width, height))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)
