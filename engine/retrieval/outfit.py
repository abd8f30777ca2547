"""The rest of a look: which garments of a product's own picture are not the product itself."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain import Box, Garment
from engine.vision.crops import box_area

SAME = 0.5
"""A garment whose box agrees so much with the product's (intersection over union) is the product, whatever its name."""


def beside(garments: Sequence[Garment], own: Box, supercategory: str) -> list[int]:
    """The numbers of the garments that are worn with the product.

    Args:
        garments: seen in the product's picture.
        own: the product's own box in the same pixels, as it was indexed; supercategory: what it was indexed as.
    """
    return [
        number
        for number, garment in enumerate(garments)
        if garment.supercategory != supercategory and _agreement(garment.box, own) < SAME
    ]


def _agreement(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    meet = box_area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    return meet / max(box_area(one) + box_area(other) - meet, 1e-9)
