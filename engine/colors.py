"""Naming a garment's colour, as a shop would: the nearest of a few named colours in CIELAB.

Source of the conversion: CIE 15:2004, D65, as OpenCV implements it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Crop

PALETTE: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((18, 18, 20), (38, 38, 42)),
    "grey": ((90, 90, 92), (130, 130, 132), (170, 170, 172)),
    "white": ((245, 245, 245), (225, 225, 226)),
    "beige": ((222, 205, 175), (200, 180, 150)),
    "brown": ((92, 60, 40), (125, 85, 55), (62, 42, 32)),
    "red": ((190, 25, 35), (150, 20, 30), (220, 50, 50)),
    "burgundy": ((95, 20, 38),),
    "orange": ((235, 125, 35), (215, 100, 30)),
    "yellow": ((240, 210, 60), (215, 175, 45), (250, 235, 140)),
    "green": ((50, 130, 60), (30, 85, 50), (130, 190, 120)),
    "olive": ((95, 95, 50), (120, 120, 75)),
    "turquoise": ((40, 165, 165), (110, 200, 195)),
    "blue": ((45, 95, 190), (75, 130, 200), (140, 180, 225)),
    "navy": ((25, 32, 72), (35, 45, 85)),
    "purple": ((110, 60, 150), (75, 35, 95), (175, 140, 205)),
    "pink": ((235, 150, 180), (220, 90, 140), (245, 195, 210)),
}
"""Names with a few sRGB anchors each, light and dark."""

_SAMPLES = 1024
_GRID = 16 * _SAMPLES
"""Of a larger crop only about so many pixels, on a grid, are looked at: picking by mask reads them all."""


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 3) sRGB uint8 → (n, 3) CIELAB float32."""
    scaled = (rgb.astype(np.float32) / 255.0)[None]
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)[0], np.float32)


_NAMES = [name for name, anchors in PALETTE.items() for _ in anchors]
_ANCHORS = _lab(np.array([a for anchors in PALETTE.values() for a in anchors], np.uint8))


def color_shares(crop: Crop) -> dict[str, float]:
    """How much of the garment has which colour, largest share first; empty for an empty mask."""
    thin = max(1, int((crop.mask.size / _GRID) ** 0.5))
    pixels = crop.pixels[::thin, ::thin][crop.mask[::thin, ::thin]]
    if not len(pixels):
        return {}
    step = max(1, len(pixels) // _SAMPLES)
    distances = np.linalg.norm(_lab(pixels[::step])[:, None] - _ANCHORS[None], axis=2)
    names, counts = np.unique(np.array(_NAMES)[distances.argmin(axis=1)], return_counts=True)
    order = np.argsort(-counts)
    total = counts.sum()
    return {str(names[i]): float(counts[i] / total) for i in order}


def main_color(crop: Crop) -> str | None:
    """The colour of most of the garment, or None where there is no garment."""
    return next(iter(color_shares(crop)), None)
