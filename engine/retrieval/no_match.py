"""Whether anything that was found is alike at all: the nearest of a catalogue may still be far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.domain import GarmentHits
from engine.retrieval.listing import Listing

NOTHING_ALIKE = 0.5
"""Where the best hit's score is lower, nothing is alike.

Of held-out products asked for others of their kind 0 to 3 in 100 lie lower, and 49 in 100 of those looked for among
another supercategory's products: shoes nearly always, a coat among shirts never.
"""


def shows_the_best(listing: Listing) -> bool:
    """Whether the best hit is among those shown: not on a further page, nor by price."""
    return listing.sort == "relevance" and listing.after is None


def marked(found: GarmentHits) -> GarmentHits:
    """The first hits for a photo's garment or a product, with `no_match` set where there are some and none is alike."""
    best = max((hit.score for hit in found.hits), default=1.0)
    return replace(found, no_match=best < NOTHING_ALIKE)


def notes_on_likeness(found: Sequence[GarmentHits]) -> tuple[str, ...]:
    """A sentence for each answer that has no match."""
    return tuple(
        f"None of the {(each.supercategory or 'products').replace('_', ' ')} found is much like what was asked with; "
        "the hits are the nearest there are."
        for each in found
        if each.no_match
    )
