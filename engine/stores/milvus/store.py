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
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import ContractBroken, StoreUnavailable
from engine.filters import EVERYTHING, Filter
from engine.retrieval.concurrent import Together
from engine.seams import CollectionChange, FacetRows, Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.milvus.collections import Collections, Known
from engine.stores.milvus.connection import MilvusConnection, MilvusOptions
from engine.stores.milvus.expression import broader, expression, quoted, quoted_list
from engine.stores.milvus.known import KnownValues
from engine.stores.milvus.plan import lists_of, plan_for, scores_exactly
from engine.stores.milvus.rows import ATTRIBUTES, COUNTED, VECTOR, to_counted, to_facets, to_item
from engine.stores.milvus.shortlist import Found, Scores, scored_shortlist
from engine.stores.milvus.words import STAMP, Words, product_of, stamps_of, unpacked
from engine.stores.milvus.writes import MilvusWrites
from engine.stores.rows import (
    check_dim,
    check_name,
    check_spec,
    no_such_collection,
    top_k,
)

MAX_LIMIT = 16_384
PARALLEL = 16
"""Threads of one process that ask the server beside those that wait: garments, and each garment's collections."""
MAX_STAMPS = 4000
"""Rows of which stamps and ids alone are fetched with one request."""
MAX_COUNTED_ROWS = 50_000
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

    def __init__(self, uri: str, token: str = "", options: MilvusOptions | None = None) -> None:
        """Connect.

        Args:
            uri: such as `http://milvus:19530`.
            token: `user:password`, or an API key.

        Raises:
            StoreUnavailable: nothing answers there.
        """
        options = options or MilvusOptions()
        self.uri = uri
        self._server = MilvusConnection(uri, token, options)
        self._plan = plan_for(self._server.version, options.index)
        self._open = Collections(self._server, self._plan)
        self._words = Words(options.cache_bytes)
        self._known = KnownValues(self.matching)
        self._counted: dict[tuple[str, str], tuple[float, int]] = {}
        self._pool = Together(PARALLEL, "milvus")
        self._writes = MilvusWrites(self._server, self._open)

    @property
    def version(self) -> str:
        """The server's version, as it tells it."""
        return self._server.version

    def plan_words(self) -> str:
        """What is taken to be so of this server, for a person."""
        can = self._plan.can
        indexed = ", ".join(f"{name} {kind}" for name, kind in can.scalar_indexes().items())
        defects = f"; not used, as it is wrong there: {', '.join(can.defects)}" if can.defects else ""
        return f"treated as {can.since}, {self._plan.kind} planned, indexed fields {indexed}{defects}"

    def together(self, calls: Sequence[Callable[[], _Answer]]) -> list[_Answer]:
        """Every call's answer; all run at the same time, as most of their time is the server's."""
        return self._pool.run(calls)

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for; load it in either case."""
        check_name(spec.name)
        found = self._open.ensure(spec)
        check_spec(found.spec, spec)
        self._open.open(found)

    def collections(self) -> list[str]:
        """Names of what thatlook made there, sorted."""
        return sorted(name for name in self._server.ask("list_collections") if self._open.is_ours(name))

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows."""
        self._open.forget(name)
        if self._open.describe(name):
            self._server.ask("drop_collection", name)

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id, and wait until every reader can see them."""
        self.change([CollectionChange(name, (), items, embeddings)])

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products, and wait until no reader can see them."""
        self.change([CollectionChange(name, product_ids)])

    def change(self, changes: Sequence[CollectionChange]) -> None:
        """Write and remove in many collections at once, then wait until every reader can see all of it."""
        self._writes(changes)
        if any(change.items for change in changes):
            self._counted.clear()

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, through the index; exactly where few match or the index falls short."""
        return [each.candidates() for each in self.found(name, queries, k, where)]

    def found(self, name: str, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        """What `search` says, with the rows' stamps where they have any."""
        known = self._open.get(name)
        if known is None or k <= 0 or not len(queries):
            return [Found.nothing() for _ in queries]
        check_dim(name, known.spec.dim, queries, len(queries))
        return self._open.or_none(lambda: self._search(known, queries, k, where), [Found.nothing() for _ in queries])

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of the collections, scored by the server where its index is exact."""
        if all(self.scores_exactly(name) for name in query.asked):
            pooled = self._plan.pool(max((self._about(name, query.where) for name in query.asked), default=0))
            return scored_shortlist(self, replace(query, least=max(query.least, pooled)))
        return gathered(self, query)

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[Scores]:
        """The cosines of these rows with each query, of those that exist; exact if the index is."""
        scores = [Scores() for _ in queries]
        if (known := self._open.get(name)) is None:
            return scores
        for part in _parts(list(item_ids), self._plan.batch_rows):
            ask = partial(
                self._hits, known, queries, len(part), f"item_id in {quoted_list(part)}", self._lists(known), []
            )
            answers: list[Any] = self._open.or_none(ask, [])
            for each, hits in zip(scores, answers, strict=False):
                each.update(zip(hits.ids, hits.distances, strict=True))
        missed = [item_id for item_id in item_ids if any(item_id not in each for each in scores)]
        embeddings, there = self.embeddings(name, missed) if missed else (queries[:0], [])
        for each, cosines in zip(scores, queries @ embeddings.T, strict=True):
            each.update((i, float(c)) for i, c, exists in zip(missed, cosines, there, strict=True) if exists)
        return scores

    def facets_by_id(self, name: str, item_ids: Sequence[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The facets of these rows, of those that exist."""
        return {item_id: to_facets(row) for item_id, row in self._rows_by_id(name, item_ids, ["facets"]).items()}

    def words(self, name: str, stamps: Mapping[str, str]) -> dict[str, Item]:
        """These rows without their embeddings, by item_id, of those that exist: from memory where their stamp is known.

        Args:
            stamps: item_id → the stamp that came with it.
        """
        kept = self._words.known(stamps.values())
        known = {item_id: kept[stamp] for item_id, stamp in stamps.items() if stamp in kept}
        return known | self._fetched(name, [item_id for item_id in stamps if item_id not in known])

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        known = self._open.get(name)
        out = np.zeros((len(item_ids), known.spec.dim if known else 0), np.float32)
        rows = self._rows_by_id(name, item_ids, [VECTOR])
        present = [item_id in rows for item_id in item_ids]
        for at, item_id in enumerate(item_ids):
            if row := rows.get(item_id):
                out[at] = row[VECTOR]
        return out, present

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        rows = self._fetched(name, item_ids)
        return [rows.get(item_id) for item_id in item_ids]

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        where = f"product_id in {quoted_list([product_id])}"
        nothing: list[Item] = []
        return self._open.or_none(lambda: self._items_where(name, where, None), nothing) if self._open.get(name) else []

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        known, nothing = self._open.get(name), list[Item]()
        if known is None:
            return []
        found = self._open.or_none(lambda: self._items_where(name, broader(where, known.columns), most), nothing)
        return [item for item in found if where.matches(item)]

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match; they travel, so no more than `MAX_COUNTED_ROWS` are counted."""
        known, most = self._open.get(name), min(most, MAX_COUNTED_ROWS)
        if known is None:
            return FacetRows([])
        where_text, nothing = expression(where, known.columns), list[dict[str, Any]]()
        ask = partial(self._query, name, where_text, COUNTED)
        rows = self._open.or_none(lambda: list(islice(ask(), most + 1)), nothing)
        return FacetRows([to_counted(row) for row in rows[:most]], len(rows) <= most)

    def rows_after(self, name: str, item_id: str, most: int) -> list[tuple[str, str]]:
        """(item_id, product_id) of at most so many rows, by item_id, from behind one."""
        if self._open.get(name) is None:
            return []
        beyond = f"item_id > {quoted(item_id)}"
        rows = self._page(name, beyond, ["product_id"], most, iterator="True", reduce_stop_for_best="True")
        return sorted((row["item_id"], row["product_id"]) for row in rows)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had a minute ago."""
        return self._known.among(name, facet, values) if self._open.get(name) else frozenset()

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        known = self._open.get(name)
        return self._open.or_none(lambda: self._count(name, expression(where, known.columns)), 0) if known else 0

    def status(self) -> list[MilvusStatus]:
        """Every collection with its index."""
        return [self._status_of(name) for name in self.collections()]

    def rebuild(self, name: str) -> None:
        """Build the index anew by today's plan; the collection answers nothing meanwhile."""
        known = self._open.get(name)
        if known is None:
            raise no_such_collection(name)
        self._open.index_anew(known, self.count(name))

    def fit(self, name: str) -> None:
        """Build the index anew if today's number of rows asks for another one; nothing answers meanwhile."""
        known = self._open.get(name)
        if known is not None and lists_of(known.index, 0) != self._plan.lists(rows := self.count(name)):
            self._open.index_anew(known, rows)

    def forget(self, name: str) -> None:
        """Ask the server anew after a collection that somebody else has changed."""
        self._open.forget(name)

    def seal(self, name: str) -> None:
        """Have fresh rows sealed now, so that they are indexed."""
        self._server.ask("flush", name)

    def reload(self, name: str) -> None:
        """Have sealed rows served by their index now, as they are after a while; nothing answers meanwhile."""
        self._server.ask("release_collection", name)
        self._server.load(name)

    def point_alias(self, alias: str, name: str) -> None:
        """Have an alias name this collection from now on, made if there is none."""
        try:
            self._server.ask("alter_alias", name, alias)
        except (StoreUnavailable, ContractBroken):  # Servers have no common code for an alias that is not there.
            self._server.ask("create_alias", name, alias)

    def check_loaded(self) -> None:
        """Ask the server after every collection that was opened.

        Raises:
            StoreUnavailable: one is not loaded, or the server does not answer.
        """
        self._open.check_loaded()

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.close()
        self._writes.close()
        self._server.close()

    def _search(self, known: Known, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        matching = self._about(known.spec.name, where)
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
        name, text = known.spec.name, expression(where, known.columns)
        rows = self._page(name, text, ["product_id"], MAX_STAMPS)
        self._counted[name, expression(where)] = (time.monotonic(), len(rows))
        products = {row["item_id"]: row["product_id"] for row in rows}
        missed = sorted({item_id for answer in found for item_id in products.keys() - set(answer.item_ids)})
        if not missed:
            return found
        embeddings, there = self.embeddings(name, missed)
        fetched = [(item_id, row) for item_id, row, exists in zip(missed, embeddings, there, strict=True) if exists]
        return [_joined(answer, query, fetched, products, k) for answer, query in zip(found, queries, strict=True)]

    def _probed(self, known: Known, queries: Embeddings, k: int, where: str, nprobe: int) -> list[Found]:
        if STAMP not in known.columns:
            return [
                Found(tuple(hits.ids), tuple(hit.entity["product_id"] for hit in hits), tuple(hits.distances))
                for hits in self._hits(known, queries, k, where, nprobe, ["product_id"])
            ]
        found = []
        for hits in self._hits(known, queries, k, where, nprobe, [STAMP]):
            stamps = tuple(stamps_of(hits))
            found.append(Found(tuple(hits.ids), tuple(map(product_of, stamps)), tuple(hits.distances), stamps))
        return found

    def _hits(self, known: Known, queries: Embeddings, k: int, where: str, nprobe: int, fields: list[str]) -> list[Any]:
        """pymilvus's hits of each query; a field asked for costs more to read than to send."""
        return list(
            self._server.ask(
                "search",
                known.spec.name,
                data=list(queries),
                anns_field=VECTOR,
                limit=k,
                filter=where,
                output_fields=fields,
                search_params={"metric_type": "IP", "params": self._plan.search_params(known.index, nprobe)},
                consistency_level=self._server.options.consistency,
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

    def _lists(self, known: Known) -> int:
        return lists_of(known.index, self._plan.nlist)

    def scores_exactly(self, name: str) -> bool:
        """Whether the collection's index gives exact cosines; one that does not exist has no wrong ones."""
        known = self._open.get(name)
        return known is None or scores_exactly(known.index)

    def _exactly(self, known: Known, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        """Fetch every matching row and score it here. Holds the matching embeddings in memory."""
        name, spec = known.spec.name, known.spec
        rows = list(self._query(name, expression(where, known.columns), ["product_id", VECTOR]))
        matrix = np.array([row[VECTOR] for row in rows], np.float32).reshape(len(rows), spec.dim)
        item_ids = [row["item_id"] for row in rows]
        product_ids = [row["product_id"] for row in rows]
        return [_best(scores, item_ids, product_ids, k) for scores in queries @ matrix.T]

    def _items_where(self, name: str, where: str, most: int | None) -> list[Item]:
        """Rows by an expression, by item_id; words that are in memory are not sent again."""
        known = self._open.get(name)
        if known is None:
            return []
        fields = [STAMP] if STAMP in known.columns else ATTRIBUTES
        if most is not None and most <= (MAX_STAMPS if STAMP in known.columns else self._plan.batch_rows):
            rows = self._page(name, where, fields, most)
        else:
            rows = list(islice(self._query(name, where, fields), most))
        if STAMP not in known.columns:
            return sorted((to_item(row) for row in rows), key=lambda item: item.item_id)
        items = self.words(name, {row["item_id"]: unpacked(row[STAMP]) for row in rows})
        return sorted(items.values(), key=lambda item: item.item_id)

    def _fetched(self, name: str, item_ids: Sequence[str]) -> dict[str, Item]:
        """Rows without their embeddings, of those that exist; their words are remembered."""
        known = self._open.get(name)
        if known is None or not item_ids:
            return {}
        stamped = STAMP in known.columns
        rows = self._rows_by_id(name, item_ids, [*ATTRIBUTES, STAMP] if stamped else ATTRIBUTES)
        items = {item_id: to_item(row) for item_id, row in rows.items()}
        if stamped:
            self._words.keep({unpacked(row[STAMP]): items[item_id] for item_id, row in rows.items()})
        return items

    def _rows_by_id(self, name: str, item_ids: Sequence[str], fields: list[str]) -> dict[str, dict[str, Any]]:
        if self._open.get(name) is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for part in _parts(list(dict.fromkeys(item_ids)), self._plan.batch_rows):
            where, nothing = f"item_id in {quoted_list(part)}", list[dict[str, Any]]()
            rows = self._open.or_none(partial(self._page, name, where, fields, len(part)), nothing)
            found |= {row["item_id"]: row for row in rows}
        return found

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
        return list(
            self._server.ask(
                "query",
                name,
                filter=where,
                output_fields=["item_id", *(f for f in fields if f != "item_id")],
                limit=most,
                consistency_level=self._server.options.consistency,
                **more,
            )
        )

    def _count(self, name: str, where: str) -> int:
        level = self._server.options.consistency
        rows = self._server.ask("query", name, filter=where, output_fields=["count(*)"], consistency_level=level)
        return int(rows[0]["count(*)"])

    def _status_of(self, name: str) -> MilvusStatus:
        index = self._server.ask("describe_index", name, VECTOR) or {}
        return MilvusStatus(
            name,
            self.count(name),
            str(index.get("index_type", "none")),
            int(index.get("indexed_rows", 0)),
            int(index.get("pending_index_rows", 0)),
        )


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


def _parts(values: Sequence[_Answer], size: int) -> Iterator[Sequence[_Answer]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
