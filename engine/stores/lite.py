"""The embedded vector store: Milvus Lite keeps the rows, a derived IVFPQ index per collection searches them.

Every write goes through three steps: the Lite file notes a new stamp, the rows are written there, the derived
index takes them and the stamp. So the two stamps agree exactly when the index holds what the file holds; after a
crash in between they differ, and the index is compared with the file, row by row, before it is used again.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np
from filelock import FileLock, Timeout

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import HomeInUse, StoreUnavailable
from engine.filters import EVERYTHING, Filter
from engine.seams import Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.ivfpq.index import DerivedIndex, IndexStatus
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.stores.ivfpq.sisters import shortlist
from engine.stores.lite_records import opened
from engine.stores.rows import check_dim, check_name, check_spec, last_of_each, no_candidates, no_such_collection


class LiteStore:
    """Implements `engine.seams.VectorStore` in one folder of one process."""

    def __init__(self, folder: Path, *, plan: IvfpqPlan | None = None) -> None:
        """Open or create; seconds at most where the last process closed or was killed at rest.

        Raises:
            HomeInUse: another process (or another store of this one) holds the folder.
            StoreUnavailable: the files cannot be opened.
        """
        self._folder, self._plan = folder, plan or default_plan()
        folder.mkdir(parents=True, exist_ok=True)
        self._held = FileLock(folder / "lock", thread_local=False)
        try:
            self._held.acquire(timeout=0)
        except Timeout:
            raise HomeInUse(
                f"Another thatlook process uses {folder}; stop it, ask it over HTTP, or take another --home."
            ) from None
        try:
            self._records = opened(folder / "records.db")
        except StoreUnavailable:
            self._held.release()
            raise
        self._specs = self._records.specs()
        self._indexes: dict[str, DerivedIndex] = {}
        self._locks: dict[str, RLock] = {}
        self._lock = RLock()

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for."""
        check_name(spec.name)
        with self._writing(spec.name):
            if existing := self._specs.get(spec.name):
                check_spec(existing, spec)
                return
            shutil.rmtree(self._index_folder(spec.name), ignore_errors=True)
            self._records.create(spec, _new_stamp())
            self._specs = self._specs | {spec.name: spec}

    def collections(self) -> list[str]:
        """Names of what exists, sorted."""
        return sorted(self._specs)

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows."""
        with self._writing(name):
            if name in self._specs:
                self._specs = {n: spec for n, spec in self._specs.items() if n != name}
                if index := self._indexes.pop(name, None):
                    index.close()
                self._records.drop(name)
                shutil.rmtree(self._index_folder(name), ignore_errors=True)

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id; the last of equal ids counts."""
        with self._writing(name):
            spec = self._specs.get(name)
            if spec is None:
                raise no_such_collection(name)
            check_dim(name, spec.dim, embeddings, len(items))
            kept = last_of_each(items)
            if not kept:
                return
            rows, matrix = [items[i] for i in kept], np.ascontiguousarray(embeddings[kept], np.float32)

            def write(index: DerivedIndex, stamp: int) -> None:
                self._records.upsert(name, rows, matrix, stamp)
                index.upsert(stamp, rows, matrix)

            self._change(name, write)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products."""
        with self._writing(name):
            if name not in self._specs:
                return
            gone = self._index(name).ids_of_products(set(product_ids))
            if not gone:
                return

            def write(index: DerivedIndex, stamp: int) -> None:
                self._records.delete(name, gone)
                index.delete(stamp, gone)

            self._change(name, write)

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, with exact scores."""
        spec = self._specs.get(name)
        if spec is None:
            return [no_candidates() for _ in queries]
        check_dim(name, spec.dim, queries, len(queries))
        return self._index(name).search(np.ascontiguousarray(queries, np.float32), k, where)

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of several sisters, by their numbers."""
        names = dict.fromkeys((*query.asked, query.words))
        if any(name not in self._specs for name in names):  # Then no row has all its sisters.
            return gathered(self, replace(query, asked={}))
        for name, queries in query.asked.items():
            check_dim(name, self._specs[name].dim, queries, len(queries))
        indexes = {name: self._index(name) for name in names}
        ready = {name: np.ascontiguousarray(queries, np.float32) for name, queries in query.asked.items()}
        return shortlist(indexes, replace(query, asked=ready))

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        if name not in self._specs:
            return np.zeros((len(item_ids), 0), np.float32), [False] * len(item_ids)
        return self._index(name).embeddings(item_ids)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        return self._index(name).items(item_ids) if name in self._specs else [None] * len(item_ids)

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        return self._index(name).items_of(product_id) if name in self._specs else []

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self._index(name).count(where) if name in self._specs else 0

    def status(self) -> list[IndexStatus]:
        """Every collection's derived index."""
        return [self._index(name).status(name) for name in self.collections()]

    def rebuild(self, name: str) -> None:
        """Build a collection's derived index anew, now; searches go on meanwhile."""
        if name not in self._specs:
            raise no_such_collection(name)
        self._index(name).rebuild()

    def close(self) -> None:
        """Write everything out and let go of the folder."""
        with self._lock:
            for index in self._indexes.values():
                index.close()
            self._indexes = {}
            self._records.close()
            self._held.release()

    def _change(self, name: str, write: Callable[[DerivedIndex, int], None]) -> None:
        """One write, begun and ended by the same stamp. One that fails leaves the index to be reconciled."""
        index, stamp = self._index(name), _new_stamp()
        try:
            self._records.begin(name, stamp)
            write(index, stamp)
        except OSError as error:
            self._forget(name)
            raise StoreUnavailable(f"The catalogue in {self._folder} cannot be written: {error}.") from error
        except BaseException:
            self._forget(name)
            raise

    def _index(self, name: str) -> DerivedIndex:
        """The derived index of a collection that exists, opened and made to agree with the Lite file."""
        if index := self._indexes.get(name):
            return index
        with self._writing(name):
            if name not in self._indexes:
                self._indexes[name] = self._open(name)
            return self._indexes[name]

    def _open(self, name: str) -> DerivedIndex:
        index = DerivedIndex(self._index_folder(name), self._specs[name].dim, self._plan)
        stamp = self._records.stamp(name)
        if index.stamp != stamp:
            index.reconcile(stamp, self._records.stamps(name), lambda ids: self._records.fetch(name, ids))
        index.tend()
        return index

    def _forget(self, name: str) -> None:
        """Close an index that may differ from the Lite file; it is opened, and compared, when next used."""
        if index := self._indexes.pop(name, None):
            index.close()

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(name, RLock())
        with lock:
            yield

    def _index_folder(self, name: str) -> Path:
        return self._folder / "index" / name


def _new_stamp() -> int:
    """A name for one write: random, so that no two histories of a folder share one. Never 0."""
    return secrets.randbits(62) + 1
