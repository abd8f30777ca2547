"""The camera: from the painted canvas to the picture, with its exposure and its noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from models.studio.noise import GRAIN, sensor

OVERSAMPLE = 1.3
"""Pictures are painted this much larger and reduced, so that edges and textures are smooth."""


def develop(canvas: NDArray[np.float32], size: tuple[int, int], rng: np.random.Generator, *, candid: bool) -> Pixels:
    """Reduce, expose, add the camera's noise."""
    picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    if candid:
        picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.85, 1.2))
        cast = 1 + np.array([1, 0, -1]) * rng.normal(0, 0.025)
        picture = picture * (cast * rng.uniform(0.85, 1.1)).astype(np.float32)
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 0.9)))
    grain = sensor(int(rng.integers(4)))
    if max(size) > GRAIN:
        grain = np.tile(grain, (-(-size[1] // GRAIN), -(-size[0] // GRAIN), 1))
    y, x = int(rng.integers(grain.shape[0] - size[1] + 1)), int(rng.integers(grain.shape[1] - size[0] + 1))
    amount = rng.uniform(0.006, 0.018) if candid else 0.0045
    picture = cv2.scaleAdd(
        np.ascontiguousarray(grain[y : y + size[1], x : x + size[0]]), amount, np.ascontiguousarray(picture, np.float32)
    )
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255))


def reduce_owners(owners: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The owner of every pixel of the picture, from the canvas's."""
    return np.asarray(cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST), np.uint8)
