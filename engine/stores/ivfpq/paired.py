"""A shortlist by arrays: rows of paired indexes by number, scored where they lie, and read only in the end.

Paired collections are written in the same order, so that mostly the same number is the same item in each. Where it is
not (after a crash between two writes, or while one collection is being rebuilt) the item's key finds the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Item
from engine.filters import Filter
from engine.seams import ShortlistQuery
from engine.stores.ivfpq.generation import View
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.journal import decoded, facets_of
from engine.stores.ivfpq.postings import product_key
from engine.stores.ivfpq.search import Pool, ascending, scores_of

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PairedShortlist:
    """Implements `engine.seams.Shortlist` over one view of each collection.

    Attributes:
        views: of every collection asked, and of the one that gives the words.
        rows: (n,) by collection, -1 where it has none.
    """

    views: Mapping[str, View]
    rows: Mapping[str, Rows]
    words: str
    matched_by: NDArray[np.bool_]
    exhausted: bool

    @property
    def products(self) -> NDArray[np.int64]:
        """The products' keys."""
        return self.views[self.words].product_keys[self.rows[self.words]].view(np.int64)

    def cosines(self, name: str, queries: Embeddings) -> NDArray[np.float32]:
        """Exact cosines, NaN where a row does not exist in that collection."""
        rows, vectors = self.rows[name], self.views[name].vectors
        if (rows >= 0).all():
            return scores_of(vectors, rows, queries).T
        scores = np.full((len(rows), len(queries)), np.nan, np.float32)
        scores[rows >= 0] = scores_of(vectors, rows[rows >= 0], queries).T
        return scores

    def facets(self, places: Sequence[int], names: tuple[str, ...]) -> list[Mapping[str, tuple[str, ...]] | None]:
        """These facets of some rows; what else there is of their words is passed over."""
        return [*facets_of(self._bodies(places), names)]

    def items(self, places: Sequence[int]) -> list[Item | None]:
        """The words of some rows."""
        return [decoded(body).item() for body in self._bodies(places)]

    def _bodies(self, places: Sequence[int]) -> list[bytes]:
        view, rows = self.views[self.words], self.rows[self.words][np.asarray(places, np.int64)]
        return view.journal.bodies(view.offsets[rows], view.lengths[rows])


def shortlist(indexes: Mapping[str, DerivedIndex], query: ShortlistQuery) -> PairedShortlist:
    """What `VectorStore.shortlist` asks for, where every collection named has an index."""
    views = {name: indexes[name].view() for name in dict.fromkeys((*query.asked, query.words))}
    pools = [_pools(indexes, views, query, query.where, deep=True)]
    pools += [_pools(indexes, views, query, narrower, deep=False) for narrower in query.also]
    home = views[query.words]
    matched_by = [_united(views, each, home) for each in pools]
    rows = ascending(np.concatenate(matched_by)) if query.also else matched_by[0]
    if query.exclude:
        left_out = np.array([product_key(product) for product in query.exclude], np.uint64)
        rows = rows[~np.isin(home.product_keys[rows], left_out)]
    return PairedShortlist(
        views,
        {name: _in_other(home, rows, view) for name, view in views.items()},
        query.words,
        np.array([_among(rows, each) for each in matched_by]),
        all(pool.whole for pool in pools[0].values()),
    )


def _pools(
    indexes: Mapping[str, DerivedIndex],
    views: Mapping[str, View],
    query: ShortlistQuery,
    where: Filter,
    *,
    deep: bool,
) -> dict[str, Pool]:
    return {
        name: indexes[name].pool(views[name], queries, query.least, where, deep=deep)
        for name, queries in query.asked.items()
        if len(queries)
    }


def _united(views: Mapping[str, View], pools: Mapping[str, Pool], home: View) -> Rows:
    """Every row of some pools once, ascending, by its number in the collection that gives the words."""
    rows = np.concatenate([_in_other(views[name], pool.rows, home) for name, pool in pools.items()])
    return ascending(rows[rows >= 0])


def _among(rows: Rows, some: Rows) -> NDArray[np.bool_]:
    """Which rows are among some others; both are ascending."""
    if not len(some):
        return np.zeros(len(rows), bool)
    return np.equal(some[np.minimum(np.searchsorted(some, rows), len(some) - 1)], rows)


def _in_other(own: View, rows: Rows, other: View) -> Rows:
    """The living rows of a collection that hold the same items, -1 where it has none."""
    if own is other:
        return rows
    keys = own.item_keys[rows]
    same = rows < other.n
    same[same] = (other.item_keys[rows[same]] == keys[same]) & other.live[rows[same]]
    if same.all():
        return rows
    found = rows.copy()
    found[~same] = other.rows_of_keys(keys[~same])
    return found
