"""From words to what is searched with: understood against the catalogue, embedded, and told in the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.color.parsed_text import NO_WISH
from engine.domain import GarmentHits, Hit
from engine.filters import Filter, price_condition
from engine.probe import Probe
from engine.seams import TextEmbedder, VectorStore
from engine.taxonomy import Taxonomy, collection_name
from engine.words.prices import Price
from engine.words.understanding import GENERIC, Understanding, understand

_TURNED_AWAY = 0.1
"""What scores less, where words turn something away, is that."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A query's words as understood, and the part of a probe that they make."""

    read: Understanding
    probe: Probe

    def within(self, where: Filter) -> Filter:
        """A filter together with the price that the words name."""
        price = self.read.price
        if price is None:
            return where
        low, high = (None if abs(bound) == float("inf") else bound for bound in (price.minimum, price.maximum))
        return Filter((*where.conditions, price_condition(low, high)))

    def turn_away(self, hit: Hit) -> bool:
        """Whether a hit is one that the words do not want: it comes behind other kinds of garments too."""
        return bool(self.read.wish.unwanted or self.read.wish.unwanted_words) and hit.score < _TURNED_AWAY

    def notes(self, found: Sequence[GarmentHits]) -> tuple[str, ...]:
        """What is to be said of the words, in sight of the answer."""
        hits = [hit for garment in found for hit in garment.hits]
        price = self.read.price
        if price and not hits:
            return (*self.read.notes, "Nothing has such a price; leave the price out to see what there is.")
        return (*self.read.notes, *_other_currency(price, {hit.product.currency for hit in hits}))


NO_WORDS = Words(Understanding(), Probe())


def words_of(
    positive: Sequence[str],
    negative: Sequence[str],
    texts: TextEmbedder,
    store: VectorStore | None = None,
    taxonomy: Taxonomy | None = None,
    *,
    beside_a_photo: bool = False,
) -> Words:
    """Understand and embed words.

    Args:
        store, taxonomy: the catalogue whose brands, sizes and words may stand in them.
        beside_a_photo: words of which nothing is understood then leave the photo to itself.
    """
    names = [collection_name(name, "semantic") for name in taxonomy.supercategories] if taxonomy else []

    def catalogue(facet: str, values: Collection[str]) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for name in names if store else []:
            if left := set(values) - found:
                found |= store.known_values(name, facet, left) if store else frozenset()
        return found

    kinds = [word for kind in taxonomy.classes.values() for word in (kind.name, *kind.synonyms)] if taxonomy else []
    read = understand(positive, negative, catalogue, kinds)
    if beside_a_photo and read.wish.understood == 0:
        wish = replace(NO_WISH, named=read.wish.named)
        notes = tuple(
            note.replace("what comes is a guess", "the answer rests on the photo alone") for note in read.notes
        )
        read = replace(read, positive=(), wish=wish, notes=notes)
    if beside_a_photo:  # What says no more than "clothes" moves no photo.
        read = replace(read, positive=tuple(text for text in read.positive if text != GENERIC))
    rows = texts.embed_texts([*read.positive, *read.negative]) if read.positive or read.negative else None
    split = len(read.positive)
    probe = Probe(
        positive=None if rows is None else unit_mean(rows[:split]),
        negative=None if rows is None else unit_mean(rows[split:]),
        wish=read.wish,
        words=tuple(positive),
    )
    return Words(read, probe)


def unit_mean(rows: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The mean of some unit rows, of unit norm; None of none."""
    if not len(rows):
        return None
    mean = rows.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _other_currency(price: Price | None, sold_in: set[str | None]) -> tuple[str, ...]:
    others = sorted(code for code in sold_in if code)
    if price is None or price.currency is None or not others or price.currency in others:
        return ()
    return (
        f"The words say {price.currency}, and prices here are in {', '.join(others)}; the number was taken as it is.",
    )
