"""Milvus Lite as a record store: the truth of what is in a catalogue. It is written, fetched from, never searched.

Lite loses rows when several write at once, and its searching is slow: so one process holds it, one lock per
collection is held around every write (by the caller), and no index is ever asked of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from milvus_lite.server_manager import server_manager_instance
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient

from engine.domain import CollectionSpec, Embeddings, Item
from engine.errors import StoreUnavailable
from engine.stores.milvus_border import border, quiet
from engine.stores.milvus_expression import quoted_list
from engine.stores.milvus_rows import ATTRIBUTES, VECTOR, schema_for, to_item, to_row

_BOOK = "thatlook_collections"
"""Which collections there are, what for, and the stamp of the last write to each. Small, so that opening is quick."""
_BATCH = 500


class LiteRecords:
    """The Lite file of one home. Opening it is quick; a collection is only read once it is written to or fetched."""

    def __init__(self, path: Path) -> None:
        """Open or create.

        Args:
            path: ends with `.db`; Lite makes it a folder.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        quiet()
        logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
        self._path = str(path.resolve())
        self._book_lock = Lock()
        with border(self._path):
            self._client = MilvusClient(self._path)
            if not self._client.has_collection(_BOOK):
                self._client.create_collection(_BOOK, schema=_book_schema())
        self._book = {row["name"]: row for row in self._read_book()}

    def specs(self) -> dict[str, CollectionSpec]:
        """What each collection was made for."""
        return {n: CollectionSpec(n, int(row["dim"]), row["fingerprint"]) for n, row in self._book.items()}

    def stamp(self, name: str) -> int:
        """The last write that was begun on a collection."""
        return int(self._book[name]["stamp"])

    def create(self, spec: CollectionSpec, stamp: int) -> None:
        """Make a collection; one left over from a crash in the middle of this is made anew."""
        with border(self._path):
            self._client.drop_collection(spec.name)
            self._client.create_collection(spec.name, schema=schema_for(spec, stamp=DataType.INT64))
        self._enter({"name": spec.name, "dim": spec.dim, "fingerprint": spec.fingerprint, "stamp": stamp})

    def drop(self, name: str) -> None:
        """Forget a collection."""
        with self._book_lock, border(self._path):
            self._client.delete(_BOOK, filter=f"name in {quoted_list([name])}")
            self._book = {n: row for n, row in self._book.items() if n != name}
        with border(self._path):
            self._client.drop_collection(name)

    def begin(self, name: str, stamp: int) -> None:
        """Say that a write is about to happen; what is derived is in doubt until it bears the same stamp."""
        self._enter(self._book[name] | {"stamp": stamp})

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings, stamp: int) -> None:
        """Write rows that have different ids."""
        for start in range(0, len(items), _BATCH):
            rows = [
                to_row(item, embedding) | {"stamp": stamp}
                for item, embedding in zip(
                    items[start : start + _BATCH], embeddings[start : start + _BATCH], strict=True
                )
            ]
            with border(self._path):
                self._client.upsert(name, rows)

    def delete(self, name: str, item_ids: Sequence[str]) -> None:
        """Remove rows."""
        for start in range(0, len(item_ids), _BATCH):
            with border(self._path):
                self._client.delete(name, filter=_these(item_ids[start : start + _BATCH]))

    def stamps(self, name: str) -> dict[str, int]:
        """item_id → the stamp that each row was written with."""
        return {row["item_id"]: int(row["stamp"]) for row in self._query(name, "", ["item_id", "stamp"])}

    def fetch(self, name: str, item_ids: Sequence[str]) -> Iterator[tuple[Item, int, NDArray[np.float32]]]:
        """Rows with their stamps and embeddings."""
        for row in self._query(name, _these(item_ids), [*ATTRIBUTES, "stamp", VECTOR]):
            yield to_item(row), int(row["stamp"]), np.array(row[VECTOR], np.float32)

    def close(self) -> None:
        """Write everything out and let go of the file."""
        with border(self._path):
            self._client.close()
        server_manager_instance.release_server(self._path)

    def _read_book(self) -> Iterable[dict[str, Any]]:
        return self._query(_BOOK, "", ["name", "dim", "fingerprint", "stamp"])

    def _enter(self, row: dict[str, Any]) -> None:
        with self._book_lock:
            with border(self._path):
                self._client.upsert(_BOOK, [row | {"unused": [0.0, 0.0]}])
            self._book = self._book | {row["name"]: row}

    def _query(self, name: str, where: str, fields: list[str]) -> list[dict[str, Any]]:
        with border(self._path):
            rows: list[dict[str, Any]] = self._client.query(name, filter=where, output_fields=fields)
        return rows


def opened(path: Path) -> LiteRecords:
    """The Lite file at `path`.

    Raises:
        StoreUnavailable: it cannot be opened, with what to do about it.
    """
    try:
        return LiteRecords(path)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"The catalogue in {path} cannot be opened ({error.message}); "
            "is another program using the file, or is the disk full?"
        ) from error


def _these(item_ids: Sequence[str]) -> str:
    return f"item_id in {quoted_list(item_ids)}"


def _book_schema() -> Any:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("name", DataType.VARCHAR, is_primary=True, max_length=256)
    schema.add_field("dim", DataType.INT64)
    schema.add_field("fingerprint", DataType.VARCHAR, max_length=256)
    schema.add_field("stamp", DataType.INT64)
    schema.add_field("unused", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants a vector in every collection.
    return schema
