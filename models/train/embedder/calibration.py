"""Pairs of crops that match and pairs that do not, to fit how cosines are to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from models.train.data.crops import CropRecord


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
