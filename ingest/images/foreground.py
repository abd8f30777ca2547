"""Cutting a product out of its background, where no model saw a garment: a studio's plain one, a floor, a door."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment, Pixels
from engine.vision.crops import box_garment
from engine.vision.grabcut import grab_cut

TOLERANCE = 18.0
"""How far a background pixel may lie from the background's colour, per channel, of 255."""
UNIFORM_SHARE = 0.85
"""So much of the picture's border must be of one colour, or there is no studio background."""
MIN_SHARE, MAX_SHARE = 0.02, 0.97
GRAB_SIDE, GRAB_ROUNDS, GRAB_MARGIN = 200, 4, 0.03
"""GrabCut works on a small copy; the picture's margin is taken as background for certain."""
GRAB_MIN_SHARE, GRAB_MAX_SHARE = 0.05, 0.88
"""Beyond these GrabCut has found a pattern of the background, or nothing to tell apart."""
SPECK_SHARE, GRAB_SPECK_SHARE = 0.02, 0.1
"""Pieces smaller than this share of the largest are dust and shadows, not parts of the product."""


def foreground(pixels: Pixels) -> NDArray[np.bool_] | None:
    """(H, W) bool, True on the product; None where it cannot be told from what it lies on."""
    found = _before_plain(pixels)
    return _grabbed(pixels) if found is None else found


def _before_plain(pixels: Pixels) -> NDArray[np.bool_] | None:
    """What stands before a background of one colour."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.float32)
    color = np.median(border, axis=0)
    if float((np.abs(border - color).max(axis=1) <= TOLERANCE).mean()) < UNIFORM_SHARE:
        return None
    like = (np.abs(pixels.astype(np.float32) - color).max(axis=2) <= TOLERANCE).astype(np.uint8)
    product = _without_specks(~_touching_border(like), SPECK_SHARE)
    return product if MIN_SHARE <= float(product.mean()) <= MAX_SHARE else None


def _grabbed(pixels: Pixels) -> NDArray[np.bool_] | None:
    """What differs in colour from the picture's margin, by GrabCut."""
    height, width = pixels.shape[:2]
    scale = min(1.0, GRAB_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    margin = max(2, round(GRAB_MARGIN * min(size)))
    opened = grab_cut(np.asarray(small, np.uint8), (margin, margin), GRAB_ROUNDS)
    if opened is None:
        return None
    whole = _without_holes(_without_specks(opened, GRAB_SPECK_SHARE))
    if not GRAB_MIN_SHARE <= float(whole.mean()) <= GRAB_MAX_SHARE:
        return None
    return cv2.resize(whole.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


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


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Filled within its outlines: a print in the background's colours belongs to the product."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.astype(bool)


def _without_specks(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= share * max(1, areas.max()))[labels]
    return kept
