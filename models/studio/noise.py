"""Low-frequency noise as tiles that wrap around: folds, crumples, weave. Made once, sampled often."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZE = 256
"""Side of a noise tile in texels."""


def _field(seed: int, size: int, across: tuple[float, float], along: tuple[float, float]) -> NDArray[np.float64]:
    """Noise whose waves per tile lie around (mean, spread) in x and in y; unit standard deviation."""
    rng = np.random.default_rng(seed)
    fx, fy = np.abs(np.fft.fftfreq(size)[None, :] * size), np.abs(np.fft.fftfreq(size)[:, None] * size)
    amplitude = np.exp(-(((fx - across[0]) / across[1]) ** 2) - ((fy - along[0]) / along[1]) ** 2)
    amplitude[0, 0] = 0.0
    field = np.fft.ifft2(amplitude * np.exp(2j * np.pi * rng.random((size, size)))).real
    return np.asarray(field / (field.std() + 1e-12))


def _relief(height: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Light from the upper left on a height field."""
    slope = height - np.roll(height, reach, 1) + 0.8 * (height - np.roll(height, reach, 0))
    return np.asarray(slope / (slope.std() + 1e-12))


@lru_cache(maxsize=64)
def tile(kind: str, seed: int = 0, size: int = SIZE) -> NDArray[np.float32]:
    """A wrapping noise tile, (size, size) float32, about -1 to 1.

    Kinds: `drape` long vertical folds, `cross` wrinkles across, `crumple` soft
    creases all over, `cloud` smooth blotches, `grain` fine noise, `strand` hair.
    """
    if kind == "drape":
        waves = _field(seed, size, (5.0, 2.5), (0.0, 0.8))
        field = np.tanh(0.8 * waves + 0.3 * _field(seed + 1, size, (12.0, 4.0), (0.0, 1.2)))
    elif kind == "cross":
        ridge = 1 - np.abs(_field(seed, size, (1.0, 1.2), (4.0, 2.2)))
        field = np.tanh(0.8 * _relief(np.tanh(1.5 * ridge) + 0.3 * _field(seed + 1, size, (2.0, 1.0), (3.0, 2.0)), 5))
    elif kind == "crumple":
        ridge = 1 - np.abs(_field(seed, size, (1.2, 1.3), (1.6, 1.8)))
        field = np.tanh(0.75 * _relief(np.tanh(1.6 * ridge) + 0.5 * _field(seed + 1, size, (1.0, 1.2), (1.0, 1.2)), 5))
    elif kind == "cloud":
        field = np.tanh(_field(seed, size, (2.0, 2.5), (2.0, 2.5)))
    elif kind == "strand":
        field = np.tanh(_field(seed, size, (24.0, 14.0), (0.0, 2.0)))
    else:
        field = np.clip(np.random.default_rng(seed).normal(0, 0.5, (size, size)), -1.5, 1.5)
    return np.ascontiguousarray(field - field.mean(), np.float32)


GRAIN = 768
"""Side of a tile of camera noise in pixels."""


@lru_cache(maxsize=4)
def sensor(seed: int) -> NDArray[np.float32]:
    """Camera noise, (GRAIN, GRAIN, 3) float32 with standard deviation 1, slightly soft."""
    rng = np.random.default_rng(seed)
    grain = rng.standard_normal((GRAIN, GRAIN, 3), np.float32) + 0.6 * rng.standard_normal(
        (GRAIN, GRAIN, 1), np.float32
    )
    soft = grain + 0.5 * (np.roll(grain, 1, 0) + np.roll(grain, 1, 1))
    return np.ascontiguousarray(soft / soft.std(), np.float32)
