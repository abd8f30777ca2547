"""What is read of a Milvus server by ids and expressions: rows with and without embeddings, words, counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from engine.domain import Embeddings, Item
from engine.filters import EVERYTHING, Filter
from engine.stores.milvus.collections import Collections
from engine.stores.milvus.connection import MilvusConnection
from engine.stores.milvus.expression import expression, quoted, quoted_list
from engine.stores.milvus.once import once
from engine.stores.milvus.plan import MilvusPlan
from engine.stores.milvus.rows import ATTRIBUTES, VECTOR, to_item
from engine.stores.milvus.vectors import Vectors
from engine.stores.milvus.words import STAMP, Words, unpacked

MAX_STAMPS = 4000
"""Rows of which stamps and ids alone are fetched with one request."""
MAX_COUNTED = 1000
"""Filters whose counts are remembered."""
_T = TypeVar("_T")


class MilvusReads:
    """Reads of one server. Safe to call from several threads.

    Attributes:
        words, vectors: of rows seen lately.
    """

    def __init__(
        self, server: MilvusConnection, known: Collections, plan: MilvusPlan, words: Words, vectors: Vectors
    ) -> None:
        self.server, self.known, self.plan, self.words, self.vectors = server, known, plan, words, vectors
        self._counted: dict[tuple[str, str], tuple[float, int]] = {}

    def by_id(self, name: str, item_ids: Sequence[str], fields: list[str]) -> dict[str, dict[str, Any]]:
        """Some fields of rows by item_id, of those that exist."""
        if self.known.get(name) is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for part in parts(list(dict.fromkeys(item_ids)), self.plan.batch_rows):
            where, nothing = f"item_id in {quoted_list(part)}", list[dict[str, Any]]()
            rows = self.known.or_none(partial(self.page, name, where, fields, len(part)), nothing)
            found |= {row["item_id"]: row for row in rows}
        return found

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        known = self.known.get(name)
        out = np.zeros((len(item_ids), known.spec.dim if known else 0), np.float32)
        rows = self.by_id(name, item_ids, [VECTOR])
        present = [item_id in rows for item_id in item_ids]
        for at, item_id in enumerate(item_ids):
            if row := rows.get(item_id):
                out[at] = row[VECTOR]
        return out, present

    def keep_embeddings(self, name: str, item_ids: Sequence[str]) -> None:
        """Fetch embeddings and remember them under their rows' own hashes; rows of former versions have none."""
        if (known := self.known.get(name)) is not None and known.has_stamps:
            self.known.or_none(lambda: self._keep(name, f"item_id in {quoted_list(item_ids)}", len(item_ids)), "")

    def keep_next_embeddings(self, name: str, item_id: str, most: int) -> str:
        """The same of rows in the order of item_id, from behind one; the last one's id, empty where there is none."""
        where = f"item_id > {quoted(item_id)}" if item_id else ""
        ordered = {"iterator": "True", "reduce_stop_for_best": "True"}
        return self.known.or_none(lambda: self._keep(name, where, most, **ordered), "")

    def _keep(self, name: str, where: str, most: int, **more: str) -> str:
        ids, hashes, embeddings = self.server.embedded_rows(name, where, most, **more)
        hashed = [at for at, pair_hash in enumerate(hashes) if pair_hash]
        self.vectors.keep(name, [hashes[at] for at in hashed], embeddings[hashed])
        return max(ids, default="")

    def items(self, name: str, item_ids: Sequence[str]) -> dict[str, Item]:
        """Rows without their embeddings, of those that exist; their words are remembered."""
        known = self.known.get(name)
        if known is None or not item_ids:
            return {}
        rows = self.by_id(name, item_ids, [*ATTRIBUTES, STAMP] if known.has_stamps else ATTRIBUTES)
        items = {item_id: to_item(row) for item_id, row in rows.items()}
        if known.has_stamps:
            self.words.keep({unpacked(row[STAMP]): items[item_id] for item_id, row in rows.items()})
        return items

    def items_by_stamp(self, name: str, stamps: Mapping[str, str]) -> dict[str, Item]:
        """The same of those rows alone whose words are not in memory under their stamp (item_id → stamp)."""
        kept = self.words.known(stamps.values())
        known = {item_id: kept[stamp] for item_id, stamp in stamps.items() if stamp in kept}
        return known | self.items(name, [item_id for item_id in stamps if item_id not in known])

    def items_where(self, name: str, where: str, most: int | None) -> list[Item]:
        """Rows by an expression, by item_id; words that are in memory are not sent again."""
        known = self.known.get(name)
        if known is None:
            return []
        if known.has_stamps:
            items = list(self.items_by_stamp(name, self._stamps(name, where, most)).values())
        elif most is not None and most <= self.plan.batch_rows:
            items = [to_item(row) for row in self.page(name, where, ATTRIBUTES, most)]
        else:
            items = [to_item(row) for row in islice(self.pages(name, where, ATTRIBUTES), most)]
        return sorted(items, key=lambda item: item.item_id)

    def _stamps(self, name: str, where: str, most: int | None) -> dict[str, str]:
        """item_id → stamp of rows by an expression."""
        if most is not None and most <= MAX_STAMPS:
            found = self.server.stamped_rows(name, where, most)
            return dict(zip(found.item_ids, found.stamps, strict=True))
        return {row["item_id"]: unpacked(row[STAMP]) for row in islice(self.pages(name, where, [STAMP]), most)}

    def pages(self, name: str, where: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Every row that matches, page by page in the order of item_id, until a page is empty.

        A page may be short before the end: the server stops it where one segment has no more to give.
        pymilvus's own iterator would do the same, but does not quote the id that it goes on from.
        """
        part = where
        while True:
            page = self.page(name, part, fields, self.plan.batch_rows, iterator="True", reduce_stop_for_best="True")
            if not page:
                return
            yield from page
            beyond = f"item_id > {quoted(page[-1]['item_id'])}"
            part = f"({where}) and {beyond}" if where else beyond

    def page(self, name: str, where: str, fields: list[str], most: int, **more: str) -> list[dict[str, Any]]:
        """At most so many of the rows that match, each with its item_id."""
        return list(
            self.server.ask(
                "query",
                name,
                filter=where,
                output_fields=["item_id", *(f for f in fields if f != "item_id")],
                limit=most,
                consistency_level=self.server.options.consistency,
                **more,
            )
        )

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        known = self.known.get(name)
        return self.known.or_none(lambda: self._count(name, expression(where, known.columns)), 0) if known else 0

    def about(self, name: str, where: Filter) -> int:
        """How many rows match, as counted a while ago at most: it decides only how they are looked for."""
        counted_at, rows = self._counted.get((name, expression(where)), (-self.plan.counted_s, 0))
        if time.monotonic() - counted_at >= self.plan.counted_s:
            rows = once(("count", name, expression(where)), lambda: self.count(name, where))
            self.counted(name, where, rows)
        return rows

    def counted(self, name: str, where: Filter, rows: int) -> None:
        """Remember how many rows match."""
        if len(self._counted) >= MAX_COUNTED:
            self._counted.clear()
        self._counted[name, expression(where)] = (time.monotonic(), rows)

    def forget_counts(self) -> None:
        """Count anew, as rows have come."""
        self._counted.clear()

    def _count(self, name: str, where: str) -> int:
        level = self.server.options.consistency
        rows = self.server.ask("query", name, filter=where, output_fields=["count(*)"], consistency_level=level)
        return int(rows[0]["count(*)"])


def parts(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Values, so many at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
