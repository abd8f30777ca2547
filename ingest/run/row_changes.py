"""A batch's rows by collection, written together: at once where the store can, one after the other if not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from engine.domain import SPACES
from engine.seams import BulkStore, CollectionChange, VectorStore
from engine.taxonomy import collection_name
from ingest.run.stages import Row

T = TypeVar("T")
R = TypeVar("R")
REQUESTS = 16
"""Requests for pictures that are under way at a time; each waits for a network far longer than it computes."""


def changes_of(gone: Mapping[str, Collection[str]], rows: Mapping[str, Sequence[Row]]) -> list[CollectionChange]:
    """The changes of each paired collection: supercategory → products whose rows leave, and rows that come."""
    return [
        CollectionChange(
            collection_name(supercategory, space),
            sorted(gone.get(supercategory, ())),
            [row.item for row in some],
            np.stack([row.embeddings[space] for row in some]) if some else None,
        )
        for supercategory in dict.fromkeys((*rows, *gone))
        for some in (rows.get(supercategory, ()),)
        for space in SPACES
    ]


def change_rows(store: VectorStore, changes: Sequence[CollectionChange]) -> None:
    """Do all of it; everything can be seen when this returns.

    Raises:
        StoreUnavailable, ContractBroken: as the store's `upsert` and `delete_products`.
    """
    if not changes:
        return
    if isinstance(store, BulkStore):
        store.change(changes)
        return
    for change in changes:
        if change.gone:
            store.delete_products(change.name, change.gone)
        if change.embeddings is not None:
            store.upsert(change.name, change.items, change.embeddings)


def at_once(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Work that waits for a network, on many items at a time; the results in the items' order.

    Raises:
        whatever the first item that fails raises; those under way end first.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(REQUESTS, len(items)), "ingest-pictures") as pool:
        return list(pool.map(work, items))
