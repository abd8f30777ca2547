"""Kinds of files whose metadata are left to the decoder: GIF, BMP and TIFF. Only their size is read."""

from __future__ import annotations

import struct

from engine.decoding.formats.others import no_picture
from engine.decoding.formats.outline import Outline
from engine.errors import ImageTooLarge, ImageUnreadable

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_MOST_TAGS, _MOST_BLOCKS, _MOST_PARTS = 4096, 1000, 100_000


def outline(data: bytes) -> Outline:
    """Read the size, where it stands in its usual place.

    Raises:
        ImageUnreadable: none of these kinds.
        ImageTooLarge: more blocks or tags than any picture needs.
    """
    if data[:6] in (b"GIF87a", b"GIF89a"):
        _check_blocks(data)
        whole = data.rstrip(b"\0").endswith(b";")
        return Outline("GIF", data, _size(data, "<HH", 6), bytes_per_pixel=12, whole=whole)
    if data[:2] == b"BM":
        old = data[14:18] == b"\x0c\0\0\0"
        return Outline("BMP", data, _size(data, "<HH" if old else "<ii", 18), bytes_per_pixel=12)
    if data[:4] in _TIFF:
        return Outline("TIFF", data, _tiff_size(data), bytes_per_pixel=20)
    raise ImageUnreadable(no_picture(data))


def _check_blocks(data: bytes) -> None:
    """Refuse a GIF with very many blocks before its first frame."""
    flags = data[10] if len(data) > 12 else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(_MOST_BLOCKS):
        if data[at : at + 1] != b"!":
            return
        at += 2
        for _ in range(_MOST_PARTS):
            if at >= len(data) or not data[at]:
                break
            at += 1 + data[at]
        else:
            break
        at += 1
    raise ImageTooLarge(f"The image costs too much to decode: a GIF of more than {_MOST_BLOCKS:,} blocks.")


def _size(data: bytes, form: str, offset: int) -> tuple[int, int] | None:
    try:
        width, height = struct.unpack_from(form, data, offset)
    except struct.error:
        return None
    return abs(width), abs(height)


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a TIFF's first page; None where it is a BigTIFF or they are not plain numbers."""
    order, big = "<" if data[:1] == b"I" else ">", data[2:4] in (b"+\0", b"\0+")
    found = {}
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        if entries > _MOST_TAGS:
            raise ImageTooLarge(f"The image costs too much to decode: a TIFF of more than {_MOST_TAGS:,} tags.")
        for entry in range(0 if big else entries):
            tag, kind, count = struct.unpack_from(order + "HHI", data, start + 2 + 12 * entry)
            if tag in (256, 257) and kind in (3, 4) and count == 1:
                (found[tag],) = struct.unpack_from(order + " HI"[kind - 2], data, start + 2 + 12 * entry + 8)
    except struct.error:
        return None
    return (found[256], found[257]) if len(found) == 2 else None
