"""Names for the colours of a garment, measured on its mask: what a person would call them.

Every pixel is given to the nearest of a few anchors in CIE Lab; lightness counts less than
hue for vivid pixels, so that folds and shadows do not change a name. The names are the
training captions' words, and the truth that text searches are measured against.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels

ANCHORS: Mapping[str, tuple[tuple[int, int, int], ...]] = MappingProxyType(
    {
        "black": ((12, 12, 13), (32, 31, 33), (48, 46, 46)),
        "white": ((255, 255, 255), (236, 236, 238), (222, 222, 224)),
        "grey": ((196, 196, 198), (160, 160, 162), (125, 126, 128), (92, 93, 96)),
        "beige": ((226, 208, 178), (206, 184, 150), (240, 228, 206)),
        "brown": ((74, 50, 36), (112, 74, 46), (146, 102, 64), (58, 44, 38)),
        "red": ((196, 28, 36), (226, 52, 50), (156, 20, 30)),
        "burgundy": ((96, 22, 38), (122, 32, 52)),
        "pink": ((246, 178, 194), (232, 116, 152), (222, 60, 122)),
        "orange": ((238, 116, 36), (250, 148, 62)),
        "yellow": ((248, 216, 52), (236, 224, 120), (222, 178, 40)),
        "olive": ((98, 94, 52), (124, 118, 72), (72, 72, 46)),
        "green": ((40, 128, 62), (92, 176, 84), (24, 78, 46), (150, 206, 96)),
        "teal": ((22, 128, 132), (92, 200, 182), (150, 222, 206)),
        "light blue": ((152, 196, 230), (186, 212, 236), (110, 172, 222)),
        "blue": ((30, 84, 190), (48, 112, 196), (72, 104, 160)),
        "navy": ((22, 28, 62), (34, 44, 84), (46, 58, 96), (62, 72, 94), (36, 42, 58)),
        "purple": ((112, 52, 140), (146, 98, 178), (82, 38, 92), (186, 158, 212), (62, 40, 84), (122, 104, 146)),
    }
)
COLOUR_NAMES: tuple[str, ...] = tuple(ANCHORS)
SECOND_COLOUR_SHARE = 0.25
"""A colour that covers at least this share of a garment is worth a word of its own."""

_OWNERS = np.array([COLOUR_NAMES.index(name) for name, rows in ANCHORS.items() for _ in rows])


def to_lab(pixels: Pixels) -> NDArray[np.float32]:
    """(n, 3) RGB uint8 → (n, 3) CIE Lab, L 0–100."""
    lab = cv2.cvtColor(np.ascontiguousarray(pixels.reshape(-1, 1, 3)).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32).reshape(-1, 3)


_ANCHOR_LAB = to_lab(np.array([rgb for rows in ANCHORS.values() for rgb in rows], np.uint8))


def name_pixels(pixels: Pixels) -> NDArray[np.intp]:
    """The index into COLOUR_NAMES of each of (n, 3) RGB pixels."""
    lab = to_lab(pixels)
    chroma = np.hypot(lab[:, 1], lab[:, 2])[:, None]
    lightness_weight = np.where(chroma > 20, 0.5, 1.0)
    delta = lab[:, None, :] - _ANCHOR_LAB[None]
    distance = (lightness_weight * delta[..., 0]) ** 2 + 1.6 * (delta[..., 1] ** 2 + delta[..., 2] ** 2)
    nearest: NDArray[np.intp] = _OWNERS[distance.argmin(1)]
    return nearest


def colour_shares(pixels: Pixels, mask: NDArray[np.bool_], sample: int = 1500) -> dict[str, float]:
    """The share of each colour among the pixels under the mask, largest first; empty for an empty mask."""
    inside = pixels[mask]
    if not len(inside):
        return {}
    inside = inside[:: max(1, len(inside) // sample)]
    counts = np.bincount(name_pixels(inside), minlength=len(COLOUR_NAMES)) / len(inside)
    return {COLOUR_NAMES[i]: float(counts[i]) for i in np.argsort(-counts, kind="stable") if counts[i] > 0}


def colours_of(pixels: Pixels, mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """One or two names, the main colour first."""
    shares = colour_shares(pixels, mask)
    names = list(shares)
    return tuple(name for i, name in enumerate(names[:2]) if i == 0 or shares[name] >= SECOND_COLOUR_SHARE)
