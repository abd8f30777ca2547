"""The rows of embedded indexes, copied to a Milvus server and indexed there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.speed.bare import BareStore
from engine.domain import CollectionSpec
from engine.errors import ModelUnavailable
from engine.seams import CollectionChange
from engine.stores.milvus.store import MilvusStatus, MilvusStore

INDEXED_WITHIN_S = 1800.0
_BATCH = 500
_LEAST_INDEXED = 1_000
"""A server builds no index for so few rows or fewer."""


def copy_rows(
    store: MilvusStore, bare: BareStore, specs: Sequence[CollectionSpec], say: Callable[[str], object]
) -> float:
    """Write the rows of paired collections, each pair together, and wait until all are indexed; seconds of writing.

    Args:
        specs: in pairs, one after the other.

    Raises:
        ModelUnavailable: the server does not index them.
    """
    begun = time.monotonic()
    for spec in specs:
        store.ensure(spec)
    for pair in zip(specs[::2], specs[1::2], strict=True):
        _copy_pair(store, bare, [spec.name for spec in pair], say)
    write_s = time.monotonic() - begun
    for spec in specs:
        _have_indexed(store, spec.name)
    return write_s


def _copy_pair(store: MilvusStore, bare: BareStore, names: Sequence[str], say: Callable[[str], object]) -> None:
    indexes = {name: bare.indexes[name] for name in names}
    first = indexes[names[0]]
    view = first.view()
    for start in range(0, view.n, _BATCH):
        ids = [view.ids(row).item_id for row in range(start, min(view.n, start + _BATCH))]
        items = [item for item in first.items(ids) if item]
        store.change([CollectionChange(name, (), items, index.embeddings(ids)[0]) for name, index in indexes.items()])
        if start % (20 * _BATCH) == 0:
            say(f"{start:,} of {view.n:,} rows of {names[0]} are on the server")


def _have_indexed(store: MilvusStore, name: str) -> None:
    store.seal(name)
    until = time.monotonic() + INDEXED_WITHIN_S
    while not _indexed(next(each for each in store.status() if each.name == name)):
        if time.monotonic() > until:
            raise ModelUnavailable(f"The server did not index {name} within {INDEXED_WITHIN_S:.0f} s.")
        time.sleep(1.0)
    store.reload(name)


def _indexed(status: MilvusStatus) -> bool:
    """Whether the index is built, where one is to be."""
    return status.rows <= _LEAST_INDEXED or status.indexed_rows >= status.rows
