"""From words to what is searched with: understood against the catalogue, embedded, and told in the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.domain import GarmentHits, Hit
from engine.filters import Filter, price_condition
from engine.retrieval.query_vectors import QueryVectors
from engine.seams import TextEmbedder, VectorStore
from engine.taxonomy import Taxonomy, collection_name
from engine.values import BRAND_FACET
from engine.words.categories import CategoryNames
from engine.words.codes import Identified, Lookup, WithoutCodes, take_codes
from engine.words.parsed_text import NO_TEXT, ParsedText, kind_said
from engine.words.prices import Price
from engine.words.understanding import GENERIC, Understanding, understand
from engine.words.vocabulary import Vocabulary

_TURNED_AWAY = 0.1
"""What scores less, where words turn something away, is that."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A query's words as understood, and the part of the query vectors that they make.

    Attributes:
        identified: products that the words name by a code; alone: and there are no other words.
    """

    read: Understanding
    query_vectors: QueryVectors
    identified: tuple[Identified, ...] = ()
    alone: bool = False

    def within(self, where: Filter) -> Filter:
        """A filter together with the price that the words name."""
        price = self.read.price
        if price is None:
            return where
        low, high = (None if abs(bound) == float("inf") else bound for bound in (price.minimum, price.maximum))
        return Filter((*where.conditions, price_condition(low, high)))

    def turn_away(self, hit: Hit) -> bool:
        """Whether a hit is one that the words do not want: it comes behind other kinds of garments too."""
        return bool(self.read.parsed.unwanted or self.read.parsed.unwanted_words) and hit.score < _TURNED_AWAY

    def notes(self, found: Sequence[GarmentHits]) -> tuple[str, ...]:
        """What is to be said of the words, in sight of the answer."""
        hits = [hit for garment in found for hit in garment.hits]
        price = self.read.price
        if price and not hits:
            return (*self.read.notes, "Nothing is in that price range; leave the price out to see other products.")
        return (
            *self.read.notes,
            *_without_brand(self.read.parsed, hits),
            *_other_currency(price, {hit.product.currency for hit in hits}),
        )


NO_WORDS = Words(Understanding(), QueryVectors())


def words_of(
    positive: Sequence[str],
    negative: Sequence[str],
    texts: TextEmbedder,
    store: VectorStore | None = None,
    taxonomy: Taxonomy | None = None,
    *,
    beside_a_photo: bool = False,
    codes: Lookup | None = None,
    vocabulary: Vocabulary | None = None,
    categories: CategoryNames | None = None,
) -> Words:
    """Understand and embed words.

    Args:
        store, taxonomy: the catalogue whose brands, sizes and words may stand in them.
        codes: looks ids and article numbers up; vocabulary: the shop's terms, for words with a slip in them.
        categories: compares words with the vocabulary's names of categories.
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
    without = [take_codes(text, codes) for text in positive] if codes else []
    identified = tuple(dict.fromkeys(each for text in without for each in text.identified))
    asked = [text.text for text in without if text.text.strip()] if without else positive
    read = understand(asked, negative, catalogue, kinds, vocabulary)
    read = replace(read, notes=(*_on_codes(identified), *_on_unknown_codes(without), *read.notes))
    if beside_a_photo and read.parsed.understood == 0:
        parsed = replace(NO_TEXT, named=read.parsed.named)
        notes = tuple(
            note.replace("the results are a guess", "the answer rests on the photo alone") for note in read.notes
        )
        read = replace(read, positive=(), parsed=parsed, notes=notes)
    if beside_a_photo:  # What says no more than "clothes" moves no photo.
        read = replace(read, positive=tuple(text for text in read.positive if text != GENERIC))
    if vocabulary is not None and categories is not None and read.positive:
        parsed = replace(read.parsed, categories=_categories(read, texts, vocabulary, categories))
        read = replace(read, parsed=parsed)
    rows = texts.embed_texts([*read.positive, *read.negative]) if read.positive or read.negative else None
    split = len(read.positive)
    query_vectors = QueryVectors(
        positive=None if rows is None else unit_mean(rows[:split]),
        negative=None if rows is None else unit_mean(rows[split:]),
        parsed=read.parsed,
        words=tuple(asked),
    )
    return Words(read, query_vectors, identified, alone=bool(identified) and not asked and not negative)


def _categories(
    read: Understanding, texts: TextEmbedder, vocabulary: Vocabulary, categories: CategoryNames
) -> tuple[tuple[str, float], ...]:
    """The shop's categories that any of the wanted texts comes near."""
    names, nearest = vocabulary.categories(), dict[str, float]()
    for words in dict.fromkeys(map(kind_said, read.kinds[: len(read.positive)])):
        for name, near in categories.near(texts, names, words):
            nearest[name] = max(near, nearest.get(name, 0.0))
    return tuple(nearest.items())


def _without_brand(parsed: ParsedText, hits: Sequence[Hit]) -> list[str]:
    """That a brand asked for is not among what was found, where there are hits."""
    brands = [each for each in parsed.named if each.facet == BRAND_FACET]
    if not brands or not hits or any("brand" in hit.matched_by for hit in hits):
        return []
    return ["Nothing of that brand fits the other words; these are of other brands."]


def _on_codes(identified: Sequence[Identified]) -> list[str]:
    codes = {each.code: each for each in identified}
    return [f'"{code}" is the {each.called} of a product, which comes first.' for code, each in codes.items()]


def _on_unknown_codes(texts: Sequence[WithoutCodes]) -> list[str]:
    return [
        f'No indexed product has the id, GTIN or article number "{code}".' for text in texts for code in text.unknown
    ]


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
