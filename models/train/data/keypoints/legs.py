"""Legs alone, made from a shop's few: one waist on another's legs, other colours and prints, trousers into skirts.

A catalogue of trousers has few people and few poses, so a network soon knows its garments by heart: black ones are
fronts, blue ones backs. Here the garment is taken away as a hint: what stays from picture to picture of one view is
how waists, hands, calves and feet look from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from models.train.data.keypoints.pose import SURE, PoseLabel
from models.train.data.keypoints.pose_made import Made, before_backdrop, figure_mask, stitch
from models.train.data.pictures import read_pixels

_HIPS, _KNEES, _ANKLES = (11, 12), (13, 14), (15, 16)
_LIKE = 34.0
"""Colours this far apart, lightness counting less, are still the same garment in light and shade."""


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """A picture of legs alone, and where its garment is."""

    pixels: Pixels
    label: PoseLabel
    garment: NDArray[np.bool_]


def made_legs(labels: Sequence[PoseLabel], count: int, rng: np.random.Generator) -> Iterator[Made]:
    """As many fronts as backs, hardly a garment twice; half of them before a drawn backdrop.

    Args:
        labels: a shop's legs alone, of known facing.
    """
    known = [p for p in labels if p.keypoints[[*_HIPS, *_ANKLES], 2].min() >= SURE]
    pixels = {p.image: read_pixels(p.image) for p in known}
    for number in range(count):
        facing = "back" if number % 2 else "front"
        ours = [p for p in known if p.facing == facing]
        if not ours:
            continue
        one, other = (ours[int(i)] for i in rng.integers(len(ours), size=2))
        made = stitch(pixels[one.image], one, pixels[other.image], other) if rng.random() < 0.5 else None
        made = _reworked(made or Made(pixels[one.image], one), rng)
        yield before_backdrop(made, rng) if rng.random() < 0.5 else made


def _reworked(made: Made, rng: np.random.Generator) -> Made:
    garment = garment_mask(made.pixels, made.label.keypoints)
    if garment is None:
        return made
    legs = Legs(made.pixels, made.label, garment)
    if rng.random() < 0.4:
        return as_skirt(legs, rng)
    return Made(repainted(legs.pixels, garment, rng), made.label) if rng.random() < 0.85 else made


def garment_mask(pixels: Pixels, keypoints: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """What has the colour of the thighs just below the hips, from the waist down; None where too little has."""
    hips, knees = keypoints[list(_HIPS), :2], keypoints[list(_KNEES), :2]
    tall = float((knees - hips)[:, 1].mean())
    if keypoints[list(_HIPS), 2].min() < SURE or tall < 20:
        return None
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    spots = (hips + 0.15 * (knees - hips)).round().astype(int)
    size = max(2, int(0.06 * tall))
    height, width = pixels.shape[:2]
    x, y = np.clip(spots[:, 0], size, width - 1 - size), np.clip(spots[:, 1], size, height - 1 - size)
    seen = np.concatenate(
        [lab[b - size : b + size, a - size : a + size].reshape(-1, 3) for a, b in zip(x, y, strict=True)]
    )
    apart = np.linalg.norm((lab - np.median(seen, axis=0)) * (0.4, 1, 1), axis=2)
    alike = (apart < _LIKE) & figure_mask(pixels)
    alike[: max(0, int(hips[:, 1].mean() - 0.35 * tall))] = False
    mask = np.asarray(cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    whole = pieces == largest
    return np.asarray(whole) if whole.sum() > 0.1 * tall * tall else None


def repainted(pixels: Pixels, garment: NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """The garment in another colour, perhaps with a print; its folds stay."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    light = lab[..., 0]
    middle = float(np.median(light[garment]))
    wanted, hue, chroma = rng.uniform(25, 235), rng.uniform(0, 2 * np.pi), rng.uniform(0, 55)
    folds = (light - middle) * rng.uniform(0.8, 1.6) * (0.5 + wanted / 255) / (0.4 + middle / 255)
    painted = np.stack(
        [
            wanted + folds,
            np.full_like(light, 128 + chroma * np.cos(hue)),
            np.full_like(light, 128 + chroma * np.sin(hue)),
        ],
        2,
    )
    if rng.random() < 0.4:
        painted += _print(light.shape, rng)[..., None] * rng.normal(0, (45, 20, 20))
    soft = np.asarray(cv2.GaussianBlur(garment.astype(np.float32), (0, 0), 0.8))[..., None]
    mixed = lab * (1 - soft) + painted * soft
    return np.asarray(cv2.cvtColor(np.clip(mixed, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB))


def as_skirt(legs: Legs, rng: np.random.Generator) -> Made:
    """Trousers or shorts as a skirt of one colour: the legs from hip to hem lie under cloth, widening downwards."""
    keypoints, (height, width) = legs.label.keypoints, legs.pixels.shape[:2]
    hip, knee, ankle = (float(keypoints[list(rows), 1].mean()) for rows in (_HIPS, _KNEES, _ANKLES))
    top, bottom = int(hip + 0.05 * (knee - hip)), int(min(height, hip + rng.uniform(0.6, 1.02) * (ankle - hip)))
    spans = _spans(figure_mask(legs.pixels), legs.garment, top, bottom)
    cloth = np.zeros((height, width), bool)
    flare = rng.uniform(0, 0.12) if rng.random() < 0.7 else rng.uniform(0.1, 0.35)
    columns = np.arange(width)
    for row, (left, right) in enumerate(spans, top):
        spread = flare * (row - top)
        cloth[row] = (columns >= left - spread) & (columns <= right + spread)
    if not cloth.any():
        return Made(repainted(legs.pixels, legs.garment, rng), legs.label)
    pixels = legs.pixels.copy()
    pixels[cloth] = _cloth(legs, cloth, rng)[cloth]
    keypoints = keypoints.copy()
    under = keypoints[list(_KNEES), 1] < bottom
    keypoints[list(_KNEES), 2] = np.where(
        under, np.maximum(keypoints[list(_KNEES), 2], SURE), keypoints[list(_KNEES), 2]
    )
    x0, y0, x1, y1 = legs.label.box
    found = np.flatnonzero(cloth.any(0))
    box = min(x0, float(found[0])), y0, max(x1, float(found[-1])), y1
    label = PoseLabel(legs.label.image, box, keypoints, legs.label.view, legs.label.facing)
    return Made(repainted(pixels, legs.garment | cloth, rng), label)


def _spans(figure: NDArray[np.bool_], garment: NDArray[np.bool_], top: int, bottom: int) -> list[tuple[float, float]]:
    """Left and right rim of a skirt per row: as wide as garment or legs have been so far."""
    spans: list[tuple[float, float]] = []
    for row in range(top, bottom):
        columns = np.flatnonzero(garment[row])
        if len(columns) < 3:
            columns = np.flatnonzero(figure[row])
        if len(columns) < 3:
            spans.append(spans[-1] if spans else (1.0, 0.0))
            continue
        left, right = float(columns[0]), float(columns[-1])
        if spans and spans[-1][1] > spans[-1][0]:
            left, right = min(left, spans[-1][0]), max(right, spans[-1][1])
        spans.append((left, right))
    return spans


def _cloth(legs: Legs, cloth: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The garment's colour with upright folds."""
    height, width = cloth.shape
    colour = np.median(legs.pixels[legs.garment], axis=0)
    folds = cv2.GaussianBlur(rng.normal(0, 1, (8, width)), (0, 0), float(rng.uniform(3, 14)), sigmaY=1.5)
    folds = np.asarray(cv2.resize(folds / max(1e-6, folds.std()), (width, height), interpolation=cv2.INTER_CUBIC))
    light = 1 + rng.uniform(0.02, 0.12) * folds + rng.normal(0, 0.01, (height, width))
    return np.asarray(np.clip(colour * light[..., None], 0, 255).astype(np.uint8))


def _print(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blots or stripes, -1 to 1."""
    height, width = shape[:2]
    if rng.random() < 0.35:
        angle, wave = rng.uniform(0, np.pi), rng.uniform(6, 30)
        y, x = np.mgrid[:height, :width]
        return np.asarray(np.sign(np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wave)), np.float32)
    blots = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), float(rng.uniform(1.5, 8)))
    return np.asarray(np.clip(1.5 * blots / max(1e-6, float(blots.std())), -1, 1), np.float32)
