"""The plain baseline of a segmenter: where garments usually are on a person, whatever the photo shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box
from models.architectures.accessories import CLASSES
from models.networks.segmenter import PERSON
from models.train.data.datasets import CcpFolder
from models.train.segmenter.evaluation import Instance, Photos, mask_box

GRID = (96, 48)
"""Height and width that a person's box is divided into."""


@dataclass(frozen=True, slots=True, eq=False)
class UsualPlaces:
    """Per class, how often a photo shows it, and each cell's share of the photos that do."""

    often: dict[str, float]
    places: dict[str, NDArray[np.float32]]

    def guess(self, person: Box, size: tuple[int, int]) -> list[Instance]:
        """Every class where it usually is on a person; the score is how often it is worn at all."""
        x0, y0, x1, y1 = (round(value) for value in person)
        instances = []
        for label, place in self.places.items():
            mask = np.zeros(size, bool)
            shape = cv2.resize(place, (max(1, x1 - x0), max(1, y1 - y0)), interpolation=cv2.INTER_LINEAR) >= 0.5
            top, left = max(0, y0), max(0, x0)
            inside = mask[top:y1, left:x1]
            inside[:] = shape[top - y0 :, left - x0 :][: inside.shape[0], : inside.shape[1]]
            if mask.any():
                instances.append(Instance(label, mask_box(mask), mask, self.often[label]))
        return instances


def learn_places(ccp: Path, split: str = "fit") -> UsualPlaces:
    """Average the garments of a split's people, each person's box brought to one grid."""
    folder = CcpFolder(ccp)
    sums: dict[str, NDArray[np.float32]] = {}
    counts: dict[str, int] = {}
    names = folder.split(split)
    photos = (folder.read(name).masks for name in names)
    for masks in (shown for shown in photos if PERSON in shown):
        x0, y0, x1, y1 = (int(value) for value in mask_box(masks[PERSON]))
        for label in (c for c in CLASSES if c != PERSON and c in masks):
            cell = cv2.resize(masks[label][y0:y1, x0:x1].astype(np.float32), GRID[::-1], interpolation=cv2.INTER_AREA)
            sums[label] = sums.get(label, np.zeros(GRID, np.float32)) + cell
            counts[label] = counts.get(label, 0) + 1
    often = {label: count / len(names) for label, count in counts.items()}
    return UsualPlaces(often, {label: total / np.float32(counts[label]) for label, total in sums.items()})


def guess_all(places: UsualPlaces, people: Sequence[Box | None], sizes: Sequence[tuple[int, int]]) -> Photos:
    """The guesses for photos whose main person is known; none where nobody was found."""
    return [places.guess(box, size) if box else [] for box, size in zip(people, sizes, strict=True)]
