"""How cosines are to be read: a logistic fitted on pairs that match and pairs that do not (Platt 1999)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.seams import Calibration

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
