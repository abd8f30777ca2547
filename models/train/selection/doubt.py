"""How much the models doubt about one photo: three signs, each 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Garment
from engine.vision.gate import ANKLES, KNEES, LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SEEN
from models.networks.overlap import box_iou

_LIKELY = 0.15
"""Detections less likely than this have no part in the doubt: every photo has many of them."""
_COVERS: dict[str, frozenset[str]] = {
    "trunk": frozenset({"upper_wear", "outerwear", "full_body"}),
    "legs": frozenset({"lower_wear", "full_body", "outerwear"}),
    "feet": frozenset({"foot_wear"}),
}
"""Which supercategories dress a part of the body."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Signs of doubt, 0 none to 1 most.

    Attributes:
        margin: detections whose score is near the threshold.
        flip: the mirrored photo gives other garments.
        body: parts of a body are seen on which no garment was found.
    """

    margin: float
    flip: float
    body: float

    @property
    def total(self) -> float:
        """All three as one number, 0 to 1."""
        return (self.margin + self.flip + self.body) / 3

    def reasons(self) -> list[str]:
        """What made it doubtful, strongest first, in words."""
        said = (
            (self.margin, "scores near the threshold"),
            (self.flip, "the mirrored photo gives other garments"),
            (self.body, "a part of the body without a garment"),
        )
        return [f"{text} ({value:.2f})" for value, text in sorted(said, reverse=True) if value >= 0.2]


def margin_doubt(scores: Sequence[float], threshold: float) -> float:
    """How undecided the detections are: 1 where each is as likely kept as not.

    A score s is read as the chance s / (s + threshold), which is one half at the threshold. Nothing that is even
    nearly seen is half a doubt: garments were expected.
    """
    chances = np.array([score / (score + threshold) for score in scores])
    chances = chances[chances >= _LIKELY]
    return float((4 * chances * (1 - chances)).mean()) if len(chances) else 0.5


def flip_doubt(garments: Sequence[Garment], mirrored: Sequence[Garment], width: int) -> float:
    """1 − agreement of a photo's garments with those of its mirror image: matched boxes' IoU, twice, over all."""
    theirs = [(g.label, _mirror(g.box, width)) for g in mirrored]
    everything = len(garments) + len(theirs)
    agreed = 0.0
    for garment in garments:
        same = np.array([label == garment.label for label, _ in theirs], bool)
        overlaps = np.where(same, box_iou([garment.box], [box for _, box in theirs])[0], 0.0)
        best = int(np.argmax(overlaps)) if len(overlaps) else -1
        if best >= 0 and overlaps[best] > 0:
            agreed += float(overlaps[best])
            theirs.pop(best)
    return 1 - 2 * agreed / everything if everything else 0.0


def body_doubt(garments: Sequence[Garment], keypoints: NDArray[np.float32] | None, size: tuple[int, ...]) -> float:
    """Share of the visible parts of the main person (trunk, legs, feet) that no garment covers.

    Args:
        keypoints: (17, 3), or None where nobody is seen.
        size: (height, width) of the photo.
    """
    if keypoints is None:
        return 0.0
    shown = _shown_parts(keypoints, size)
    worn = {garment.supercategory for garment in garments}
    bare = [part for part in shown if not _COVERS[part] & worn]
    return len(bare) / len(shown) if shown else 0.0


def _shown_parts(keypoints: NDArray[np.float32], size: tuple[int, ...]) -> list[str]:
    inside = (keypoints[:, :2] >= 0).all(1) & (keypoints[:, 0] < size[1]) & (keypoints[:, 1] < size[0])
    seen = inside & (keypoints[:, 2] >= SEEN)
    parts = {
        "trunk": seen[[LEFT_SHOULDER, RIGHT_SHOULDER]].all() and seen[[LEFT_HIP, RIGHT_HIP]].any(),
        "legs": seen[[LEFT_HIP, RIGHT_HIP]].any() and seen[KNEES].any(),
        "feet": seen[ANKLES].any(),
    }
    return [part for part, shown in parts.items() if shown]


def _mirror(box: Box, width: int) -> Box:
    return width - box[2], box[1], width - box[0], box[3]
