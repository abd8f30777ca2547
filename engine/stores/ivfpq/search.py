"""Searching one view of an edition: exactly where few rows match, else IVFPQ candidates rescored exactly."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings
from engine.filters import Filter
from engine.stores.ivfpq.ann import Ann, Restriction
from engine.stores.ivfpq.columns import matching
from engine.stores.ivfpq.edition import View
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.rows import no_candidates, top_k

_BLOCK = 16_384


class Recent:
    """The latest filters with what matched them, for as long as no row comes or goes.

    Callers ask for every garment of a photo, in both spaces, and page after page, with one filter.
    """

    def __init__(self, most: int = 8) -> None:
        self._most, self._lock = most, Lock()
        self._known: OrderedDict[tuple[object, ...], Matching] = OrderedDict()

    def matching(self, view: View, where: Filter) -> Matching:
        """The rows of the view that match."""
        key = (where, *view.state)
        with self._lock:
            if known := self._known.get(key):
                self._known.move_to_end(key)
                return known
        found = _matching(view, where)
        with self._lock:
            if self._known and next(reversed(self._known))[1:] != key[1:]:
                self._known.clear()
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
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
    allowed = matching(where, view.live, view.prices, view.postings)
    rows = view.ann.rows if view.ann else 0
    indexed = int(np.count_nonzero(allowed[:rows]))
    only = view.ann.restricted(allowed[:rows]) if view.ann and indexed < rows else None
    return Matching(allowed, int(np.count_nonzero(allowed)), indexed, only)


def search(view: View, plan: IvfpqPlan, queries: Embeddings, k: int, where: Filter, recent: Recent) -> list[Candidates]:
    """The k best matching rows of each query, with exact scores; k come whenever k match."""
    found = recent.matching(view, where)
    if not found.count or k <= 0:
        return [no_candidates() for _ in queries]
    k = min(k, found.count)
    ann = view.ann
    if ann is None or found.count <= plan.exact_rows or 2 * plan.depth(k) > found.count:
        rows = np.flatnonzero(found.allowed)
        return [_answer(view, rows, scores, k) for scores in _scores(view.vectors, rows, queries)]
    tail = ann.rows + np.flatnonzero(found.allowed[ann.rows :])
    return [_through_index(view, ann, plan, query, k, found, tail) for query in queries]


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
    nprobe, scan_rows, depth = plan.nprobe, plan.scan_rows, plan.depth(k)
    while True:
        rows = np.sort(index.candidates(query, depth, nprobe, scan_rows, found.only))
        if len(rows) + len(tail) >= k or nprobe >= index.nlist:
            break
        nprobe, scan_rows = 4 * nprobe, 4 * scan_rows
    if len(rows) + len(tail) < k:
        rows = np.flatnonzero(found.allowed[: index.rows])
    scores = [_scores(view.vectors, part, query[None])[0] for part in (rows, tail)]
    return _answer(view, np.concatenate([rows, tail]), np.concatenate(scores), k)


def _scores(vectors: Embeddings, rows: NDArray[np.int64], queries: Embeddings) -> NDArray[np.float32]:
    """(queries, rows) cosines, block by block so that little of the file is in memory at once."""
    scores = np.empty((len(queries), len(rows)), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        whole = int(part[-1]) - int(part[0]) + 1 == len(part)
        block = vectors[part[0] : part[-1] + 1] if whole else vectors[part]
        scores[:, start : start + len(part)] = queries @ block.T
    return scores


def _answer(view: View, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Candidates:
    best = top_k(scores, k)
    ids = [view.ids(int(row)) for row in rows[best]]
    return Candidates(tuple(i.item_id for i in ids), tuple(i.product_id for i in ids), scores[best])
