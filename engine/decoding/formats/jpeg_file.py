"""A JPEG file's segments: size, scans, orientation and profile, and the file without what does not touch its pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.decoding.formats.orientation import exif_orientation, xmp_orientation
from engine.decoding.formats.outline import MAX_PROFILE_BYTES, SIMPLE_PIXELS, Outline
from engine.errors import ImageTooLarge, ImageUnreadable

MAX_SCANS = 100
"""Encoders write about ten, the most zealous thirty; each is one more pass over all pixels."""
SIMPLE_SCANS = USUAL_SCANS = 12
MAX_SCANNED_PIXELS = 1_500_000_000
"""Of all scans together, where there are more of them than usual: about a second."""
MAX_SEGMENTS = 20_000
"""Before the first scan; 20 MB of metadata in full segments are 300."""
_INSTEAD = "Save it as a plain JPEG."
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0"
_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_NEXT = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The next marker in entropy-coded data, where 0xFF stands before 0, a restart or a fill byte."""


@dataclass(slots=True)
class _Segments:
    """What was met on the way to the first scan."""

    kept: list[bytes | memoryview] = field(default_factory=list)
    exif: bytes | None = None
    xmp: bytes | None = None
    profile: list[tuple[int, bytes]] = field(default_factory=list)
    frame: int = 0
    depth: int = 8
    size: tuple[int, int] = (0, 0)
    components: int = 0


def outline(data: bytes) -> Outline:
    """Read a JPEG's segments up to its first scan, and count the scans of one that has several.

    Raises:
        ImageUnreadable: it has no scan, or no size.
        ImageTooLarge: more than `MAX_SCANS` scans.
    """
    found = _Segments()
    view = memoryview(data)
    scan = _read_header(data, view, found)
    progressive = found.frame in (0xC2, 0xC6, 0xCA, 0xCE)
    several = progressive or data[scan + 4 : scan + 5] != bytes([found.components])
    scans = _count_scans(data, scan) if several else 1
    if scans > USUAL_SCANS and scans * found.size[0] * found.size[1] > MAX_SCANNED_PIXELS:
        raise ImageTooLarge(f"The image costs too much to decode: {scans} scans of so many pixels. {_INSTEAD}")
    return Outline(
        "JPEG",
        b"".join([b"\xff\xd8", *found.kept, view[scan:]]),
        found.size,
        exif_orientation(found.exif) or xmp_orientation(found.xmp),
        b"".join(part for _, part in sorted(found.profile)) or None,
        scans=scans,
        simple=found.depth == 8 and _is_simple(found, scans),
        bytes_per_pixel=8 + (2 * found.components if several else 0),
    )


def _is_simple(found: _Segments, scans: int) -> bool:
    """One pass over the pixels; or few, over few."""
    few = scans <= SIMPLE_SCANS and found.size[0] * found.size[1] <= SIMPLE_PIXELS
    return found.frame in (0xC0, 0xC1, 0xC2) and (few or (scans == 1 and found.frame != 0xC2))


def _read_header(data: bytes, view: memoryview, found: _Segments) -> int:
    """Walk the segments; returns where the first scan begins."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        marker = data[at + 1] if 0 <= at < len(data) - 1 else 0xD9
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA and found.frame:
            return at
        length = int.from_bytes(view[at + 2 : at + 4], "big")
        if marker in (0xD9, 0xDA) or length < 2 or at + 2 + length > len(data):
            break
        _take(marker, view[at : at + 2 + length], found)
        at += 2 + length
    raise ImageUnreadable("The image is damaged or cut short (a JPEG that ends before its pixels); send it again.")


def _take(marker: int, segment: memoryview, found: _Segments) -> None:
    body = segment[4:]
    if marker in _SOF:
        if found.frame or len(body) < 6:
            raise ImageUnreadable("The image is damaged (a JPEG with two frames or none); send it again.")
        found.frame, found.depth, found.components = marker, body[0], body[5]
        found.size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    elif marker == 0xE1 and bytes(body[:6]) == _EXIF:
        found.exif = found.exif or bytes(body[6:])
        return
    elif marker == 0xE1 and bytes(body[: len(_XMP)]) == _XMP:
        found.xmp = found.xmp or bytes(body[len(_XMP) :])
        return
    elif marker == 0xE2 and bytes(body[:12]) == _ICC:
        if len(body) > 14 and len(found.profile) < MAX_PROFILE_BYTES // 65_536:
            found.profile.append((body[12], bytes(body[14:])))
        return
    if _touches_pixels(marker, body):
        found.kept.append(segment)


def _touches_pixels(marker: int, body: memoryview) -> bool:
    """Tables, frames and the two application segments that tell how colours are coded."""
    if marker == 0xE0:
        return bytes(body[:5]) == b"JFIF\0" and len(body) >= 12
    if marker == 0xEE:
        return bytes(body[:5]) == b"Adobe" and len(body) >= 12
    return not (0xE1 <= marker <= 0xEF or marker == 0xFE)


def _count_scans(data: bytes, at: int) -> int:
    """How many scans begin, up to the end of the image."""
    scans, segments = 0, 0
    while found := _NEXT.search(data, at):
        marker, at = found[1][0], found.start()
        if marker == 0xD9:
            break
        scans, segments = scans + (marker == 0xDA), segments + 1
        if scans > MAX_SCANS or segments > 20 * MAX_SCANS:
            raise ImageTooLarge(
                f"The image costs too much to decode: a JPEG of more than {MAX_SCANS} scans. {_INSTEAD}"
            )
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return scans
