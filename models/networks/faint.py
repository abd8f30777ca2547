"""Garments that are hardly seen, on a person who is seen to wear nothing else in that place.

Somebody who stands there wears something: of a person with shoes alone, a skirt that scores too little to be believed
anywhere else is most likely a skirt. Where nobody is seen nothing is added, so no wall or chair becomes a garment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Person
from engine.vision.crops import MIN_ON_PERSON, SURE_PERSON, overlap
from models.networks.masks import Patch, patch_overlap

MOST_COVERED = 0.3
"""A garment of which other garments cover a larger share is another name for these."""

Thing = tuple[int, Patch]
"""A detection's row and its mask."""


def is_worn(box: Box, people: Sequence[Person]) -> bool:
    """Whether it lies on somebody who is surely a person."""
    return any(person.score >= SURE_PERSON and overlap(box, person.box) >= MIN_ON_PERSON for person in people)


def uncovered(faint: Sequence[Thing], taken: Sequence[Thing], classes: NDArray[np.intp]) -> list[Thing]:
    """Of faint things, best first, those of a class and in a place that nothing taken before has.

    Args:
        classes: the class of every row.
    """
    added: list[Thing] = []
    for row, patch in faint:
        before = [*taken, *added]
        covered = sum(patch_overlap(patch, other) for _, other in before)
        if covered <= MOST_COVERED * patch.area and all(classes[row] != classes[other] for other, _ in before):
            added.append((row, patch))
    return added
