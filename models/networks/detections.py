"""Raw detections and greedy non-maximum suppression."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.networks.overlap import box_iou

CANDIDATES = 300
"""Only the best so many enter suppression; a fashion photo shows a dozen things."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n detections.

    Attributes:
        boxes: (n, 4) float32, x0, y0, x1, y1.
        scores: (n,) float32.
        classes: (n,) indices.
        coefficients: (n, prototypes) float32.
        names: (n, classes) float32, the best score of every class for what lies in the same place.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]
    coefficients: NDArray[np.float32]
    names: NDArray[np.float32]

    def take(self, rows: NDArray[np.intp]) -> Detections:
        """Those rows, in that order."""
        taken = self.boxes[rows], self.scores[rows], self.classes[rows], self.coefficients[rows], self.names[rows]
        return Detections(*taken)


def suppress(found: Detections, most_iou: float, limit: int) -> Detections:
    """One detection per thing: of boxes of one class that overlap by more than `most_iou`, the best.

    Best score first, at most `limit`.
    """
    found = found.take(np.argsort(-found.scores, kind="stable")[:CANDIDATES])
    rivals = (box_iou(found.boxes) > most_iou) & (found.classes[:, None] == found.classes[None])
    return found.take(greedy(rivals)[:limit])


def greedy(rivals: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Rows that stay when each, from the first on, removes the later ones that it rivals. (n, n) → (m,)."""
    alive = np.ones(len(rivals), bool)
    for i in range(len(rivals)):
        if alive[i]:
            alive[i + 1 :] &= ~rivals[i, i + 1 :]
    return np.flatnonzero(alive)


def named_here(found: Detections, near: Detections, least_iou: float) -> Detections:
    """The same detections, `names` raised to the best that overlapping boxes of `near` say."""
    here = box_iou(found.boxes, near.boxes) > least_iou
    names = np.where(here[:, :, None], near.names[None], 0).max(axis=1, initial=0)
    return replace(found, names=np.maximum(found.names, names))
