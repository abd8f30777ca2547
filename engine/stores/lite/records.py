"""Milvus Lite as a record store: the truth of what is in a catalogue. It is written, fetched from, never searched.

Lite runs inside this process and is called directly: the server that pymilvus would start for it listens on a port of
the loopback interface without any credential, where every user of the machine can drop every collection.

Lite loses rows when several write at once, and its searching is slow: so one process holds it, one lock per
collection is held around every write (by the caller), and no index is ever asked of it. It is opened when it is first
written to or fetched from; a home that only answers never opens it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import methodcaller
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain import CollectionSpec, Embeddings, Item
from engine.errors import HomeDamaged
from engine.stores.lite.book import Book, Entry
from engine.stores.lite.errors import lite_schema, translated_errors
from engine.stores.lite.files import SEAL, TEXT_NAMES, problems_of_collection
from engine.stores.lite.flushing import LogFlusher, flush_before_manifests
from engine.stores.lite.rows import FIELDS, read_row, row_of, text
from engine.system.seal import Seal

if TYPE_CHECKING:
    from milvus_lite import Collection, MilvusLite

T = TypeVar("T")
_OLD_BOOK = "thatlook_collections"
"""Where former versions kept the book."""
_BATCH = 500


class LiteRecords:
    """The Lite folder of one home and its book."""

    def __init__(self, folder: Path) -> None:
        """Read the book; Lite itself is opened later.

        Args:
            folder: of the store; Lite's own lies in it.
        """
        self._folder = folder / "records.db"
        self.seal = Seal(self._folder, folder / SEAL, TEXT_NAMES).read()
        self._sealed = self.seal.files
        self.book = Book(folder)
        self._seal_lost = self.seal.lost and not self.book.is_new
        self._db: MilvusLite | None = None
        self._lock = RLock()
        self._logs = LogFlusher()

    def specs(self) -> dict[str, CollectionSpec]:
        """What each collection was made for."""
        return {name: entry.spec(name) for name, entry in self.book.entries.items()}

    def stamp(self, name: str) -> int:
        """The last write that was begun on a collection."""
        return self.book.entries[name].stamp

    def adopt_former_book(self) -> None:
        """Begin the book from what a former version kept inside Lite, or from what the collections say themselves."""
        folders = self._folder / "collections"
        if (folders / _OLD_BOOK / "schema.json").is_file():
            fields = ["name", "dim", "fingerprint", "stamp"]
            rows = self._ask(_OLD_BOOK, lambda former: former.query(None, output_fields=fields))
            self.book.adopt({r["name"]: _former(r) for r in rows})
        else:
            self.book.adopt({})

    def problems(self, *, most_bytes: int | None = None) -> list[str]:
        """What is wrong with Lite's files, in words. Nothing is opened or changed.

        Args:
            most_bytes: sealed contents are only read where all of them together are no larger.
        """
        if self.seal.files is not None:
            return self.seal.problems(most_bytes=most_bytes)
        folders = self._folder / "collections"
        return [said for name in self.book.entries for said in problems_of_collection(folders / name)]

    def notes(self) -> list[str]:
        """What was amiss with the book's copies and the seal when they were read; they are written anew at closing."""
        said = [f"{path} is missing or damaged" for path in self.book.lost]
        return [*said, f"{self.seal.path} is missing or damaged"] if self._seal_lost else said

    def strangers(self) -> list[str]:
        """Collections that lie there with rows and that the book does not know: never ours to drop."""
        folders = self._folder / "collections"
        known = {*self.book.entries, _OLD_BOOK}
        if not folders.is_dir():
            return []
        return sorted(each.name for each in folders.iterdir() if each.name not in known and _holds_rows(each))

    def create(self, spec: CollectionSpec, stamp: int) -> None:
        """Make a collection; an empty one left over from a crash in the middle of this is made anew.

        Raises:
            HomeDamaged: one of that name holds rows.
        """
        left_over = self._folder / "collections" / spec.name
        if _holds_rows(left_over):
            raise HomeDamaged(f"The collection {spec.name} holds rows, but the list of collections lacks it.")
        with self._lock, translated_errors(self._folder):
            database = self._database()
            database.drop_collection(spec.name)
            shutil.rmtree(left_over, ignore_errors=True)  # What a kill leaves that Lite does not know as a collection.
            database.create_collection(spec.name, lite_schema(spec))
        self.book.enter(spec.name, Entry(spec.dim, spec.fingerprint, stamp))

    def drop(self, name: str) -> None:
        """Forget a collection."""
        self.book.forget(name)
        with self._lock, translated_errors(self._folder):
            self._database().drop_collection(name)

    def begin(self, name: str, stamp: int, gone: Sequence[str] = ()) -> None:
        """Say that a write is about to happen; what is derived is in doubt until it bears the same stamp."""
        self.book.begin(name, stamp, gone)

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings, stamp: int) -> None:
        """Write rows that have different ids."""
        rows = [row_of(item, row, stamp) for item, row in zip(items, embeddings, strict=True)]
        for start in range(0, len(rows), _BATCH):
            self._ask(name, methodcaller("upsert", rows[start : start + _BATCH]))
        self._flush(name)

    def delete(self, name: str, item_ids: Sequence[str]) -> None:
        """Remove rows."""
        for start in range(0, len(item_ids), _BATCH):
            self._ask(name, methodcaller("delete", [text(item_id) for item_id in item_ids[start : start + _BATCH]]))
        self._flush(name)

    def stamps(self, name: str) -> dict[str, int]:
        """item_id → the stamp that each row was written with."""
        rows = self._ask(name, lambda collection: collection.query(None, output_fields=["item_id", "stamp"]))
        return {row["item_id"]: int(row["stamp"]) for row in rows}

    def fetch(self, name: str, item_ids: Sequence[str]) -> Iterator[tuple[Item, int, NDArray[np.float32]]]:
        """Rows with their stamps and embeddings.

        Raises:
            HomeDamaged: a row is not what was written.
        """
        wanted = [text(item_id) for item_id in item_ids]
        for row in self._ask(name, lambda collection: collection.get(wanted, output_fields=FIELDS)):
            yield read_row(row, name)

    def reopen(self) -> None:
        """After a write that failed, in the middle perhaps: forget what Lite holds in memory, and read its files anew.

        A log that was cut off in the midst of a record loses whatever is appended behind it; reading the files anew
        begins another.
        """
        with self._lock:
            if self._db is not None:
                database, self._db = self._db, None
                with translated_errors(self._folder):
                    database.close()

    def close(self) -> None:
        """Write everything out, seal the files and let go of them."""
        with self._lock:
            self.reopen()
            if self.seal.files is None and self._folder.is_dir():
                self.seal.put_on(self._sealed)

    def _ask(self, name: str, call: Callable[[Collection], T]) -> T:
        with translated_errors(self._folder):
            return call(self._collection(name))

    def _flush(self, name: str) -> None:
        with translated_errors(self._folder):
            self._logs.flush(self._folder / "collections" / name)

    def _collection(self, name: str) -> Collection:
        with self._lock:
            if problems := problems_of_collection(self._folder / "collections" / name):
                raise HomeDamaged(damage_of_records(problems))
            return self._database().get_collection(name)

    def _database(self) -> MilvusLite:
        """Lite, opened; from here on its files may change."""
        if self._db is None:
            from milvus_lite import MilvusLite

            logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
            flush_before_manifests()
            self.seal.break_open()
            self._db = MilvusLite(str(self._folder.resolve()))
        return self._db


def _former(row: Mapping[str, Any]) -> Entry:
    return Entry(int(row["dim"]), row["fingerprint"], int(row["stamp"]), None, written=True)


def damage_of_records(problems: Sequence[str]) -> str:
    """A refusal in words."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"The stored rows are damaged: {problems[0]}{more}. Run `thatlook doctor --repair`, or restore a backup."


def _holds_rows(folder: Path) -> bool:
    """Whether a collection's folder holds anything besides its schema."""
    found: Mapping[str, Any] = {each.name: each for each in folder.rglob("*.parquet")} if folder.is_dir() else {}
    return bool(found) or any(folder.glob("wal/*.arrow"))
