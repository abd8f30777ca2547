"""The same garment in another colour: recoloured crops, the teaching material for "the same in navy".

The garment's shading and pattern stay, as steps of lightness and of hue around its mean;
the mean moves to an anchor of the new colour.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.clip.captions import SHADES
from models.train.data.colors import ANCHORS, to_lab

_ANCHOR_LAB = {name: to_lab(np.array(rows, np.uint8)) for name, rows in ANCHORS.items()} | {
    name: to_lab(np.array(shade.anchors, np.uint8)) for name, shade in SHADES.items()
}


def recolored(crop: NDArray[np.uint8], colour: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A cached (S, S, 4) crop with the pixels under its mask moved to a colour of COLOUR_NAMES or a shade of SHADES."""
    lab = cv2.cvtColor(np.ascontiguousarray(crop[..., :3]).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    weight = crop[..., 3:].astype(np.float32) / 255
    inside = crop[..., 3] > 127
    if not inside.any():
        return np.asarray(crop)
    mean = lab[inside].mean(0)
    anchors = _ANCHOR_LAB[colour]
    goal = anchors[rng.integers(len(anchors))] + rng.normal(0, (2.5, 2.0, 2.0))
    contrast = np.clip(0.35 + goal[0] / 100, 0.4, 1.0)
    moved = goal + (lab - mean) * np.array([contrast, 0.3, 0.3], np.float32)
    moved[..., 0] = np.clip(moved[..., 0], 0, 100)
    rgb = np.clip(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1) * 255
    out = np.asarray(crop).copy()
    out[..., :3] = (rgb * weight + crop[..., :3] * (1 - weight) + 0.5).astype(np.uint8)
    return out
