"""A vector store over a Milvus server, 2.3 to 2.6, through pymilvus. `milvus.toml` holds the measured choices.

A read that must see every write waits for the server's clock (200–400 ms, at 3 ms otherwise): so the writer waits once,
after each write, until it can be seen (`writes.py`), and reads never do. What is searched and read: `searches.py`,
`reads.py`, `shortlist.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import ContractBroken, StoreUnavailable
from engine.filters import EVERYTHING, Filter
from engine.seams import CollectionChange, FacetRows, Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.milvus.collections import Collections
from engine.stores.milvus.connection import MilvusConnection, MilvusOptions
from engine.stores.milvus.expression import broader, expression, quoted, quoted_list
from engine.stores.milvus.known import KnownValues
from engine.stores.milvus.plan import lists_of, plan_for, scores_exactly
from engine.stores.milvus.reads import MilvusReads
from engine.stores.milvus.rows import COUNTED, VECTOR, to_counted
from engine.stores.milvus.searches import MilvusSearches
from engine.stores.milvus.shortlist import scored_shortlist
from engine.stores.milvus.vectors import Vectors
from engine.stores.milvus.words import Words
from engine.stores.milvus.writes import MilvusWrites
from engine.stores.rows import check_name, check_spec, no_such_collection

MAX_COUNTED_ROWS = 50_000
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
        self._vectors = Vectors(options.vectors_bytes)
        self._reads = MilvusReads(self._server, self._open, self._plan, Words(options.cache_bytes), self._vectors)
        self._searches = MilvusSearches(self._reads)
        self._known = KnownValues(self.matching)
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
        return self._searches.together(calls)

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
            self._reads.forget_counts()
        if len(changes) == 1:  # Of one collection alone: its rows' hashes are no longer those of the paired rows.
            self._vectors.clear()

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, through the index; exactly where few match or the index falls short."""
        return [each.candidates() for each in self._searches.found(name, queries, k, where)]

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of the collections, scored by the server where its index is exact."""
        if not all(self.scores_exactly(name) for name in query.asked):
            return gathered(self, query)
        self._searches.warm_up(query.asked)
        pooled = self._plan.pool(self._reads.about(query.words, query.where))
        return scored_shortlist(self._searches, replace(query, least=max(query.least, pooled)))

    def scores_exactly(self, name: str) -> bool:
        """Whether the collection's index gives exact cosines; one that does not exist has no wrong ones."""
        known = self._open.get(name)
        return known is None or scores_exactly(known.index)

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        return self._reads.embeddings(name, item_ids)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        return self._searches.items(name, item_ids)

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        where, nothing = f"product_id in {quoted_list([product_id])}", list[Item]()
        return self._open.or_none(lambda: self._reads.items_where(name, where, None), nothing)

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        known, nothing = self._open.get(name), list[Item]()
        if known is None:
            return []
        found = self._open.or_none(lambda: self._reads.items_where(name, broader(where, known.columns), most), nothing)
        return [item for item in found if where.matches(item)]

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match; they travel, so no more than `MAX_COUNTED_ROWS` are counted."""
        known, most = self._open.get(name), min(most, MAX_COUNTED_ROWS)
        if known is None:
            return FacetRows([])
        where_text, nothing = expression(where, known.columns), list[dict[str, Any]]()
        ask = partial(self._reads.pages, name, where_text, COUNTED)
        rows = self._open.or_none(lambda: list(islice(ask(), most + 1)), nothing)
        return FacetRows([to_counted(row) for row in rows[:most]], len(rows) <= most)

    def rows_after(self, name: str, item_id: str, most: int) -> list[tuple[str, str]]:
        """(item_id, product_id) of at most so many rows, by item_id, from behind one."""
        if self._open.get(name) is None:
            return []
        beyond = f"item_id > {quoted(item_id)}"
        rows = self._reads.page(name, beyond, ["product_id"], most, iterator="True", reduce_stop_for_best="True")
        return sorted((row["item_id"], row["product_id"]) for row in rows)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had a minute ago."""
        return self._known.among(name, facet, values) if self._open.get(name) else frozenset()

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self._reads.count(name, where)

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

    def at_hand(self, patience_s: float) -> bool:
        """Wait until the embeddings that searches missed in memory are there; whether they came in time."""
        return self._searches.refill.wait(patience_s)

    def check_loaded(self) -> None:
        """Ask the server after every collection that was opened.

        Raises:
            StoreUnavailable: one is not loaded, or the server does not answer.
        """
        self._open.check_loaded()

    def close(self) -> None:
        """Let go of the connection."""
        self._searches.close()
        self._writes.close()
        self._server.close()

    def _status_of(self, name: str) -> MilvusStatus:
        index = self._server.ask("describe_index", name, VECTOR) or {}
        return MilvusStatus(
            name,
            self.count(name),
            str(index.get("index_type", "none")),
            int(index.get("indexed_rows", 0)),
            int(index.get("pending_index_rows", 0)),
        )
