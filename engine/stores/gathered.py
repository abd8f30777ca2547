"""A shortlist for stores that answer by item ids: candidates of every collection, their embeddings asked for by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings, Item
from engine.filters import Filter
from engine.seams import ShortlistQuery, VectorStore


@dataclass(frozen=True, slots=True, eq=False)
class GatheredShortlist:
    """Implements `engine.seams.Shortlist`; embeddings and words are fetched when they are asked for.

    Attributes:
        known: items that were brought already, by item_id.
    """

    store: VectorStore
    words: str
    item_ids: tuple[str, ...]
    products: NDArray[np.int64]
    matched_by: NDArray[np.bool_]
    exhausted: bool
    known: dict[str, Item | None]

    def cosines(self, name: str, queries: Embeddings) -> NDArray[np.float32]:
        """Exact cosines, NaN where a row does not exist in that collection."""
        embeddings, present = self.store.embeddings(name, self.item_ids)
        scores = np.full((len(self.item_ids), len(queries)), np.nan, np.float32)
        if any(present):
            scores[present] = embeddings[present] @ queries.T
        return scores

    def facets(self, places: Sequence[int], names: tuple[str, ...]) -> list[Mapping[str, tuple[str, ...]] | None]:
        """These facets of some rows."""
        items = self.items(places)
        return [{name: item.facets[name] for name in names if name in item.facets} if item else None for item in items]

    def items(self, places: Sequence[int]) -> list[Item | None]:
        """The words of some rows; those brought before are not asked for again."""
        ids = [self.item_ids[place] for place in places]
        if wanted := [item_id for item_id in ids if item_id not in self.known]:
            self.known.update(zip(wanted, self.store.items(self.words, wanted), strict=True))
        return [self.known[item_id] for item_id in ids]


def gathered(store: VectorStore, query: ShortlistQuery) -> GatheredShortlist:
    """What `VectorStore.shortlist` asks for, by the store's own `search`."""
    found = _search_all(store, query, query.where)
    exhausted = all(len(answer.item_ids) < query.least for answer in found)
    narrower = [] if exhausted else [_search_all(store, query, each) for each in query.also]
    products: dict[str, str] = {}
    for answer in (answer for answers in (found, *narrower) for answer in answers):
        products.update(zip(answer.item_ids, answer.product_ids, strict=True))
    kept = [item_id for item_id, product_id in products.items() if product_id not in query.exclude]
    numbers: dict[str, int] = {}
    known: dict[str, Item | None] = {}
    if exhausted and query.also:  # Few rows, all of them here: their words tell which filters they match.
        known = dict(zip(kept, store.items(query.words, kept), strict=True))
        matched_by = [[(item := known[i]) is not None and each.matches(item) for i in kept] for each in query.also]
    else:
        ids = [{item_id for answer in answers for item_id in answer.item_ids} for answers in narrower]
        matched_by = [[item_id in each for item_id in kept] for each in ids]
    first = {item_id for answer in found for item_id in answer.item_ids}
    return GatheredShortlist(
        store,
        query.words,
        tuple(kept),
        np.array([numbers.setdefault(products[item_id], len(numbers)) for item_id in kept], np.int64),
        np.array([[item_id in first for item_id in kept], *matched_by], bool),
        exhausted,
        known,
    )


def _search_all(store: VectorStore, query: ShortlistQuery, where: Filter) -> list[Candidates]:
    return [
        answer
        for name, queries in query.asked.items()
        if len(queries)
        for answer in store.search(name, queries, query.least, where)
    ]
