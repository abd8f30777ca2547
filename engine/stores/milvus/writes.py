"""Writing to a Milvus server: many collections at once, and one wait until all of it can be seen.

A read that must see every write waits for the server's clock, 200 to 400 ms whatever was written; so a batch waits
once, in all its collections at the same time, and readers never do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from engine.retrieval.concurrent import Together
from engine.seams import CollectionChange
from engine.stores.milvus.collections import Collections
from engine.stores.milvus.connection import MilvusConnection
from engine.stores.milvus.expression import quoted_list
from engine.stores.milvus.rows import to_row
from engine.stores.milvus.vectors import pair_hashes
from engine.stores.rows import check_dim, last_of_each, no_such_collection

AT_ONCE = 8
"""Collections of one batch that are written at a time."""
MESSAGE_BYTES = 4 << 20
"""Of embeddings in one message; a server takes 64 MiB, and slows down long before."""
IDS = 1000
"""Products that one expression names."""


class MilvusWrites:
    """What one store writes. Safe to call from several threads."""

    def __init__(self, server: MilvusConnection, known: Collections) -> None:
        self._server, self._known = server, known
        self._pool = Together(AT_ONCE, "milvus-write")

    def __call__(self, changes: Sequence[CollectionChange]) -> None:
        """Do all of it, and wait until every reader can see it.

        Raises:
            ContractBroken: rows for a collection that does not exist.
            DimensionMismatch: embeddings of another size than the collection's; nothing is written then.
            StoreUnavailable: the server did not answer; some of it may be written.
        """
        wanted = [change for change in changes if self._checked(change)]
        hashes = pair_hashes(wanted)
        self._pool.run([partial(self._change, change, hashes) for change in wanted])
        self._pool.run([partial(self._wait_until_seen, change.name) for change in wanted])

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.close()

    def _checked(self, change: CollectionChange) -> bool:
        """Whether there is something to do."""
        known = self._known.get(change.name)
        if change.embeddings is None:
            return known is not None and bool(change.gone)
        if known is None:
            raise no_such_collection(change.name)
        check_dim(change.name, known.spec.dim, change.embeddings, len(change.items))
        return True

    def _change(self, change: CollectionChange, hashes: Mapping[str, str]) -> None:
        known, gone = self._known.get(change.name), sorted(change.gone)
        for start in range(0, len(gone), IDS):
            where = f"product_id in {quoted_list(gone[start : start + IDS])}"
            self._server.ask("delete", change.name, filter=where)
        for rows in _messages(change, known.columns if known else frozenset(), hashes):
            self._server.ask("upsert", change.name, rows)

    def _wait_until_seen(self, name: str) -> None:
        self._server.ask("query", name, filter='item_id in [""]', output_fields=["item_id"], consistency_level="Strong")


def _messages(
    change: CollectionChange, columns: frozenset[str], hashes: Mapping[str, str]
) -> Iterator[list[dict[str, object]]]:
    """The rows of a change, the last of equal ids alone, in messages of a size that the server likes."""
    if change.embeddings is None:
        return
    kept = last_of_each(change.items)
    size = max(1, MESSAGE_BYTES // max(1, change.embeddings.shape[1] * change.embeddings.itemsize))
    for start in range(0, len(kept), size):
        yield [
            to_row(item, row, columns, hashes[item.item_id])
            for item, row in ((change.items[i], change.embeddings[i]) for i in kept[start : start + size])
        ]
