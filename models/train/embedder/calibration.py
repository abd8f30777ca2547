"""How cosines are to be read: a logistic fitted on pairs that match and pairs that do not (Platt 1999)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from engine.seams import Calibration
from models.train.data.crops import CropRecord

STEPS = 60


def fit_calibration(cosines: NDArray[np.float32], matches: NDArray[np.bool_]) -> Calibration:
    """Logistic regression by Newton's method, both kinds of pairs counting the same in sum.

    Args:
        cosines, matches: (n,), with at least one pair of each kind.
    """
    x = np.stack([cosines.astype(np.float64), np.ones(len(cosines))], 1)
    weight = np.where(matches, 0.5 / max(matches.sum(), 1), 0.5 / max((~matches).sum(), 1))
    slope = np.zeros(2)
    ridge = np.diag([1e-5, 0.0])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ slope, -30, 30)))
        gradient = x.T @ (weight * (chance - matches)) + ridge @ slope
        curvature = (x * (weight * chance * (1 - chance))[:, None]).T @ x + ridge + 1e-9 * np.eye(2)
        slope -= np.clip(np.linalg.solve(curvature, gradient), -20, 20)
    steepness = max(float(slope[0]), 1e-3)
    return Calibration(midpoint=float(-slope[1] / steepness), scale=1 / steepness)


def same_product_pairs(
    records: Sequence[CropRecord], embeddings: Embeddings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Pairs within one class of the taxonomy: the same variant, or another product altogether."""
    return _pairs(
        embeddings,
        rows,
        match=lambda a, b: records[a].identity == records[b].identity,
        miss=lambda a, b: records[a].label == records[b].label and records[a].product != records[b].product,
    )


def same_look_pairs(
    records: Sequence[CropRecord], embeddings: Embeddings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Pairs of different garments within one class: the same kind and colour, or neither."""

    def colour(row: int) -> str:
        return next(iter(records[row].colours), "")

    def kind(row: int) -> str:
        return records[row].category

    return _pairs(
        embeddings,
        rows,
        match=lambda a, b: kind(a) == kind(b) and colour(a) == colour(b),
        miss=lambda a, b: records[a].label == records[b].label and kind(a) != kind(b) and colour(a) != colour(b),
    )


def _pairs(
    embeddings: Embeddings,
    rows: NDArray[np.int64],
    match: Callable[[int, int], bool],
    miss: Callable[[int, int], bool],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    cosines = embeddings[rows] @ embeddings[rows].T
    kept, kinds = [], []
    for i, a in enumerate(rows):
        for j in range(i + 1, len(rows)):
            same = match(int(a), int(rows[j]))
            if same or miss(int(a), int(rows[j])):
                kept.append(cosines[i, j])
                kinds.append(same)
    return np.array(kept, np.float32), np.array(kinds, bool)
