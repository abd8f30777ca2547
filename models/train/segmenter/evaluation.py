"""The figures of a segmenter: average precision of boxes and masks, recall as served, and what is taken for what.

The truth has one instance per class and person, as the search uses garments, so pieces are to be merged first.
Average precision is the area under the interpolated precision–recall curve (VOC 2010), at an IoU of 0.5 or as
the mean over 0.5, 0.55, … 0.95 (COCO).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box
from models.networks.overlap import box_iou, mask_iou
from models.train.data.datasets import Mask

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MISSED = "missed"
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """Something found or labelled: its class, its box, its whole mask (H, W); `score` is 1 for a label."""

    label: str
    box: Box
    mask: Mask
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found.

    Attributes:
        labelled: instances in the truth.
        box_ap50, mask_ap50: average precision at IoU 0.5.
        box_ap, mask_ap: mean of the average precisions at IoU 0.5 to 0.95.
        recall: share of labelled instances found with a mask IoU of 0.5 at the served thresholds.
        mask_iou: mean IoU of those that were found.
    """

    labelled: int
    box_ap50: float
    box_ap: float
    mask_ap50: float
    mask_ap: float
    recall: float
    mask_iou: float


Photos = Sequence[Sequence[Instance]]


def evaluate(truth: Photos, found: Photos, classes: Sequence[str]) -> Mapping[str, ClassFigures]:
    """Figures per class that the truth shows; both sequences go photo by photo."""
    figures = {}
    for label in classes:
        wanted = [[i for i in photo if i.label == label] for photo in truth]
        given = [[i for i in photo if i.label == label] for photo in found]
        if any(wanted):
            figures[label] = _figures(wanted, given)
    return figures


def _figures(wanted: Photos, given: Photos) -> ClassFigures:
    total = sum(len(photo) for photo in wanted)
    boxes, masks = Overlaps.of(wanted, given, by_mask=False), Overlaps.of(wanted, given, by_mask=True)
    box_aps = [average_precision(boxes.scores, boxes.matched(iou) > 0, total) for iou in IOUS]
    mask_aps = [average_precision(masks.scores, masks.matched(iou) > 0, total) for iou in IOUS]
    ious = masks.matched(IOUS[0])
    hits = ious[ious > 0]
    return ClassFigures(
        labelled=total,
        box_ap50=box_aps[0],
        box_ap=float(np.mean(box_aps)),
        mask_ap50=mask_aps[0],
        mask_ap=float(np.mean(mask_aps)),
        recall=len(hits) / total,
        mask_iou=float(hits.mean()) if len(hits) else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Every detection's score, best first within its photo, and per photo the IoU of detections with labels."""

    scores: NDArray[np.float64]
    tables: Sequence[NDArray[np.float64]]

    @classmethod
    def of(cls, wanted: Photos, given: Photos, *, by_mask: bool) -> Overlaps:
        """Compare the instances of one class."""
        scores: list[float] = []
        tables: list[NDArray[np.float64]] = []
        for labels, detections in zip(wanted, given, strict=True):
            ranked = sorted(detections, key=lambda d: -d.score)
            scores.extend(d.score for d in ranked)
            tables.append(_overlaps(ranked, labels, by_mask=by_mask))
        return cls(np.array(scores, np.float64), tables)

    def matched(self, least: float) -> NDArray[np.float64]:
        """Each detection's IoU with the label it takes, 0 where it takes none.

        Best first, a detection takes the label that it overlaps most, by `least` or more, among those still free.
        """
        ious: list[float] = []
        for table in self.tables:
            free = table.copy()
            for row in range(len(free)):
                column = int(free[row].argmax()) if free.shape[1] else 0
                best = float(free[row, column]) if free.shape[1] else 0.0
                ious.append(best if best >= least else 0.0)
                if best >= least:
                    free[:, column] = 0.0
        return np.array(ious, np.float64)


def _overlaps(these: Sequence[Instance], those: Sequence[Instance], *, by_mask: bool) -> NDArray[np.float64]:
    if by_mask:
        rows = [[mask_iou(one.mask, other.mask) for other in those] for one in these]
        return np.array(rows, np.float64).reshape(len(these), len(those))
    return np.asarray(box_iou([one.box for one in these], [other.box for other in those]), np.float64)


def average_precision(scores: NDArray[np.float64], correct: NDArray[np.bool_], total: int) -> float:
    """Area under the precision–recall curve, precision made monotone (VOC 2010 and COCO)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(correct[order])
    if not len(hits) or not total:
        return 0.0
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / total
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def confusion(truth: Photos, kept: Photos) -> Counter[tuple[str, str]]:
    """How often a labelled class was answered with which, by masks with an IoU of 0.5 or more.

    A labelled garment is answered by the garment that overlaps it most, or `missed`; a garment that lies on no
    labelled one counts as (`nothing`, its class).
    """
    counts: Counter[tuple[str, str]] = Counter()
    for labels, garments in zip(truth, kept, strict=True):
        table = _overlaps(garments, labels, by_mask=True)
        for column, label in enumerate(labels):
            row = int(table[:, column].argmax()) if len(garments) else -1
            answered = row >= 0 and table[row, column] >= IOUS[0]
            counts[label.label, garments[row].label if answered else MISSED] += 1
        for row, garment in enumerate(garments):
            if not len(labels) or table[row].max() < IOUS[0]:
                counts[NOTHING, garment.label] += 1
    return counts


def mask_box(mask: Mask) -> Box:
    """The box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
