"""How a picture is to be turned: read from EXIF or XMP without believing, or rewriting, anything else in them."""

from __future__ import annotations

import re
import struct

_TAG = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""EXIF's whole-number types; cameras write SHORT, some programs others."""
_XMP = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\b""")
_XMP_BYTES = 256 * 1024


def exif_orientation(exif: bytes | None) -> int:
    """The orientation, 1 to 8; 0 where EXIF names none that can be read.

    Args:
        exif: a TIFF header and its directories, with or without `Exif\\0\\0` before them.
    """
    try:
        return _read((exif or b"").removeprefix(b"Exif\0\0"))
    except (struct.error, IndexError):
        return 0


def _read(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for entry in range(entries):
        tag, kind, count = struct.unpack_from(order + "HHI", tiff, start + 2 + 12 * entry)
        if tag == _TAG:
            if count != 1 or kind not in _FORMATS:
                return 0
            (value,) = struct.unpack_from(order + _FORMATS[kind], tiff, start + 2 + 12 * entry + 8)
            return int(value) if 1 <= value <= 8 else 0
    return 0


def xmp_orientation(xmp: bytes | None) -> int:
    """The orientation that XMP names, 1 where it names none."""
    found = _XMP.search((xmp or b"")[:_XMP_BYTES])
    return int(found[1]) if found else 1
