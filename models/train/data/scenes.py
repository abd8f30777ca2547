"""Scenes made from labelled photos: bystanders blurred, people moved to a studio, flat-lays cut from the floor.

A street photo labels one person only, so the others must not be there while the detector learns; and shops
show people before plain walls and garments without people, which street photos do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels
from engine.vision.grabcut import grab_cut
from models.train.data.datasets import LabelledPhoto, Mask, crop_photo

FRAMES = {"whole": 0.3, "thigh": 0.2, "headless": 0.1, "legs": 0.4}
"""How often a scene is framed which way."""
DRESSED = {"whole": 0.5, "thigh": 0.3, "headless": 0.2}

_Value = TypeVar("_Value", bound=np.generic)


def without_bystanders(photo: LabelledPhoto, people: Sequence[Box]) -> LabelledPhoto:
    """Blur every person beyond recognition but the labelled one, whose surroundings stay untouched."""
    main = photo.masks.get("person")
    if main is None:
        return photo
    height, width = main.shape
    hidden = np.zeros(main.shape, np.uint8)
    for x0, y0, x1, y1 in people:
        if _share_of_box(main, (x0, y0, x1, y1)) < 0.25:
            pad = 0.06 * (y1 - y0)
            corner, far = (int(x0 - pad), int(y0 - pad)), (int(x1 + pad), int(y1 + pad))
            cv2.rectangle(hidden, corner, far, 255, -1)
    if not hidden.any():
        return photo
    near = cv2.dilate(main.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    hidden[near] = 0
    alpha = cv2.GaussianBlur(hidden, (0, 0), 4).astype(np.float32)[..., None] / 255
    alpha[near] = 0
    small = cv2.resize(photo.pixels, (max(1, width // 24), max(1, height // 24)), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = photo.pixels * (1 - alpha) + blurred * alpha
    return LabelledPhoto(photo.name, pixels.clip(0, 255).astype(np.uint8), photo.masks)


def around_person(photo: LabelledPhoto, rng: np.random.Generator) -> LabelledPhoto:
    """Crop to the main person with a generous, random margin: 5–60 % of the person's size on each side."""
    main = photo.masks.get("person")
    if main is None:
        return photo
    (x0, y0, x1, y1), (height, width) = _box(main), main.shape
    left, right = rng.uniform(0.05, 0.6, 2) * (x1 - x0)
    top, bottom = rng.uniform(0.02, 0.3, 2) * (y1 - y0)
    box = max(0, int(x0 - left)), max(0, int(y0 - top)), min(width, int(x1 + right)), min(height, int(y1 + bottom))
    return crop_photo(photo, box, photo.name)


def in_studio(photo: LabelledPhoto, name: str, rng: np.random.Generator, framed: str | None = None) -> LabelledPhoto:
    """The main person before a plain wall, framed as shops frame: whole, to the thigh, headless, or legs alone.

    Whoever wears a dress is never shown as legs alone: a shop that frames so sells skirts and trousers.

    Args:
        framed: one of `FRAMES`; drawn where none is given.
    """
    main = photo.masks.get("person")
    if main is None:
        return photo
    x0, y0, x1, y1 = _box(main)
    tall, wide = y1 - y0, x1 - x0
    shares = DRESSED if "dress" in photo.masks else FRAMES
    frame = framed or rng.choice(list(shares), p=list(shares.values()))
    top, bottom = {
        "whole": (-rng.uniform(0.02, 0.15), 1 + rng.uniform(0.02, 0.15)),
        "thigh": (-rng.uniform(-0.03, 0.1), rng.uniform(0.42, 0.75)),
        "headless": (rng.uniform(0.1, 0.2), rng.uniform(0.55, 1.05)),
        "legs": (rng.uniform(0.3, 0.45), 1 + rng.uniform(0.02, 0.08)),
    }[str(frame)]
    height = max(32, int((bottom - top) * tall))
    width = max(32, int(max(wide * rng.uniform(1.05, 1.6), height * rng.uniform(0.55, 0.85))))
    shift = (int(x0 - (width - wide) * rng.uniform(0.2, 0.8)), int(y0 + top * tall))
    wall = plain_wall(height, width, rng)
    mask = _window(main, shift, (height, width))
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    pixels = _window(photo.pixels, shift, (height, width)) * alpha + wall * (1 - alpha)
    masks = {label: _window(m, shift, (height, width)) for label, m in photo.masks.items()}
    moved = LabelledPhoto(name, pixels.clip(0, 255).astype(np.uint8), masks)
    return crop_photo(moved, (0, 0, width, height), name)  # Drops classes that left the frame.


def plain_wall(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A studio background (H, W, 3): nearly white, grey or pastel, with soft light and a little noise."""
    base = rng.uniform(225, 255) if rng.random() < 0.6 else rng.uniform(120, 230)
    colour = base + rng.normal(0, 4 if rng.random() < 0.8 else 20, 3)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = rng.normal(0, 8) * x + rng.normal(0, 10) * y - rng.uniform(0, 14) * (x**2 + y**2)
    noise = rng.normal(0, 2, (height, width))
    return np.clip(colour + (light + noise)[..., None], 0, 255).astype(np.float32)


def flat_lay_mask(pixels: Pixels) -> Mask | None:
    """The one garment lying in the middle of a photo, or None where it cannot be told from the floor.

    GrabCut from a central rectangle, then checks: one big piece, clear of most of the border, of plausible size.
    """
    height, width = pixels.shape[:2]
    mx, my = int(0.05 * width), int(0.05 * height)
    grabbed = grab_cut(np.ascontiguousarray(pixels[..., ::-1]), (mx, my), rounds=4)
    if grabbed is None:
        return None
    mask = cv2.morphologyEx(grabbed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = [cv2.contourArea(contour) for contour in contours]
    if not areas:
        return None
    big = [c for c, area in zip(contours, areas, strict=True) if area >= 0.25 * max(areas)]
    if len(big) > 2 or sum(areas) - sum(cv2.contourArea(c) for c in big) > 0.06 * sum(areas):
        return None
    whole = np.zeros_like(mask)
    cv2.drawContours(whole, big, -1, 1, -1)
    filled, share = whole > 0, float(whole.mean())
    edge = np.concatenate([filled[my], filled[-my - 1], filled[:, mx], filled[:, -mx - 1]]).mean()
    solidity = sum(cv2.contourArea(c) for c in big) / max(1.0, sum(cv2.contourArea(cv2.convexHull(c)) for c in big))
    plausible = 0.12 <= share <= 0.75 and edge <= 0.12 and solidity >= 0.6 and whole.sum() <= 1.25 * mask.sum()
    return filled if plausible else None


def _box(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _share_of_box(mask: Mask, box: Box) -> float:
    """How much of a box the mask fills: the main person's own box is well filled by its mask."""
    x0, y0, x1, y1 = (max(0, int(value)) for value in box)
    inside = mask[y0:y1, x0:x1]
    return float(inside.mean()) if inside.size else 1.0


def _window(array: NDArray[_Value], shift: tuple[int, int], size: tuple[int, int]) -> NDArray[_Value]:
    """The (height, width) window of an array that starts at `shift` (x, y); zeros outside."""
    (x, y), (height, width) = shift, size
    out = np.zeros((height, width, *array.shape[2:]), array.dtype)
    y0, y1, x0, x1 = max(0, y), min(array.shape[0], y + height), max(0, x), min(array.shape[1], x + width)
    if y1 > y0 and x1 > x0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = array[y0:y1, x0:x1]
    return out
