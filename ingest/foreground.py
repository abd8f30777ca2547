"""Cutting a product out of a studio background of nearly one colour, where no model saw a garment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.crops import box_garment
from engine.domain import Garment, Pixels

TOLERANCE = 18.0
"""How far a background pixel may lie from the background's colour, per channel, of 255."""
UNIFORM_SHARE = 0.85
"""So much of the picture's border must be of one colour, or there is no studio background."""
MIN_SHARE, MAX_SHARE = 0.02, 0.97
SPECK_SHARE = 0.02
"""Pieces smaller than this share of the largest are dust and shadows, not parts of the product."""


def foreground(pixels: Pixels) -> NDArray[np.bool_] | None:
    """(H, W) bool, True on the product; None where the background is not of one colour."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.float32)
    color = np.median(border, axis=0)
    if float((np.abs(border - color).max(axis=1) <= TOLERANCE).mean()) < UNIFORM_SHARE:
        return None
    like = (np.abs(pixels.astype(np.float32) - color).max(axis=2) <= TOLERANCE).astype(np.uint8)
    product = _without_specks(~_touching_border(like))
    share = float(product.mean())
    return product if MIN_SHARE <= share <= MAX_SHARE else None


def foreground_garment(pixels: Pixels, label: str, supercategory: str) -> Garment | None:
    """The product as a garment of the class that the feed names, or None where it cannot be cut out."""
    mask = foreground(pixels)
    if mask is None:
        return None
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x0, y0, x1, y1 = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = tuple(np.asarray(o, np.float32).reshape(-1, 2) for o in outlines if len(o) > 2)
    return Garment(label, supercategory, 1.0, (x0, y0, x1, y1), mask[y0:y1, x0:x1], polygons)


def whole_garment(pixels: Pixels, label: str, supercategory: str) -> Garment:
    """The whole picture as one garment."""
    height, width = pixels.shape[:2]
    return box_garment(label, supercategory, (0, 0, width, height), width, height)


def _touching_border(like: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The parts of the background's colour that reach the border: white buttons on a shirt do not."""
    _, labels = cv2.connectedComponents(like, connectivity=4)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outside = np.zeros(int(labels.max()) + 1, bool)
    outside[edge] = True
    outside[0] = False  # label 0 is what is not of the background's colour
    found: NDArray[np.bool_] = outside[labels]
    return found


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= SPECK_SHARE * max(1, areas.max()))[labels]
    return kept
