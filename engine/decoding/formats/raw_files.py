"""Kinds of files whose metadata are left to the decoder: GIF and BMP. Only their size is read."""

from __future__ import annotations

import struct

from engine.decoding.formats.others import no_picture
from engine.decoding.formats.outline import Outline
from engine.errors import ImageTooLarge, ImageUnreadable

_MOST_BLOCKS, _MOST_PARTS = 1000, 100_000


def outline(data: bytes) -> Outline:
    """Read the size, where it stands in its usual place.

    Raises:
        ImageUnreadable: none of these kinds.
        ImageTooLarge: more blocks than any picture needs.
    """
    if data[:6] in (b"GIF87a", b"GIF89a"):
        _check_blocks(data)
        whole = data.rstrip(b"\0").endswith(b";")
        return Outline("GIF", data, _size(data, "<HH", 6), bytes_per_pixel=12, whole=whole)
    if data[:2] == b"BM":
        old = data[14:18] == b"\x0c\0\0\0"
        return Outline("BMP", data, _size(data, "<HH" if old else "<ii", 18), bytes_per_pixel=12)
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
