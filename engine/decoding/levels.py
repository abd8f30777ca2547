"""Which values of a picture of more than 8 bits are black and white, and the picture in 8 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from engine.errors import ImageUnreadable

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
"""Tags of TIFF."""
_FULL_FROM = 2.0**24
"""A value from here on tells that 32 bits are used to their end."""
_OVER = 1.25
"""Resampling leaves values that are a little above white, or below black."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The values of black and of white; white may be the smaller one."""

    black: float = 0.0
    white: float = 255.0

    def applied(self, image: Image.Image) -> Image.Image:
        """A picture of one channel (mode I or F, or I;16) as L."""
        values = image if image.mode in ("I", "F") else image.convert("I")
        slope = 255 / (self.white - self.black)
        return values.point(lambda value: value * slope + -self.black * slope).convert("L")

    def inverted(self) -> Levels:
        """As white is written where it is zero."""
        return Levels(self.white, self.black)


def levels_of(image: Image.Image) -> Levels:
    """The levels of a picture of one channel: a TIFF's tags tell them, else its values may."""
    if not image.mode.startswith(("I", "F")):
        return Levels()
    tags: Any = getattr(image, "tag_v2", {})
    bits, signed = first_of(tags.get(_BITS), 16), first_of(tags.get(_SAMPLE_FORMAT), 1) == 2
    low, high = extremes(image) if image.mode in ("I", "F") else (0.0, 0.0)
    if image.mode == "F":
        levels = levels_of_fractions(low, high, guess=True)
    else:
        levels = levels_of_whole_numbers(low, high, bits, signed=signed)
    return levels.inverted() if tags.get(_PHOTOMETRIC) == 0 else levels


def levels_of_fractions(low: float, high: float, *, guess: bool = False) -> Levels:
    """The levels of floating point: 0 to 1, 0 to 255, 0 to 65535 or -1 to 1.

    Args:
        guess: of other ranges the brightest value is white; the colours of several channels would change by that.
    Raises:
        ImageUnreadable: which value is white cannot be told.
    """
    if math.isfinite(low) and math.isfinite(high):
        for white, least in ((1.0, 0.0), (255.0, 16.0), (65535.0, 4096.0)):
            if least <= high <= white * (_OVER if white == 1 else 1) and low >= -white / 10:
                return Levels(0.0, white)
        if -_OVER <= low < 0 and high <= _OVER:
            return Levels(-1.0, 1.0)
        if guess and high > 0:
            return Levels(0.0, high)
    raise ImageUnreadable(
        f"The image's values are floating point from {low:g} to {high:g}, and which of them is white cannot be told; "
        "send it with 8 or 16 bits."
    )


def levels_of_whole_numbers(low: float, high: float, bits: int, *, signed: bool) -> Levels:
    """The levels of whole numbers: of all that so many bits can hold, or of 8 or 16 bits in 32.

    Where there are values below 0, black is the least that there can be.
    """
    most = 2.0 ** (bits - signed) - 1
    if signed and low < 0:
        return Levels(-most - 1, most)
    if bits <= 16 or high >= _FULL_FROM:
        return Levels(0.0, most)
    return Levels(0.0, 255.0 if 16 <= high <= 255 else max(65535.0, high))


def extremes(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest value of a picture of one channel."""
    low, high = image.getextrema()
    return (float(low), float(high)) if isinstance(low, int | float) and isinstance(high, int | float) else (0.0, 0.0)


def first_of(value: object, otherwise: int) -> int:
    """A tag's number, the first where it has several."""
    one = value[0] if isinstance(value, tuple) and value else value
    return one if isinstance(one, int) else otherwise
