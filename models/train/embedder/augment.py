"""Augmented views of cached crops: what changes between two photos of one garment, and nothing that makes it another.

Shape, light and the mask's line vary freely; hue hardly, since colour is part of what a buyer looks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.vision.crops import NEUTRAL


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far views may differ. Shares are probabilities, the rest the largest change.

    `plain_share`: how often the middle is smoothed away, print, buttons and all, as on the back.
    """

    bare_share: float = 0.15
    rough_mask_share: float = 0.3
    rotate_degrees: float = 14.0
    scale: tuple[float, float] = (0.78, 1.2)
    shift: float = 0.08
    squeeze: float = 0.14
    light: float = 0.22
    saturation: float = 0.2
    hue_degrees: float = 5.0
    noise: float = 6.0
    soft_share: float = 0.25
    plain_share: float = 0.2


def shrunk(crop: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The crop no larger than views of `size` pixels need, averaged rather than skipped over."""
    side = round(1.25 * size)
    return np.asarray(crop if crop.shape[0] <= side else cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA))


def augmented(crop: NDArray[np.uint8], size: int, rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    """One (S, S, 4) cached crop → one (size, size, 3) RGB view of the garment, mostly on white."""
    view = _warped(crop, size, rng, how)
    rgb = _relit(view[..., :3], rng, how)
    if rng.random() < how.plain_share:
        rgb = _plain(rgb, view[..., 3], rng)
    chance = rng.random()
    if chance < how.bare_share:
        return rgb
    mask = view[..., 3]
    if chance < how.bare_share + how.rough_mask_share:
        mask = _rough(mask, rng)
    alpha = mask[..., None].astype(np.uint16)
    return ((rgb * alpha + NEUTRAL * (255 - alpha)) // 255).astype(np.uint8)


def _warped(crop: NDArray[np.uint8], size: int, rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    side = crop.shape[0]
    angle = np.deg2rad(rng.uniform(-how.rotate_degrees, how.rotate_degrees))
    zoom = rng.uniform(*how.scale) * size / side
    across = zoom * (1 + rng.uniform(-how.squeeze, how.squeeze)) * (-1 if rng.random() < 0.5 else 1)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[across * cos, -zoom * sin, 0], [across * sin, zoom * cos, 0]])
    centre = np.array([side, side]) / 2
    matrix[:, 2] = np.array([size, size]) * (0.5 + rng.uniform(-how.shift, how.shift, 2)) - matrix[:, :2] @ centre
    border = (NEUTRAL, NEUTRAL, NEUTRAL, 0)
    return np.asarray(
        cv2.warpAffine(np.asarray(crop), matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=border)
    )


def _relit(rgb: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    gains = (1 + rng.uniform(-how.light, how.light)) * (1 + rng.uniform(-0.05, 0.05, 3))
    gamma = 1 + rng.uniform(-how.light, how.light)
    ramp = (np.arange(256) / 255.0) ** gamma * 255
    table = np.clip(ramp[:, None] * gains, 0, 255).astype(np.uint8)
    out = cv2.LUT(rgb, table[:, None, :].reshape(256, 1, 3))
    if rng.random() < 0.5:
        hsv = cv2.cvtColor(out, cv2.COLOR_RGB2HSV)
        turn = round(rng.uniform(-how.hue_degrees, how.hue_degrees) / 2)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + turn) % 180
        vivid = 1 + rng.uniform(-how.saturation, how.saturation)
        hsv[..., 1] = np.clip(hsv[..., 1] * vivid, 0, 255).astype(np.uint8)
        out = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if rng.random() < how.soft_share:
        small = max(24, round(rgb.shape[0] * rng.uniform(0.4, 0.8)))
        out = cv2.resize(cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA), rgb.shape[1::-1])
    if rng.random() < 0.3:
        grain = rng.normal(0, rng.uniform(0, how.noise), rgb.shape[:2])[..., None]
        out = np.clip(out + grain, 0, 255).astype(np.uint8)
    return np.asarray(out, np.uint8)


def _plain(rgb: NDArray[np.uint8], mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """An ellipse about the middle takes the colour that the garment has there on the whole."""
    size = rgb.shape[0]
    inside = np.zeros((size, size), np.uint8)
    centre = tuple(int(v) for v in rng.uniform(0.35, 0.65, 2) * size)
    axes = tuple(int(v) for v in rng.uniform(0.12, 0.3, 2) * size)
    cv2.ellipse(inside, centre, axes, 0, 0, 360, 255, -1)
    chosen = (inside > 0) & (mask > 128)
    if not chosen.any():
        return rgb
    out = rgb.copy()
    out[chosen] = np.median(rgb[chosen], axis=0).astype(np.uint8)
    return out


def _rough(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a segmenter gets wrong: a line too wide or too narrow, a corner lost, a blob of background."""
    size = mask.shape[0]
    kind = rng.integers(4)
    if kind < 2:
        width = int(rng.integers(1, max(2, size // 20))) * 2 + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        return np.asarray(cv2.dilate(mask, kernel) if kind else cv2.erode(mask, kernel), np.uint8)
    out = mask.copy()
    height, width = (int(v) for v in rng.integers(size // 8, max(size // 8 + 1, size // 3), 2))
    y, x = int(rng.integers(size - height)), int(rng.integers(size - width))
    out[y : y + height, x : x + width] = 0 if kind == 2 else 255
    return out
