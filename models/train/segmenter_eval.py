"""Measure a segmenter of a profile on CCP's validation split, as it is served: wrapper, thresholds and all.

The truth has one instance per class and person, as the search uses garments, so pieces are to be merged first.
Average precision is the area under the interpolated precision–recall curve at IoU 0.5, of boxes and of masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box
from models.train.datasets import Mask


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
        recall: share of labelled instances found with a mask IoU of 0.5 at the served thresholds.
        mask_iou: mean IoU of those that were found.
    """

    labelled: int
    box_ap50: float
    mask_ap50: float
    recall: float
    mask_iou: float


def evaluate(
    truth: Sequence[Sequence[Instance]], found: Sequence[Sequence[Instance]], classes: Sequence[str]
) -> Mapping[str, ClassFigures]:
    """Figures per class that the truth shows; both sequences go photo by photo."""
    figures = {}
    for label in classes:
        wanted = [[i for i in photo if i.label == label] for photo in truth]
        given = [[i for i in photo if i.label == label] for photo in found]
        total = sum(len(photo) for photo in wanted)
        if not total:
            continue
        boxes = match(wanted, given, by_mask=False)
        masks = match(wanted, given, by_mask=True)
        hits = masks.ious[masks.ious >= 0.5]
        figures[label] = ClassFigures(
            total,
            average_precision(boxes.scores, boxes.ious >= 0.5, total),
            average_precision(masks.scores, masks.ious >= 0.5, total),
            len(hits) / total,
            float(hits.mean()) if len(hits) else 0.0,
        )
    return figures


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Every detection's score and its IoU with the label it took, 0 where it took none."""

    scores: NDArray[np.float64]
    ious: NDArray[np.float64]


def match(wanted: Sequence[Sequence[Instance]], given: Sequence[Sequence[Instance]], *, by_mask: bool) -> Matches:
    """Give each detection, best first, the label of its photo that it overlaps most and that is still free."""
    scores, ious = [], []
    for labels, detections in zip(wanted, given, strict=True):
        free = list(labels)
        for detection in sorted(detections, key=lambda d: -d.score):
            overlaps = [(mask_iou if by_mask else box_iou)(detection, label) for label in free]
            best = int(np.argmax(overlaps)) if overlaps else -1
            taken = best >= 0 and overlaps[best] >= 0.5
            scores.append(detection.score)
            ious.append(overlaps[best] if taken else 0.0)
            if taken:
                free.pop(best)
    return Matches(np.array(scores), np.array(ious))


def average_precision(scores: NDArray[np.float64], correct: NDArray[np.bool_], total: int) -> float:
    """Area under the precision–recall curve, precision made monotone (VOC 2010 and COCO)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(correct[order])
    if not len(hits) or not total:
        return 0.0
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / total
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def mask_iou(a: Instance, b: Instance) -> float:
    """Intersection over union of two masks of one photo."""
    either = np.count_nonzero(a.mask | b.mask)
    return float(np.count_nonzero(a.mask & b.mask) / either) if either else 0.0


def box_iou(a: Instance, b: Instance) -> float:
    """Intersection over union of two boxes."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    meet = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    return meet / max(1e-9, (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - meet)


def mask_box(mask: Mask) -> Box:
    """The box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
