"""Searching one view of an edition: exactly where few rows match, else IVFPQ candidates rescored exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings
from engine.filters import Filter
from engine.stores.ivfpq.ann import Ann
from engine.stores.ivfpq.columns import matching
from engine.stores.ivfpq.edition import View
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.rows import no_candidates, top_k

_BLOCK = 16_384


def search(view: View, plan: IvfpqPlan, queries: Embeddings, k: int, where: Filter) -> list[Candidates]:
    """The k best matching rows of each query, with exact scores; k come whenever k match."""
    allowed = matching(where, view.live, view.prices, view.postings)
    matches = int(np.count_nonzero(allowed))
    if not matches or k <= 0:
        return [no_candidates() for _ in queries]
    k = min(k, matches)
    ann = view.ann
    if ann is None or matches <= plan.exact_rows or 2 * plan.depth(k, matches / view.n) > matches:
        rows = np.flatnonzero(allowed)
        return [_answer(view, rows, scores, k) for scores in _scores(view.vectors, rows, queries)]
    tail = ann.rows + np.flatnonzero(allowed[ann.rows :])
    return [_through_index(view, ann, plan, query, k, allowed, tail) for query in queries]


def count(view: View, where: Filter) -> int:
    """How many rows match."""
    return int(np.count_nonzero(matching(where, view.live, view.prices, view.postings)))


def _through_index(
    view: View,
    index: Ann,
    plan: IvfpqPlan,
    query: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_],
    tail: NDArray[np.int64],
) -> Candidates:
    """Candidates of the index and every row written after it, scored exactly; wider until k are there."""
    indexed = allowed[: index.rows]
    matches = int(np.count_nonzero(indexed))
    selector = None if matches == index.rows else indexed
    nprobe, depth = plan.probes(index.nlist, matches), plan.depth(k, matches / index.rows)
    while True:
        rows = np.sort(index.candidates(query, depth, nprobe, selector))
        if len(rows) + len(tail) >= k or nprobe >= index.nlist:
            break
        nprobe = min(index.nlist, 4 * nprobe)
    if len(rows) + len(tail) < k:
        rows = np.flatnonzero(indexed)
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
