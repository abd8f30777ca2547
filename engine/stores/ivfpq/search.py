"""Searching one view of a generation: exactly where few rows match, else IVFPQ candidates rescored exactly."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings
from engine.filters import Filter
from engine.stores.ivfpq.ann import Ann, Restriction, products_at
from engine.stores.ivfpq.columns import matching
from engine.stores.ivfpq.generation import View
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.rows import no_candidates, top_k

_BLOCK = 16_384


class Recent:
    """The latest filters with what matched them, for as long as no row comes or goes.

    Callers ask for every garment of a photo, in both spaces, and page after page, with one filter.
    """

    def __init__(self, most: int = 8) -> None:
        self._lock, self._state = Lock(), tuple[object, ...]()
        self._known: LRUCache[Filter, Matching] = LRUCache(most)

    def matching(self, view: View, where: Filter) -> Matching:
        """The rows of the view that match."""
        with self._lock:
            if self._state == view.state and (known := self._known.get(where)):
                return known
        found = _matching(view, where)
        with self._lock:
            if self._state != view.state:
                self._known.clear()
                self._state = view.state
            self._known[where] = found
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """The rows that match a filter.

    Attributes:
        allowed: (n,) of a view's rows.
        count: how many they are; indexed: how many of them the index covers.
        only: them alone, for the index; None where it covers no others, or there is none.
    """

    allowed: NDArray[np.bool_]
    count: int
    indexed: int
    only: Restriction | None


def _matching(view: View, where: Filter) -> Matching:
    allowed = rows_that_match(view, where)
    rows = view.ann.rows if view.ann else 0
    indexed = int(np.count_nonzero(allowed[:rows]))
    only = view.ann.restricted(allowed[:rows]) if view.ann and indexed < rows else None
    return Matching(allowed, int(np.count_nonzero(allowed)), indexed, only)


def rows_that_match(view: View, where: Filter) -> NDArray[np.bool_]:
    """(n,) which rows are alive and match."""
    return matching(where, view.live, view.prices, view.postings)


def search(view: View, plan: IvfpqPlan, queries: Embeddings, k: int, where: Filter, recent: Recent) -> list[Candidates]:
    """The k best matching rows of each query, with exact scores; k come whenever k match."""
    found = recent.matching(view, where)
    if not found.count or k <= 0:
        return [no_candidates() for _ in queries]
    k = min(k, found.count)
    ann = view.ann
    if ann is None or found.count <= plan.exact_rows or 2 * plan.depth(k) > found.count:
        rows = np.flatnonzero(found.allowed)
        return [_answer(view, rows, scores, k) for scores in scores_of(view.vectors, rows, queries)]
    tail = ann.rows + np.flatnonzero(found.allowed[ann.rows :])
    return [_through_index(view, ann, plan, query, k, found, tail) for query in queries]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Rows that are near some queries, ascending, each once; `whole` where every matching row is here."""

    rows: NDArray[np.int64]
    whole: bool


def pool(
    view: View, plan: IvfpqPlan, queries: Embeddings, least: int, where: Filter, recent: Recent, *, deep: bool = True
) -> Pool:
    """The rows that the index holds for nearest, unscored, and all that it does not cover yet but the farthest.

    Args:
        deep: give as many as the plan does for a fused order, not only those that surely hold the `least` nearest.
    """
    found = recent.matching(view, where)
    depth = max(plan.pool(found.count), least) if deep else plan.depth(least)
    if view.ann is None or found.count <= max(plan.exact_rows, depth):
        return Pool(np.flatnonzero(found.allowed), True)
    ann, tail = view.ann, view.ann.rows + np.flatnonzero(found.allowed[view.ann.rows :])
    near = [_near(ann, plan, query, depth, max(0, least - len(tail)), found) for query in queries]
    if len(tail) > depth:
        tail = np.concatenate([tail[top_k(scores, depth)] for scores in scores_of(view.vectors, tail, queries)])
    return Pool(ascending(np.concatenate([*near, tail])), False)


def ascending(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each row once, in order. NumPy's `unique` takes ten times as long for a thousand of them."""
    rows = np.sort(rows)
    begins = np.ones(len(rows), bool)
    np.not_equal(rows[1:], rows[:-1], out=begins[1:])
    return rows[begins]


def count(view: View, where: Filter, recent: Recent) -> int:
    """How many rows match."""
    return recent.matching(view, where).count


def _through_index(
    view: View,
    index: Ann,
    plan: IvfpqPlan,
    query: NDArray[np.float32],
    k: int,
    found: Matching,
    tail: NDArray[np.int64],
) -> Candidates:
    """Candidates of the index and every row written after it, scored exactly; wider until k are there."""
    rows = np.sort(_near(index, plan, query, plan.depth(k), k - len(tail), found))
    scores = [scores_of(view.vectors, part, query[None])[0] for part in (rows, tail)]
    return _answer(view, np.concatenate([rows, tail]), np.concatenate(scores), k)


def _near(
    index: Ann, plan: IvfpqPlan, query: NDArray[np.float32], depth: int, least: int, found: Matching
) -> NDArray[np.int64]:
    """At most `depth` of the index's matching rows, the nearest by their codes; wider until `least` are there."""
    reach = plan.reach(index.nlist)
    while True:
        rows = index.candidates(query, depth, reach, found.only)
        if len(rows) >= least:
            return rows
        if reach.nprobe >= index.nlist:
            return np.flatnonzero(found.allowed[: index.rows])
        reach = reach.wider(4)


def scores_of(vectors: Embeddings, rows: NDArray[np.int64], queries: Embeddings) -> NDArray[np.float32]:
    """(queries, rows) cosines. Rows that lie together are multiplied block by block, scattered ones where they lie."""
    scores = np.empty((len(queries), len(rows)), np.float32)
    if len(rows) and not (int(rows[-1]) - int(rows[0]) + 1 == len(rows) and (np.diff(rows) == 1).all()):
        for n, query in enumerate(queries):
            scores[n] = products_at(vectors, rows, query)
        return scores
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        scores[:, start : start + len(part)] = queries @ vectors[part[0] : part[-1] + 1].T
    return scores


def _answer(view: View, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Candidates:
    best = top_k(scores, k)
    ids = [view.ids(int(row)) for row in rows[best]]
    return Candidates(tuple(i.item_id for i in ids), tuple(i.product_id for i in ids), scores[best])
