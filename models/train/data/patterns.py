"""Garments in other cloth: checked, striped, dotted, printed, so that no class is told by its pattern.

Street photos show checks on coats and hardly on shirts, and a network takes a shop's checked shirt for a coat.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.data.datasets import LabelledPhoto

PATTERNED = ("upper_wear", "dress", "outerwear", "lower_wear")
"""What is shown in other cloth, the likelier the earlier: shops sell patterned tops above all."""
_ODDS = np.array([0.6, 0.15, 0.1, 0.15])
_CLOTHS = ("checks", "stripes", "dots", "print")
_CLOTH_ODDS = (0.45, 0.25, 0.1, 0.2)

Floats = NDArray[np.float32]


def in_other_cloth(photo: LabelledPhoto, rng: np.random.Generator) -> LabelledPhoto:
    """The photo with one garment's colour replaced by a pattern; its folds and shadows stay."""
    odds = _ODDS * [label in photo.masks for label in PATTERNED]
    if not odds.any():
        return photo
    mask = photo.masks[PATTERNED[rng.choice(len(PATTERNED), p=odds / odds.sum())]]
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) + 20
    shade = (grey / np.median(grey[mask])).clip(0.5, 1.5)[..., None] ** 0.8
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    cloth = _cloth(mask.shape[0], mask.shape[1], rng) * shade
    return replace(photo, pixels=(photo.pixels * (1 - alpha) + cloth * alpha).clip(0, 255).astype(np.uint8))


def _cloth(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A patterned cloth (H, W, 3), a little turned and warped."""
    ground, first, second = rng.uniform(15, 245, (3, 3)).astype(np.float32)
    x, y = _places(height, width, rng)
    period = float(rng.uniform(0.015, 0.09)) * height
    kind = str(rng.choice(_CLOTHS, p=_CLOTH_ODDS))
    if kind == "print":
        noise = rng.normal(size=(max(2, int(height / period)), max(2, int(width / period)))).astype(np.float32)
        where = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        return _over(_over(_flat(ground, where), first, where > 0.5), second, where < -0.7)
    across, along = _bands(x, period, rng.uniform(0.2, 0.6)), _bands(y, period, rng.uniform(0.2, 0.6))
    if kind == "dots":
        return _over(_flat(ground, x), first, across * along)
    if kind == "stripes":
        return _over(_flat(ground, x), first, across if rng.random() < 0.4 else along)
    checks = _over(_over(_flat(ground, x), first, 0.55 * across), first, 0.55 * along)
    thin = np.maximum(_bands(x + period / 3, period, 0.08), _bands(y + period / 3, period, 0.08))
    return _over(checks, second, 0.7 * thin)


def _places(height: int, width: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Where each pixel lies on the cloth: turned by some degrees, in soft waves."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    turn = np.deg2rad(rng.normal(0, 5) + (45 if rng.random() < 0.1 else 0))
    waves = rng.normal(0, 0.01 * height, (2, 5, 5)).astype(np.float32)
    dx, dy = (cv2.resize(wave, (width, height), interpolation=cv2.INTER_CUBIC) for wave in waves)
    x = np.cos(turn) * columns + np.sin(turn) * rows + dx
    return np.asarray(x, np.float32), np.asarray(np.cos(turn) * rows - np.sin(turn) * columns + dy, np.float32)


def _bands(place: Floats, period: float, share: float) -> Floats:
    return ((place / period) % 1 < share).astype(np.float32)


def _flat(colour: Floats, like: Floats) -> Floats:
    return np.broadcast_to(colour, (*like.shape, 3)).astype(np.float32)


def _over(cloth: Floats, colour: Floats, alpha: NDArray[np.generic]) -> Floats:
    share = np.asarray(alpha, np.float32)[..., None]
    return np.asarray(cloth * (1 - share) + colour * share, np.float32)
