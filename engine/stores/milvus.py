"""A vector store over a Milvus server, 2.3 to 2.6, through pymilvus. `milvus.toml` holds the measured choices.

Two habits of Milvus shape this file. A read that must see every write waits for the server's clock (200–400 ms,
at 3 ms otherwise): so the writer waits once, after each write, until it can be seen, and reads never do.
And an index finds only what it probes: an answer that is short is asked again through every list. Where the index
scores exactly, no embedding travels (`milvus_shortlist.py`); where it does not, few matching rows are fetched and
scored here, and so is every shortlist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import ContractBroken, StoreUnavailable
from engine.filters import EVERYTHING, Filter
from engine.seams import Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.milvus_errors import CollectionGone, quiet, translated_errors
from engine.stores.milvus_expression import expression, quoted, quoted_list
from engine.stores.milvus_known import KnownValues
from engine.stores.milvus_plan import EXACT_KINDS, MilvusPlan, plan_for
from engine.stores.milvus_rows import ATTRIBUTES, VECTOR, to_facets, to_item, to_row
from engine.stores.milvus_schema import schema_for, spec_from
from engine.stores.milvus_shortlist import Scores, scored_shortlist
from engine.stores.rows import (
    check_dim,
    check_name,
    check_spec,
    is_name,
    last_of_each,
    no_candidates,
    no_such_collection,
    top_k,
)

MAX_LIMIT = 16_384
PARALLEL = 8
"""Requests of one process that are under way at a time for shortlists: three garments' pairs, and some to spare."""
MAX_COUNTED = 1000
"""Filters whose counts are remembered."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class MilvusStatus:
    """One collection, as `thatlook index status` shows it."""

    name: str
    rows: int
    index: str
    indexed_rows: int
    pending_rows: int


class MilvusStore:
    """Implements `engine.seams.VectorStore` over a Milvus server."""

    def __init__(self, uri: str, token: str = "", *, kind: str | None = None, timeout_s: float = 30.0) -> None:
        """Connect.

        Args:
            uri: such as `http://milvus:19530`.
            token: `user:password`, or an API key.
            kind: an index type other than the plan's.

        Raises:
            StoreUnavailable: nothing answers there.
        """
        quiet()
        self.uri, self._timeout_s = uri, timeout_s
        self._specs: dict[str, CollectionSpec] = {}
        self._known = KnownValues(self.matching)
        self._kinds: dict[str, str] = {}
        self._counted: dict[tuple[str, str], tuple[float, int]] = {}
        self._pool = ThreadPoolExecutor(PARALLEL, "milvus")
        try:
            with translated_errors(uri):
                self._client = MilvusClient(uri, token=token, timeout=min(timeout_s, 10.0))
                self._plan: MilvusPlan = plan_for(self._client.get_server_version(), kind)
        except (CollectionGone, ContractBroken) as error:
            raise StoreUnavailable(f"The Milvus store at {uri} cannot be used: {error}") from error

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for; load it in either case."""
        check_name(spec.name)
        existing = self._describe(spec.name)
        if existing is None:
            self._create(spec)
            existing = self._describe(spec.name) or spec
        check_spec(existing, spec)
        with translated_errors(self.uri):
            self._client.load_collection(spec.name, timeout=self._timeout_s)
        self._specs[spec.name] = existing

    def collections(self) -> list[str]:
        """Names of what thatlook made there, sorted."""
        with translated_errors(self.uri):
            names = self._client.list_collections(timeout=self._timeout_s)
        return sorted(name for name in names if self._is_ours(name))

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows."""
        self._forget(name)
        if self._describe(name):
            with translated_errors(self.uri):
                self._client.drop_collection(name, timeout=self._timeout_s)

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id, and wait until every reader can see them."""
        spec = self._spec(name)
        if spec is None:
            raise no_such_collection(name)
        check_dim(name, spec.dim, embeddings, len(items))
        kept = last_of_each(items)
        for start in range(0, len(kept), self._plan.batch_rows):
            rows = [to_row(items[i], embeddings[i]) for i in kept[start : start + self._plan.batch_rows]]
            with translated_errors(self.uri):
                self._client.upsert(name, rows, timeout=self._timeout_s)
        self._wait_until_seen(name)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products, and wait until no reader can see them."""
        if self._spec(name) is None or not product_ids:
            return
        for part in _parts(sorted(product_ids), self._plan.batch_rows):
            with translated_errors(self.uri):
                where = f"product_id in {quoted_list(part)}"
                self._client.delete(name, filter=where, timeout=self._timeout_s)
        self._wait_until_seen(name)

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, through the index; exactly where few match or the index falls short."""
        spec = self._spec(name)
        if spec is None or k <= 0 or not len(queries):
            return [no_candidates() for _ in queries]
        check_dim(name, spec.dim, queries, len(queries))
        return self._or(lambda: self._search(spec, queries, k, where), [no_candidates() for _ in queries])

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of several collections, scored by the server where it is exact."""
        if all(self._scores_exactly(name) for name in query.asked):
            pooled = self._plan.pool(max((self._about(name, query.where) for name in query.asked), default=0))
            return scored_shortlist(self, replace(query, least=max(query.least, pooled)), self._pool)
        return gathered(self, query)

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[Scores]:
        """The cosines of these rows with each query, of those that exist; exact if the index is."""
        found = [Scores() for _ in queries]
        if (spec := self._spec(name)) is None:
            return found
        for part in _parts(list(item_ids), self._plan.batch_rows):
            where = f"item_id in {quoted_list(part)}"
            ask = partial(self._hits, spec, queries, len(part), where, self._plan.nlist, [])
            answers: list[Any] = self._or(ask, [])
            for scores, hits in zip(found, answers, strict=False):
                scores.update((hit.id, hit.distance) for hit in hits)
        return found

    def facets_by_id(self, name: str, item_ids: Sequence[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The facets of these rows, of those that exist."""
        return {item_id: to_facets(row) for item_id, row in self._rows_by_id(name, item_ids, ["facets"]).items()}

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        spec = self._spec(name)
        out = np.zeros((len(item_ids), spec.dim if spec else 0), np.float32)
        rows = self._rows_by_id(name, item_ids, [VECTOR])
        present = [item_id in rows for item_id in item_ids]
        for at, item_id in enumerate(item_ids):
            if row := rows.get(item_id):
                out[at] = row[VECTOR]
        return out, present

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        rows = self._rows_by_id(name, item_ids, ATTRIBUTES)
        return [to_item(rows[item_id]) if item_id in rows else None for item_id in item_ids]

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        where = f"product_id in {quoted_list([product_id])}"
        rows = self._all(name, where, ATTRIBUTES) if self._spec(name) else []
        return sorted((to_item(row) for row in rows), key=lambda item: item.item_id)

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        if self._spec(name) is None:
            return []
        nothing: list[dict[str, Any]] = []
        rows = self._or(lambda: list(islice(self._query(name, expression(where), ATTRIBUTES), most)), nothing)
        return sorted((to_item(row) for row in rows), key=lambda item: item.item_id)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had a minute ago."""
        return self._known.among(name, facet, values) if self._spec(name) else frozenset()

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self._or(lambda: self._count(name, where), 0) if self._spec(name) else 0

    def status(self) -> list[MilvusStatus]:
        """Every collection with its index."""
        return [self._status_of(name) for name in self.collections()]

    def rebuild(self, name: str) -> None:
        """Build the index anew by today's plan; the collection answers nothing meanwhile."""
        spec = self._spec(name)
        if spec is None:
            raise no_such_collection(name)
        with translated_errors(self.uri):
            self._client.release_collection(name)
            self._client.drop_index(name, VECTOR)
            self._client.create_index(name, self._index_params(spec))
            self._client.load_collection(name)
        self._forget(name)

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.shutdown()
        with translated_errors(self.uri):
            self._client.close()

    def _search(self, spec: CollectionSpec, queries: Embeddings, k: int, where: Filter) -> list[Candidates]:
        matching = self._about(spec.name, where)
        few = matching <= self._plan.exact_rows and not self._scores_exactly(spec.name)
        if few or k > MAX_LIMIT:
            return self._exactly(spec, queries, k, where)
        for nprobe in dict.fromkeys((self._plan.probes(matching), self._plan.nlist)):
            found = self._probed(spec, queries, k, expression(where), nprobe)
            if all(len(answer.item_ids) >= k for answer in found):
                break
        return found

    def _probed(self, spec: CollectionSpec, queries: Embeddings, k: int, where: str, nprobe: int) -> list[Candidates]:
        return [
            Candidates(
                tuple(hit.id for hit in hits),
                tuple(hit.entity["product_id"] for hit in hits),
                np.array([hit.distance for hit in hits], np.float32),
            )
            for hits in self._hits(spec, queries, k, where, nprobe, ["product_id"])
        ]

    def _hits(
        self, spec: CollectionSpec, queries: Embeddings, k: int, where: str, nprobe: int, fields: list[str]
    ) -> list[Any]:
        """pymilvus's hits of each query; a field asked for costs more to read than to send."""
        with translated_errors(self.uri):
            return list(
                self._client.search(
                    spec.name,
                    data=list(queries),
                    anns_field=VECTOR,
                    limit=k,
                    filter=where,
                    output_fields=fields,
                    search_params={"metric_type": "IP", "params": {"nprobe": nprobe}},
                    consistency_level="Session",
                    timeout=self._timeout_s,
                )
            )

    def _about(self, name: str, where: Filter) -> int:
        """How many rows match, as counted a while ago at most: it decides only how widely the index is probed."""
        key, now = (name, expression(where)), time.monotonic()
        counted_at, rows = self._counted.get(key, (-self._plan.counted_s, 0))
        if now - counted_at >= self._plan.counted_s:
            if len(self._counted) >= MAX_COUNTED:
                self._counted.clear()
            rows = self.count(name, where)
            self._counted[key] = (now, rows)
        return rows

    def _scores_exactly(self, name: str) -> bool:
        """Whether the collection's index gives exact cosines; one that does not exist has no wrong ones."""
        if name not in self._kinds and self._spec(name):
            with translated_errors(self.uri):
                self._kinds[name] = str((self._client.describe_index(name, VECTOR) or {}).get("index_type"))
        return self._kinds.get(name, EXACT_KINDS[0]) in EXACT_KINDS

    def _exactly(self, spec: CollectionSpec, queries: Embeddings, k: int, where: Filter) -> list[Candidates]:
        """Fetch every matching row and score it here. Holds the matching embeddings in memory."""
        rows = list(self._query(spec.name, expression(where), ["product_id", VECTOR]))
        matrix = np.array([row[VECTOR] for row in rows], np.float32).reshape(len(rows), spec.dim)
        item_ids = [row["item_id"] for row in rows]
        product_ids = [row["product_id"] for row in rows]
        return [_best(scores, item_ids, product_ids, k) for scores in queries @ matrix.T]

    def _rows_by_id(self, name: str, item_ids: Sequence[str], fields: list[str]) -> dict[str, dict[str, Any]]:
        if self._spec(name) is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for part in _parts(list(dict.fromkeys(item_ids)), self._plan.batch_rows):
            where, nothing = f"item_id in {quoted_list(part)}", list[dict[str, Any]]()
            rows = self._or(partial(self._page, name, where, fields, len(part)), nothing)
            found |= {row["item_id"]: row for row in rows}
        return found

    def _all(self, name: str, where: str, fields: list[str]) -> list[dict[str, Any]]:
        nothing: list[dict[str, Any]] = []
        return self._or(lambda: list(self._query(name, where, fields)), nothing)

    def _query(self, name: str, where: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Every row that matches, page by page in the order of item_id, until a page is empty.

        A page may be short before the end: the server stops it where one segment has no more to give.
        pymilvus's own iterator would do the same, but does not quote the id that it goes on from.
        """
        part = where
        while True:
            page = self._page(name, part, fields, self._plan.batch_rows, iterator="True", reduce_stop_for_best="True")
            if not page:
                return
            yield from page
            beyond = f"item_id > {quoted(page[-1]['item_id'])}"
            part = f"({where}) and {beyond}" if where else beyond

    def _page(self, name: str, where: str, fields: list[str], most: int, **more: str) -> list[dict[str, Any]]:
        """At most so many of the rows that match, each with its item_id."""
        with translated_errors(self.uri):
            return list(
                self._client.query(
                    name,
                    filter=where,
                    output_fields=["item_id", *(f for f in fields if f != "item_id")],
                    limit=most,
                    consistency_level="Session",
                    timeout=self._timeout_s,
                    **more,
                )
            )

    def _count(self, name: str, where: Filter) -> int:
        with translated_errors(self.uri):
            rows = self._client.query(
                name,
                filter=expression(where),
                output_fields=["count(*)"],
                consistency_level="Session",
                timeout=self._timeout_s,
            )
        return int(rows[0]["count(*)"])

    def _wait_until_seen(self, name: str) -> None:
        with translated_errors(self.uri):
            self._client.query(
                name,
                filter='item_id in [""]',
                output_fields=["item_id"],
                consistency_level="Strong",
                timeout=self._timeout_s,
            )

    def _spec(self, name: str) -> CollectionSpec | None:
        """What the collection was made for; None where there is none."""
        if name not in self._specs and (found := self._describe(name)):
            with translated_errors(self.uri):
                self._client.load_collection(name, timeout=self._timeout_s)
            self._specs[name] = found
        return self._specs.get(name)

    def _describe(self, name: str) -> CollectionSpec | None:
        if not is_name(name):
            return None  # Milvus answers with an error to a name that it would not take.
        try:
            with translated_errors(self.uri):
                if not self._client.has_collection(name, timeout=self._timeout_s):
                    return None
                return spec_from(name, self._client.describe_collection(name)["description"])
        except CollectionGone:
            return None

    def _is_ours(self, name: str) -> bool:
        try:
            return self._describe(name) is not None
        except ContractBroken:
            return False

    def _create(self, spec: CollectionSpec) -> None:
        try:
            with translated_errors(self.uri):
                self._client.create_collection(
                    spec.name,
                    schema=schema_for(spec),
                    index_params=self._index_params(spec),
                    consistency_level="Session",
                    timeout=self._timeout_s,
                )
        except StoreUnavailable:
            if self._describe(spec.name) is None:  # Otherwise another process was quicker.
                raise

    def _index_params(self, spec: CollectionSpec) -> Any:
        params = MilvusClient.prepare_index_params()
        params.add_index(VECTOR, index_type=self._plan.kind, metric_type="IP", params=self._plan.index_params(spec.dim))
        return params

    def _status_of(self, name: str) -> MilvusStatus:
        with translated_errors(self.uri):
            index = self._client.describe_index(name, VECTOR) or {}
        return MilvusStatus(
            name,
            self.count(name),
            str(index.get("index_type", "none")),
            int(index.get("indexed_rows", 0)),
            int(index.get("pending_index_rows", 0)),
        )

    def _or(self, ask: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
        """What `ask` says; `otherwise` where the collection was dropped meanwhile by someone else."""
        try:
            return ask()
        except CollectionGone:
            for name in list(self._specs):
                self._forget(name)
            return otherwise

    def _forget(self, name: str) -> None:
        """What is known of a collection, as it is gone or made anew."""
        self._specs.pop(name, None)
        self._kinds.pop(name, None)


def _best(scores: NDArray[np.float32], item_ids: list[str], product_ids: list[str], k: int) -> Candidates:
    best = top_k(scores, k)
    return Candidates(tuple(item_ids[i] for i in best), tuple(product_ids[i] for i in best), scores[best])


def _parts(values: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
