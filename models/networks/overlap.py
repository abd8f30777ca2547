"""Intersection over union, of boxes and of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]


def box_iou(boxes: ArrayLike, others: ArrayLike | None = None) -> Floats:
    """How much boxes overlap; among themselves where others are not given.

    Args:
        boxes: (n, 4) as x0, y0, x1, y1; `others` (m, 4). None of either is fine.
    Returns:
        (n, m), of 0 to 1; 0 for boxes without area.
    """
    these = _rows(boxes)
    those = these if others is None else _rows(others)
    low, high = np.maximum(these[:, None, :2], those[None, :, :2]), np.minimum(these[:, None, 2:], those[None, :, 2:])
    meet = np.prod(np.clip(high - low, 0, None), axis=2)
    area, other_area = (np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1) for b in (these, those))
    either = area[:, None] + other_area[None] - meet
    return np.asarray(meet / np.maximum(either, 1e-9))


def _rows(boxes: ArrayLike) -> Floats:
    rows = np.asarray(boxes)
    return rows.astype(rows.dtype if np.issubdtype(rows.dtype, np.floating) else np.float64).reshape(-1, 4)


def mask_meet(
    a: NDArray[np.bool_], b: NDArray[np.bool_], at: tuple[int, int] = (0, 0), other: tuple[int, int] = (0, 0)
) -> int:
    """The pixels that two masks (h, w) share whose top left corners lie at (x, y) `at` and `other`."""
    left, top = max(at[0], other[0]), max(at[1], other[1])
    right = min(at[0] + a.shape[1], other[0] + b.shape[1])
    bottom = min(at[1] + a.shape[0], other[1] + b.shape[0])
    if left >= right or top >= bottom:
        return 0
    of_a = a[top - at[1] : bottom - at[1], left - at[0] : right - at[0]]
    of_b = b[top - other[1] : bottom - other[1], left - other[0] : right - other[0]]
    return int(np.count_nonzero(of_a & of_b))


def mask_iou(
    a: NDArray[np.bool_], b: NDArray[np.bool_], at: tuple[int, int] = (0, 0), other: tuple[int, int] = (0, 0)
) -> float:
    """How much two masks (h, w) overlap whose top left corners lie at (x, y) `at` and `other`; 0 for two empty ones."""
    meet = mask_meet(a, b, at, other)
    either = int(np.count_nonzero(a)) + int(np.count_nonzero(b)) - meet
    return meet / either if either else 0.0
