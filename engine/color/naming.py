"""Naming a garment's colours as a person would, measured on its mask.

Every pixel is given to the nearest of a few anchors in CIELAB; lightness counts less than hue for
vivid pixels, so that folds and shadows do not change a name. The 32,768 answers of a 5-bit RGB cube
are worked out once; naming a garment is then a look-up of some thousand pixels.
Source of the conversion: CIE 15:2004, D65, as OpenCV implements it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Crop, Pixels

ANCHORS: Mapping[str, tuple[tuple[int, int, int], ...]] = MappingProxyType(
    {
        "black": ((12, 12, 13), (32, 31, 33), (48, 46, 46)),
        "white": ((255, 255, 255), (236, 236, 238), (222, 222, 224), (236, 232, 224), (220, 216, 208)),
        "grey": ((196, 196, 198), (160, 160, 162), (125, 126, 128), (92, 93, 96)),
        "beige": ((226, 208, 178), (206, 184, 150), (240, 228, 206), (230, 192, 152)),
        "brown": ((74, 50, 36), (112, 74, 46), (146, 102, 64), (58, 44, 38)),
        "red": ((196, 28, 36), (226, 52, 50), (156, 20, 30), (176, 28, 52)),
        "burgundy": ((96, 22, 38), (122, 32, 52)),
        "pink": ((246, 178, 194), (232, 116, 152), (222, 60, 122), (214, 96, 104), (236, 140, 132), (206, 36, 88)),
        "orange": ((238, 116, 36), (250, 148, 62)),
        "yellow": ((248, 216, 52), (236, 224, 120), (222, 178, 40)),
        "olive": ((98, 94, 52), (124, 118, 72), (72, 72, 46)),
        "green": ((40, 128, 62), (92, 176, 84), (24, 78, 46), (150, 206, 96)),
        "teal": ((22, 128, 132), (92, 200, 182), (150, 222, 206)),
        "light blue": ((152, 196, 230), (186, 212, 236), (110, 172, 222), (140, 166, 196)),
        "blue": ((30, 84, 190), (48, 112, 196), (72, 104, 160), (88, 108, 140), (104, 128, 162)),
        "navy": ((22, 28, 62), (34, 44, 84), (46, 58, 96), (62, 72, 94), (36, 42, 58), (28, 32, 46)),
        "purple": (
            (112, 52, 140),
            (146, 98, 178),
            (82, 38, 92),
            (186, 158, 212),
            (62, 40, 84),
            (122, 104, 146),
            (206, 198, 220),
        ),
    }
)
"""Names with a few sRGB anchors each, light and dark. The names are stable: catalogues keep them as facets."""

COLOR_NAMES: tuple[str, ...] = tuple(ANCHORS)
SECOND_COLOR_SHARE = 0.25
"""A colour that covers at least this share of a garment is worth a word of its own."""

_OWNERS = np.array([COLOR_NAMES.index(name) for name, rows in ANCHORS.items() for _ in rows])
_SAMPLES = 4096


def to_lab(pixels: Pixels) -> NDArray[np.float32]:
    """(…, 3) RGB uint8 → (n, 3) CIELAB float32, L 0–100."""
    scaled = np.ascontiguousarray(pixels.reshape(-1, 1, 3)).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32).reshape(-1, 3)


def nearest_names(pixels: Pixels) -> NDArray[np.intp]:
    """The index into COLOR_NAMES of each of (n, 3) RGB pixels, worked out one by one."""
    lab = to_lab(pixels)
    anchors = to_lab(np.array([rgb for rows in ANCHORS.values() for rgb in rows], np.uint8))
    chroma = np.hypot(lab[:, 1], lab[:, 2])[:, None]
    lightness_weight = np.where(chroma > 20, 0.5, 1.0)
    delta = lab[:, None, :] - anchors[None]
    distance = (lightness_weight * delta[..., 0]) ** 2 + 1.6 * (delta[..., 1] ** 2 + delta[..., 2] ** 2)
    nearest: NDArray[np.intp] = _OWNERS[distance.argmin(1)]
    return nearest


@cache
def _names_by_rgb5() -> NDArray[np.uint8]:
    """(32768,) index into COLOR_NAMES of every 5-bit RGB, at the middle of its cell."""
    steps = np.arange(32, dtype=np.uint8) * 8 + 4
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return nearest_names(cube).astype(np.uint8)


def name_pixels(pixels: Pixels) -> NDArray[np.uint8]:
    """The index into COLOR_NAMES of each of (n, 3) RGB pixels, by look-up."""
    return np.asarray(_names_by_rgb5()[rgb5(pixels)], np.uint8)


def rgb5(pixels: Pixels) -> NDArray[np.uint16]:
    """(n, 3) RGB → the cell of each in a 5-bit RGB cube, 0 to 32767."""
    high = (pixels >> 3).astype(np.uint16)
    return np.asarray((high[:, 0] << 10) | (high[:, 1] << 5) | high[:, 2], np.uint16)


def garment_pixels(pixels: Pixels, mask: NDArray[np.bool_], samples: int = _SAMPLES) -> Pixels:
    """(n, 3): an even sample of the pixels under the mask, the grid thinned before the mask is applied."""
    step = max(1, int((mask.size / samples) ** 0.5))
    inside = pixels[::step, ::step][mask[::step, ::step]]
    return inside if len(inside) >= 64 or step == 1 else pixels[mask]


def color_shares(pixels: Pixels, mask: NDArray[np.bool_]) -> dict[str, float]:
    """How much of a garment has which colour, largest share first; empty for an empty mask."""
    inside = garment_pixels(pixels, mask)
    if not len(inside):
        return {}
    shares = np.bincount(name_pixels(inside), minlength=len(COLOR_NAMES)) / len(inside)
    return {COLOR_NAMES[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i] > 0}


def named_colors(shares: Mapping[str, float]) -> tuple[str, ...]:
    """One or two names, the main colour first, out of `color_shares`."""
    return tuple(name for i, (name, share) in enumerate([*shares.items()][:2]) if not i or share >= SECOND_COLOR_SHARE)


def main_color(crop: Crop) -> str | None:
    """The colour of most of the garment, or None where there is no garment."""
    return next(iter(color_shares(crop.pixels, crop.mask)), None)
