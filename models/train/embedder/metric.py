"""The last step of training, in closed form: which directions of the features tell products apart.

Linear discriminant analysis with shrinkage: directions in which photos of one product vary (a turn, a fold, the light)
are pressed together, those in which products differ are kept. It is fitted on training crops alone and becomes one
linear layer of the exported file.
Source: Fisher 1936; shrinkage as in Friedman 1989, doi:10.1080/01621459.1989.10478752.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """`(features − mean) @ directions`, whose cosines are to be compared: mean (d,), directions (d, kept)."""

    mean: Matrix
    directions: Matrix

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) → (n, kept), not normalised."""
        return np.asarray((features - self.mean) @ self.directions, np.float32)


def fit_metric(
    features: NDArray[np.float32],
    identities: Sequence[str],
    kept: int,
    *,
    shrink: float = 0.3,
    power: float = 0.5,
) -> Metric:
    """Fit on rows of which some show the same thing.

    Args:
        features: (n, d); rows with an identity of their own count for the spread between products only.
        kept: how many directions to keep, those first in which products differ most.
        shrink: 0 to 1; how much of the spread within products is taken to be the same in every direction.
        power: 0 to 1; 1 makes all directions equally wide within products, 0 leaves their widths as they are.
    """
    rows = features.astype(np.float64)
    codes = np.unique(np.asarray(identities), return_inverse=True)[1]
    means = _means(rows, codes)
    within = _covariance(
        rows - means[codes], int((np.bincount(codes)[codes] > 1).sum() - (np.bincount(codes) > 1).sum())
    )
    within = (1 - shrink) * within + shrink * np.eye(len(within)) * np.trace(within) / len(within)
    widths, axes = np.linalg.eigh(within)
    whiten = axes * widths ** (-power / 2)
    mean = means.mean(0)
    _, turns = np.linalg.eigh(_covariance((means - mean) @ whiten, len(means) - 1))
    return Metric(mean, whiten @ turns[:, ::-1][:, :kept])


def _means(rows: Matrix, codes: NDArray[np.int64]) -> Matrix:
    sums = np.zeros((codes.max() + 1, rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums / np.bincount(codes)[:, None]


def _covariance(centred: Matrix, freedom: int) -> Matrix:
    return np.asarray(centred.T @ centred / max(freedom, 1))
