"""Kinds of files whose metadata are left to the decoder: GIF, BMP and TIFF. Only their size is read."""

from __future__ import annotations

import struct

from engine.decoding.outline import FORMATS, Outline
from engine.errors import ImageUnreadable

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_MOST_TAGS = 4096


def outline(data: bytes) -> Outline:
    """Read the size, where it stands in its usual place.

    Raises:
        ImageUnreadable: none of these kinds.
    """
    if data[:6] in (b"GIF87a", b"GIF89a"):
        whole = data.rstrip(b"\0").endswith(b";")
        return Outline("GIF", data, _size(data, "<HH", 6), bytes_per_pixel=12, whole=whole)
    if data[:2] == b"BM":
        old = data[14:18] == b"\x0c\0\0\0"
        return Outline("BMP", data, _size(data, "<HH" if old else "<ii", 18), bytes_per_pixel=12)
    if data[:4] in _TIFF:
        return Outline("TIFF", data, _tiff_size(data), bytes_per_pixel=20)
    raise ImageUnreadable(f"The file is not an image that can be read; send one of {', '.join(FORMATS)}.")


def _size(data: bytes, form: str, offset: int) -> tuple[int, int] | None:
    try:
        width, height = struct.unpack_from(form, data, offset)
    except struct.error:
        return None
    return abs(width), abs(height)


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a TIFF's first page; None where it is a BigTIFF or they are not plain numbers."""
    order = "<" if data[:1] == b"I" else ">"
    found = {}
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        for entry in range(min(entries, _MOST_TAGS)):
            tag, kind, count = struct.unpack_from(order + "HHI", data, start + 2 + 12 * entry)
            if tag in (256, 257) and kind in (3, 4) and count == 1:
                (found[tag],) = struct.unpack_from(order + " HI"[kind - 2], data, start + 2 + 12 * entry + 8)
    except struct.error:
        return None
    return (found[256], found[257]) if len(found) == 2 else None
