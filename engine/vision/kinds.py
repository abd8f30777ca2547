"""A garment's class as the semantic model sees it, where nobody wears it and the segmenter is in doubt.

On a person the segmenter goes by where a garment is worn; a shirt that lies on a floor it may take for a jacket. The
semantic model has learnt kinds from many such pictures, and holds in every embedding how likely each of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.domain import Embeddings, Garment, Person
from engine.taxonomy import Taxonomy
from engine.vision.crops import SURE_PERSON

SURE_GARMENT = 0.85
"""Garments that score at least this keep the segmenter's class unasked; so do three in four."""
SURE_KIND = 0.8
"""The share of the kinds of one supercategory from which on a garment is of it; figures in docs/adr/0011."""


@dataclass(frozen=True, slots=True)
class LearntKinds:
    """Where in a semantic embedding the square roots of the kinds' shares stand.

    Attributes:
        start: the first one's place.
        classes: the class of each kind; one that the taxonomy does not have counts for nothing.
    """

    start: int
    classes: tuple[str, ...]

    def renamed(self, garment: Garment, embedding: Embeddings, taxonomy: Taxonomy) -> Garment:
        """The garment as what the kinds say it is; the segmenter's supercategory is one that it may also be.

        Args:
            embedding: (dim,) the garment's semantic embedding.
        """
        shares = embedding[self.start : self.start + len(self.classes)] ** 2
        by_class: dict[str, float] = {}
        for name, share in zip(self.classes, (shares / max(shares.sum(), 1e-9)).tolist(), strict=True):
            by_class[name] = by_class.get(name, 0.0) + share
        known = {name: share for name, share in by_class.items() if name in taxonomy.classes}
        label = max(known, key=known.__getitem__, default=garment.label)
        supercategory = taxonomy.supercategory_of(label)
        sure = sum(share for name, share in known.items() if taxonomy.supercategory_of(name) == supercategory)
        if supercategory == garment.supercategory or sure < SURE_KIND:
            return garment
        also = tuple(name for name in garment.supercategories if name != supercategory)
        return replace(garment, label=label, supercategory=supercategory, also=also)


def doubtful(garments: Sequence[Garment], people: Sequence[Person]) -> list[int]:
    """Which garments the segmenter may have taken for something else: unsure ones of a picture without a person."""
    if any(person.score >= SURE_PERSON for person in people):
        return []
    return [place for place, garment in enumerate(garments) if garment.score < SURE_GARMENT]
