"""A catalogue as Parquet: its products, and the embeddings of one collection; row group by row group."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.domain import Product, Space
from engine.export.catalogue import pages
from engine.seams import IngestState, Ledger, LedgerEntry, VectorStore
from engine.taxonomy import collection_name

_ROWS = 5_000
"""Products of a row group."""
_EMBEDDINGS = 2_000
_TEXTS = pa.list_(pa.string())
_PRODUCTS = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("link", pa.string()),
        ("images", _TEXTS),
        ("price", pa.float64()),
        ("sale_price", pa.float64()),
        ("sale_start", pa.timestamp("us", "UTC")),
        ("sale_end", pa.timestamp("us", "UTC")),
        ("currency", pa.string()),
        ("availability", pa.string()),
        ("brand", pa.string()),
        ("color", pa.string()),
        ("gender", pa.string()),
        ("categories", _TEXTS),
        ("item_group_id", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("feed", pa.string()),
        ("updated", pa.timestamp("us", "UTC")),
        ("supercategories", _TEXTS),
    ]
)


def products_table(ledger: Ledger, state: IngestState | None = None) -> Iterator[bytes]:
    """The products with where each stands."""
    waiting: list[dict[str, Any]] = []
    with _Written(_PRODUCTS) as written:
        for page in pages(ledger, state):
            waiting += map(_product_row, page)
            if len(waiting) >= _ROWS:
                yield written.rows(waiting)
                waiting = []
        yield written.rows(waiting) if waiting else b""
    yield written.rest()


def embeddings_table(
    ledger: Ledger, store: VectorStore, supercategory: str, space: Space, dim: int, fingerprint: str
) -> Iterator[bytes]:
    """The embeddings of a collection, each with its garment's product, picture and box.

    The schema's metadata name the collection and the model's fingerprint.
    """
    name = collection_name(supercategory, space)
    told = {"collection": name, "space": space, "supercategory": supercategory, "model": fingerprint}
    fields = [("item_id", pa.string()), ("product_id", pa.string()), ("class", pa.string()), ("image", pa.string())]
    vector = ("embedding", pa.list_(pa.float32(), dim))
    schema = pa.schema([*fields, ("box", pa.list_(pa.float32(), 4)), vector], metadata=told)
    waiting: list[str] = []
    with _Written(schema) as written:
        for page in pages(ledger):
            waiting += [item_id for entry in page for kind, item_id in entry.items if kind == supercategory]
            while len(waiting) >= _EMBEDDINGS:
                yield written.table(_embeddings(store, supercategory, name, waiting[:_EMBEDDINGS], schema))
                waiting = waiting[_EMBEDDINGS:]
        yield written.table(_embeddings(store, supercategory, name, waiting, schema)) if waiting else b""
    yield written.rest()


def _embeddings(store: VectorStore, supercategory: str, name: str, ids: list[str], schema: pa.Schema) -> pa.Table:
    rows, there = store.embeddings(name, ids)
    items = store.items(collection_name(supercategory, "semantic"), ids)
    kept = [at for at, item in enumerate(items) if item is not None and there[at]]
    found = [item for at in kept if (item := items[at]) is not None]
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(rows[kept].reshape(-1)), schema.field("embedding").type.list_size
    )
    boxes = [list(map(float, item.box)) for item in found]
    columns = [
        [item.item_id for item in found],
        [item.product_id for item in found],
        [item.label for item in found],
        [item.image for item in found],
        boxes,
    ]
    arrays = [pa.array(values, schema.field(at).type) for at, values in enumerate(columns)]
    return pa.Table.from_arrays([*arrays, vectors], schema=schema)


def _product_row(entry: LedgerEntry) -> dict[str, Any]:
    product: Product = entry.product
    attributes: Mapping[str, str] = product.attributes
    return {
        "id": product.product_id,
        "title": product.title,
        "description": product.description,
        "link": product.link,
        "images": list(product.images),
        "price": product.price,
        "sale_price": product.sale_price,
        "sale_start": product.sale_start,
        "sale_end": product.sale_end,
        "currency": product.currency,
        "availability": product.availability.value,
        "brand": product.brand,
        "color": product.color,
        "gender": product.gender,
        "categories": list(product.categories),
        "item_group_id": product.item_group_id,
        "attributes": list(attributes.items()),
        "state": entry.state.value,
        "reason": entry.reason,
        "feed": entry.feed,
        "updated": entry.updated,
        "supercategories": sorted({name for name, _ in entry.items}),
    }


class _Written:
    """A Parquet file whose bytes are taken away as they are written."""

    def __init__(self, schema: pa.Schema) -> None:
        self._sink, self._schema = _Sink(), schema
        self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd")

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def rows(self, rows: list[dict[str, Any]]) -> bytes:
        """The bytes of one more row group."""
        return self.table(pa.Table.from_pylist(rows, schema=self._schema))

    def table(self, table: pa.Table) -> bytes:
        """The same of a table."""
        self._writer.write_table(table)
        return self.rest()

    def rest(self) -> bytes:
        """What was written and not taken yet."""
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """Where a writer writes to: it only ever goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self._parts, self._written = list[bytes](), 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        """The bytes since the last call."""
        taken, self._parts = b"".join(self._parts), []
        return taken
