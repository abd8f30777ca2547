"""Tunics over trousers, made of street photos that show a shorter top over trousers.

Shops sell tunics to the knee; street photos hardly show any, and a network takes what reaches to the knee for a dress.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.data.datasets import LabelledPhoto, Mask

LEAST_TROUSERS = 0.35
"""Share of a person's height from which on what is worn below is trousers, no skirt or shorts."""
HEM = (0.58, 0.8)
"""Where a tunic ends, in shares of a person's height."""


def with_long_top(photo: LabelledPhoto, name: str, rng: np.random.Generator) -> LabelledPhoto | None:
    """The photo with the top drawn down towards the knees; None where there is no top over trousers alone."""
    masks = photo.masks
    if not {"upper_wear", "lower_wear", "person"} <= set(masks) or {"dress", "outerwear"} & set(masks):
        return None
    top, below, person = (masks[label] for label in ("upper_wear", "lower_wear", "person"))
    rows = np.flatnonzero(person.any(1))
    tall = rows[-1] - rows[0]
    hem, end = _hem(top), int(rows[0] + rng.uniform(*HEM) * tall)
    if _hem(below) - hem < LEAST_TROUSERS * tall or end - hem < 0.1 * tall:
        return None
    source = _source(top, below, hem, end, float(rng.uniform(1.0, 1.4)))
    if source is None:
        return None
    columns, lines, drawn = source
    cloth = cv2.remap(photo.pixels, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 0.8)[..., None]
    folds = 1 + 0.08 * np.sin(columns / tall * rng.uniform(40, 120) + rng.uniform(0, 6))[..., None]
    pixels = photo.pixels * (1 - alpha) + cloth * folds * alpha
    longer = {"upper_wear": top | drawn, "person": person | drawn}
    others = {label: mask & ~drawn for label, mask in masks.items() if label not in longer}
    return LabelledPhoto(name, pixels.clip(0, 255).astype(np.uint8), {**others, **longer})


def _hem(mask: Mask) -> int:
    """The row below which hardly anything of a garment lies."""
    return int(np.searchsorted(np.cumsum(mask.sum(1)), 0.97 * mask.sum()))


def _source(
    top: Mask, below: Mask, hem: int, end: int, flare: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], Mask] | None:
    """Where each pixel's cloth comes from (x, y), and which pixels are cloth: a flared piece from the hem to `end`.

    The cloth is the lower half of the top, mirrored at the hem as often as it takes.
    """
    first = int(np.flatnonzero(top.any(1))[0])
    start = hem - max(4, (hem - first) // 8)
    waist = np.flatnonzero((top | below)[start])
    if len(waist) < 8:
        return None
    left, right, length = float(waist[0]), float(waist[-1]), max(4, (start - first) // 2)
    x, y = np.meshgrid(np.arange(top.shape[1], dtype=np.float32), np.arange(top.shape[0], dtype=np.float32))
    wide = 1 + (flare - 1) * (y - start) / max(1, end - start)
    across = (x - (left + right) / 2) / np.maximum(wide, 1e-3)
    drawn = (y >= start) & (y < end) & (np.abs(across) <= (right - left) / 2)
    turn = (y - start) % (2 * length)
    lines = start - np.where(turn < length, turn, 2 * length - turn)
    return np.asarray((left + right) / 2 + 0.8 * across, np.float32), np.asarray(lines, np.float32), drawn
