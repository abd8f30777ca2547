"""Pictures that lack only their end: the rows that are there are shown, as every browser does."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from PIL import Image, ImageFile

from engine.decoding.formats.outline import Outline

ENOUGH = 0.75
"""With fewer of its rows a picture is refused: half a garment is another garment."""
MOST_MISSING = 0.1
"""Of the bytes of a WebP, which tells no rows."""
ENOUGH_SCANS = 5
"""A progressive JPEG shows the whole picture by its first scans; the others sharpen it."""
_CUT_SHORT = (OSError, SyntaxError, EOFError, IndexError, ValueError)
_BY_ROWS = ("JPEG", "PNG", "GIF", "BMP")


def loaded(image: ImageFile.ImageFile, outline: Outline, reopened: Callable[[], ImageFile.ImageFile]) -> Image.Image:
    """The decoded picture.

    Args:
        image: opened, at the scale at which it is to be decoded; `reopened` opens it once more, just so.
    Raises:
        Exception: whatever the decoder raises, where too little of the picture is there.
    """
    if outline.missing > MOST_MISSING:
        raise OSError("more than a tenth of the file is missing")
    try:
        image.load()
        return image
    except _CUT_SHORT:
        found = _rows(reopened) if outline.kind in _BY_ROWS and not outline.whole else None
        if found is None:
            raise
        return found


def ended(outline: Outline) -> Outline:
    """The file; a progressive JPEG of enough scans with the mark of its end, where that is missing."""
    if outline.kind != "JPEG" or outline.scans < ENOUGH_SCANS or outline.data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return outline
    return replace(outline, data=outline.data + b"\xff\xd9")


def _rows(reopened: Callable[[], ImageFile.ImageFile]) -> Image.Image | None:
    """The rows that are there, the rest white; None where too few are.

    Decoded once over black and once over white: rows that differ are those that the decoder did not reach.
    """
    black = _over(reopened(), 0)
    before = _row_sums(black) if black else []
    del black  # There is room for one of them.
    white = _over(reopened(), 255)
    if not before or white is None:
        return None
    there = sum(a == b for a, b in zip(before, _row_sums(white), strict=False))
    return white if there >= ENOUGH * white.size[1] else None


def _row_sums(image: Image.Image) -> list[int]:
    """A checksum of each row."""
    width, height = image.size
    return [zlib.crc32(image.crop((0, y, width, y + 1)).tobytes()) for y in range(height)]


def _over(image: ImageFile.ImageFile, fill: int) -> Image.Image | None:
    bands = len(image.getbands())
    canvas = Image.new(image.mode, image.size, (fill,) * bands if bands > 1 else fill).im
    image.im = canvas
    with suppress(*_CUT_SHORT):
        image.load()
    if image.im is not canvas:
        return None
    image.tile = []
    return image
