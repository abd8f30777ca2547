"""Searches of a Milvus server's indexes: the nearest rows of a query, and the cosines of rows named by id.

An index finds only what it probes: an answer that is short is asked again through every list. Where the index scores
exactly, no embedding travels; where it does not, few matching rows are fetched and scored here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Item
from engine.filters import Filter
from engine.retrieval.concurrent import Together
from engine.stores.milvus.collections import Known
from engine.stores.milvus.expression import expression, quoted_list
from engine.stores.milvus.once import once, one_request
from engine.stores.milvus.plan import lists_of, scores_exactly
from engine.stores.milvus.reads import MAX_STAMPS, MilvusReads, parts
from engine.stores.milvus.refill import Refill
from engine.stores.milvus.rows import VECTOR, to_facets
from engine.stores.milvus.scoring import Cosines, Found, Scores
from engine.stores.milvus.warm_up import WarmUp
from engine.stores.rows import check_dim, top_k

MAX_LIMIT = 16_384
PARALLEL = 16
"""Threads of one process that ask the server beside those that wait: garments, and each garment's collections."""
_Answer = TypeVar("_Answer")


class MilvusSearches:
    """Implements `scoring.ScoringServer`. Safe to call from several threads."""

    def __init__(self, reads: MilvusReads) -> None:
        self._reads, self._plan, self._known, self._server = reads, reads.plan, reads.known, reads.server
        self._pool = Together(PARALLEL, "milvus")
        self.refill = Refill(reads.keep_embeddings, reads.keep_next_embeddings)
        self.warm_up = WarmUp(reads, self.refill)

    def together(self, calls: Sequence[Callable[[], _Answer]]) -> list[_Answer]:
        """Every call's answer; all run at the same time, as most of their time is the server's.

        What several of them ask alike, for two garments under one filter say, is asked once.
        """
        with one_request():
            return self._pool.run(calls)

    def found(self, name: str, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        """The k nearest rows of each query; fewer only where fewer match."""
        known, nothing = self._known.get(name), [Found.nothing() for _ in queries]
        if known is None or k <= 0 or not len(queries):
            return nothing
        check_dim(name, known.spec.dim, queries, len(queries))
        return self._known.or_none(lambda: self._search(known, queries, k, where), nothing)

    def all_of(self, name: str, where: Filter, others: Collection[str], most: int) -> Found | None:
        """Every row that matches, its scores NaN; None where these are many, or have no stamps, or where more than
        `most` of them lack an embedding in memory.
        """
        known, listed = self._known.get(name), max(most, self._plan.listed_rows)
        if known is None or not known.has_stamps or self._reads.about(name, where) > listed:
            return None
        ask = partial(self._server.stamped_rows, name, expression(where, known.columns), listed + 1)
        found = once((name, expression(where), listed), lambda: self._known.or_none(ask, Found.nothing()))
        if (rows := len(found.item_ids)) > listed:
            return None
        hashes = dict(zip(found.item_ids, found.hashes, strict=True))
        if rows > most and max([self._unseen(other, hashes) for other in others], default=0) > most:
            return None
        return found

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[Scores]:
        """The cosines of these rows with each query, of those that exist; exact if the index is."""
        scores = [Scores() for _ in queries]
        if (known := self._known.get(name)) is None:
            return scores
        for part in parts(list(item_ids), self._plan.batch_rows):
            where, lists = f"item_id in {quoted_list(part)}", self._lists(known)
            ask = partial(self._nearest, known, queries, len(part), where, lists, stamped=False)
            for each, found in zip(scores, self._known.or_none(ask, list[Found]()), strict=False):
                each.update(zip(found.item_ids, found.scores, strict=True))
        missed = [item_id for item_id in item_ids if any(item_id not in each for each in scores)]
        embeddings, there = self._reads.embeddings(name, missed) if missed else (queries[:0], [])
        for each, cosines in zip(scores, queries @ embeddings.T, strict=True):
            each.update((i, float(c)) for i, c, exists in zip(missed, cosines, there, strict=True) if exists)
        return scores

    def remembered(self, name: str, queries: Embeddings, hashes: Mapping[str, str]) -> Cosines:
        """The same of rows whose embeddings are in memory, NaN for the others, which are fetched for next time.

        Args:
            hashes: item_id → pair hash.
        """
        cosines = np.full((len(hashes), len(queries)), np.nan, np.float32)
        if not hashes or not self._reads.vectors.is_on:
            return cosines
        there, found = self._reads.vectors.cosines(name, list(hashes.values()), queries)
        cosines[there] = found
        if not there.all():
            self.refill.want(name, [item_id for item_id, kept in zip(hashes, there, strict=True) if not kept])
        return cosines

    def facets_by_id(self, name: str, item_ids: Sequence[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The facets of these rows, of those that exist."""
        return {item_id: to_facets(row) for item_id, row in self._reads.by_id(name, item_ids, ["facets"]).items()}

    def words(self, name: str, stamps: Mapping[str, str]) -> dict[str, Item]:
        """These rows without their embeddings, by item_id, of those that exist: from memory where their stamp is known.

        Args:
            stamps: item_id → the stamp that came with it.
        """
        return self._reads.items_by_stamp(name, stamps)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        rows = self._reads.items(name, item_ids)
        return [rows.get(item_id) for item_id in item_ids]

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.close()
        self.refill.close()

    def _search(self, known: Known, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        matching = self._reads.about(known.spec.name, where)
        few = matching <= self._plan.exact_rows and not scores_exactly(known.index)
        if few or k > MAX_LIMIT:
            return self._exactly(known, queries, k, where)
        lists = self._lists(known)
        for nprobe in dict.fromkeys((self._plan.probes(matching, lists), lists)):
            found = self._probed(known, queries, k, expression(where, known.columns), nprobe)
            if all(len(answer.item_ids) >= k for answer in found):
                break
        if any(len(answer.item_ids) < min(k, matching) for answer in found):
            return self._completed(known, queries, k, where, found)
        return found

    def _completed(self, known: Known, queries: Embeddings, k: int, where: Filter, found: list[Found]) -> list[Found]:
        """Answers that are short, with the matching rows that they lack, whose embeddings are fetched and scored here.

        Fresh rows have an index of the server's own, of which it probes an eighth whatever it is asked for.
        """
        name = known.spec.name
        rows = self._reads.page(name, expression(where, known.columns), ["product_id"], MAX_STAMPS)
        self._reads.counted(name, where, len(rows))
        products = {row["item_id"]: row["product_id"] for row in rows}
        missed = sorted({item_id for answer in found for item_id in products.keys() - set(answer.item_ids)})
        if not missed:
            return found
        embeddings, there = self._reads.embeddings(name, missed)
        fetched = [(item_id, row) for item_id, row, exists in zip(missed, embeddings, there, strict=True) if exists]
        return [_joined(answer, query, fetched, products, k) for answer, query in zip(found, queries, strict=True)]

    def _probed(self, known: Known, queries: Embeddings, k: int, where: str, nprobe: int) -> list[Found]:
        if known.has_stamps:
            return self._nearest(known, queries, k, where, nprobe, stamped=True)
        hits = self._server.ask(
            "search",
            known.spec.name,
            data=list(queries),
            anns_field=VECTOR,
            limit=k,
            filter=where,
            output_fields=["product_id"],
            search_params={"metric_type": "IP", "params": self._plan.search_params(known.index, nprobe)},
            consistency_level=self._server.options.consistency,
        )
        return [
            Found(tuple(each.ids), tuple(hit.entity["product_id"] for hit in each), tuple(each.distances))
            for each in hits
        ]

    def _nearest(
        self, known: Known, queries: Embeddings, k: int, where: str, nprobe: int, *, stamped: bool
    ) -> list[Found]:
        params = self._plan.search_params(known.index, nprobe)
        return self._server.search(known.spec.name, queries, k, where=where, params=params, stamped=stamped)

    def _unseen(self, name: str, hashes: Mapping[str, str]) -> int:
        """How many rows have no embedding in memory; these are fetched for next time."""
        unseen = [item_id for item_id, pair_hash in hashes.items() if not self._reads.vectors.has(name, pair_hash)]
        if self._reads.vectors.is_on:
            self.refill.want(name, [item_id for item_id in unseen if hashes[item_id]])
        return len(unseen)

    def _lists(self, known: Known) -> int:
        return lists_of(known.index, self._plan.nlist)

    def _exactly(self, known: Known, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        """Fetch every matching row and score it here. Holds the matching embeddings in memory."""
        name, spec = known.spec.name, known.spec
        rows = list(self._reads.pages(name, expression(where, known.columns), ["product_id", VECTOR]))
        matrix = np.array([row[VECTOR] for row in rows], np.float32).reshape(len(rows), spec.dim)
        item_ids = [row["item_id"] for row in rows]
        product_ids = [row["product_id"] for row in rows]
        return [_best(scores, item_ids, product_ids, k) for scores in queries @ matrix.T]


def _joined(
    answer: Found,
    query: NDArray[np.float32],
    fetched: Sequence[tuple[str, NDArray[np.float32]]],
    products: Mapping[str, str],
    k: int,
) -> Found:
    """An answer with rows that it lacks, in order; it has no stamps then, so that words are asked for."""
    rows = dict(zip(answer.item_ids, zip(answer.product_ids, answer.scores, strict=True), strict=True))
    for item_id, embedding in fetched:
        rows.setdefault(item_id, (products[item_id], float(embedding @ query)))
    best = sorted(rows.items(), key=lambda each: -each[1][1])[:k]
    return Found(tuple(i for i, _ in best), tuple(p for _, (p, _) in best), tuple(score for _, (_, score) in best))


def _best(scores: NDArray[np.float32], item_ids: list[str], product_ids: list[str], k: int) -> Found:
    best = top_k(scores, k)
    return Found(tuple(item_ids[i] for i in best), tuple(product_ids[i] for i in best), tuple(scores[best].tolist()))
