"""Parquet files of products and embeddings, read again by value."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from engine.domain import CollectionSpec, Item, Product
from engine.export.parquet import embeddings_table, products_table
from engine.seams import IngestState, LedgerEntry
from engine.stores.exact import ExactStore
from tests.unit.engine.export.test_feeds import Pages, entry

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def table_of(parts: Any) -> Any:
    return pq.read_table(io.BytesIO(b"".join(parts)))


def test_products_are_rows() -> None:
    """With lists, attributes and where each stands; an empty catalogue is a table without rows."""
    product = Product(
        "p", "Dress", "https://x.example", ("a.jpg", "b.jpg"), price=9.5, attributes={"fit": "slim"}, sale_end=NOON
    )
    (row,) = table_of(products_table(Pages([product]))).to_pylist()  # type: ignore[arg-type]
    assert (row["id"], row["images"], row["price"], row["attributes"]) == (
        "p",
        ["a.jpg", "b.jpg"],
        9.5,
        [("fit", "slim")],
    )
    assert (row["sale_start"], row["sale_end"], row["state"], row["updated"]) == (None, NOON, "indexed", NOON)
    assert table_of(products_table(Pages([]))).num_rows == 0  # type: ignore[arg-type]


def test_embeddings_come_with_their_products() -> None:
    """In row groups, only of rows that are there, with the model in the metadata."""
    store, ledger = ExactStore(), Pages([])
    for space in ("visual", "semantic"):
        store.ensure(CollectionSpec(f"upper_wear_{space}", 3, "model-1"))
    rows = np.eye(3, dtype=np.float32)[np.arange(2_500) % 3]
    items = [Item(f"i{n:04}", f"p{n:04}", "upper_wear", "shirt", f"{n}.jpg", (1, 2, 3, 4)) for n in range(2_500)]
    for space in ("visual", "semantic"):
        store.upsert(f"upper_wear_{space}", items, rows)
    products = [Product(f"p{n:04}", "T", "https://x.example", ("a.jpg",)) for n in range(2_501)]
    ledger.entries = [
        LedgerEntry(each, IngestState.INDEXED, "f", "r", "c", NOON, (("upper_wear", f"i{n:04}"), ("foot_wear", "z")))
        for n, each in enumerate(products)
    ]
    parts = list(embeddings_table(ledger, store, "upper_wear", "visual", 3, "model-1"))  # type: ignore[arg-type]
    table = table_of(parts)
    assert table.num_rows == 2_500
    assert table.schema.metadata[b"model"] == b"model-1"
    last = table.slice(2_499, 1).to_pylist()[0]
    assert (last["item_id"], last["product_id"], last["class"]) == ("i2499", "p2499", "shirt")
    assert (last["box"], last["embedding"]) == ([1, 2, 3, 4], [1, 0, 0])
    assert pq.ParquetFile(io.BytesIO(b"".join(parts))).num_row_groups == 2
    assert entry(products[0]).items == ()
