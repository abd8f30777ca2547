"""The embedded vector store: Milvus Lite keeps the rows, a derived IVFPQ index per collection searches them.

Every write goes through three steps: the book notes a new stamp, the rows are written to Lite, the derived index takes
them and the stamp. So the two stamps agree exactly when the index holds what Lite holds; after a crash in between they
differ, and the index is compared with the rows, one by one, before it is used again.

What lies there is compared with its checksums when it is opened (or, where it is large, right after): a damaged index
is mended from the rows, damaged rows are refused, and nothing that is not understood is removed.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock, Thread

import numpy as np

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import ThatLookError
from engine.filters import EVERYTHING, Filter
from engine.seams import FacetRows, Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.ivfpq.generation import Condition
from engine.stores.ivfpq.index import DerivedIndex, IndexStatus
from engine.stores.ivfpq.paired import shortlist
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.stores.lite.opening import check_records, hold
from engine.stores.lite.records import LiteRecords
from engine.stores.rows import check_dim, check_name, check_spec, last_of_each, no_candidates, no_such_collection
from engine.system.refusals import refusal

_log = logging.getLogger(__name__)
EXAMINED_AT_ONCE_BYTES = 256 << 20
"""A larger index is compared with its checksums after it is opened, beside the searches: 0.1 s at 5 GB/s."""


class LiteStore:
    """Implements `engine.seams.VectorStore` in one folder of one process."""

    def __init__(self, folder: Path, *, plan: IvfpqPlan | None = None) -> None:
        """Open or create; seconds at most where the last process closed or was killed at rest.

        Raises:
            HomeInUse: another process (or another store of this one) holds the folder.
            HomeDamaged: the stored rows are not what was written.
            StoreUnavailable: the files cannot be opened.
        """
        self._folder, self._plan = folder, plan or default_plan()
        self._held = hold(folder)
        try:
            self._records = LiteRecords(folder)
            check_records(folder, self._records)
        except BaseException as error:
            self._held.release()
            if isinstance(error, OSError):
                raise refusal(error, "The catalogue cannot be opened", folder) from error
            raise
        self._specs = self._records.specs()
        self._indexes: dict[str, DerivedIndex] = {}
        self._suspects: set[str] = set()
        self._watching: list[Thread] = []
        self._closing = False
        self._locks: dict[str, RLock] = {}
        self._lock = RLock()

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for."""
        check_name(spec.name)
        with self._writing(spec.name):
            if existing := self._specs.get(spec.name):
                check_spec(existing, spec)
                return
            with self._said("The catalogue cannot be written"):
                self._records.create(spec, _new_stamp())
            self._specs = self._specs | {spec.name: spec}

    def moment(self) -> str:
        """A name of everything that was ever written here."""
        return self._records.book.moment()

    def moment_of(self, wanted: Callable[[str], bool]) -> str:
        """A name of everything that was ever written to these collections."""
        return self._records.book.moment(wanted)

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

            self._change(name, write, gone)

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, with exact scores."""
        spec = self._specs.get(name)
        if spec is None:
            return [no_candidates() for _ in queries]
        check_dim(name, spec.dim, queries, len(queries))
        return self._index(name).search(np.ascontiguousarray(queries, np.float32), k, where)

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of several collections, by their numbers."""
        names = dict.fromkeys((*query.asked, query.words))
        if any(name not in self._specs for name in names):  # Then no row has all its collections.
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

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        return self._index(name).matching(where, most) if name in self._specs else []

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match."""
        return self._index(name).facet_rows(where, most) if name in self._specs else FacetRows([])

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had until the index was last rebuilt."""
        return self._index(name).known_values(facet, values) if name in self._specs else frozenset()

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self._index(name).count(where) if name in self._specs else 0

    def status(self) -> list[IndexStatus]:
        """Every collection's derived index."""
        return [self._index(name).status(name) for name in self.collections()]

    def rebuild(self, name: str) -> None:
        """Build a collection's derived index anew, now; searches go on meanwhile.

        It is compared with its checksums and with the stored rows first: what is built has the rows and no damage.
        """
        if name not in self._specs:
            raise no_such_collection(name)
        index = self._indexes.get(name)
        if index is not None and (index.condition.damage or _is_bad(index.examine())):
            self._suspects.add(name)
        self._index(name, thorough=True).rebuild()

    def open_all(self) -> None:
        """Open every index now, so that what is damaged is known before anybody searches."""
        for name in self.collections():
            self._index(name)

    def damage(self) -> str | None:
        """Why searches of some collection would be refused at present, or None."""
        return next((said for name in self.collections() if (said := self.problem(name))), None)

    def problem(self, name: str) -> str | None:
        """Why searches of a collection would be refused at present, or None."""
        try:
            self._index(name)
        except ThatLookError as error:
            return error.message
        return None

    def problems_of_rows(self) -> list[str]:
        """What is wrong with the stored rows: their files, and such as the index has and they lack; in words."""
        found = self._records.problems()
        for name in self.collections():
            if (index := self._indexes.get(name)) and not found:
                found += self._differences(name, index)
        return found

    def product_ids(self, name: str) -> set[str]:
        """The products that have rows in a collection."""
        view = self._index(name).view()
        return {view.ids(int(row)).product_id for row in np.flatnonzero(view.live)}

    def examine(self) -> list[str]:
        """Compare everything with its checksums, and the indexes with the rows; what was found, in words."""
        found = self._records.notes() + self._records.problems()
        for name in self.collections():
            try:
                found += self._examined(name)
            except ThatLookError as error:
                found.append(error.message)
        return found

    def _examined(self, name: str) -> list[str]:
        """What is wrong with one collection, told once. What was open is opened anew, and mended, if need be."""
        was_open = self._indexes.get(name)
        found: list[str] = []
        if was_open is not None:
            condition = was_open.examine()
            found += [*condition.told, *([condition.damage] if condition.damage else [])]
            if found or len(condition.bad):
                self._suspects.add(name)
        index = self._index(name, thorough=True)
        found += index.condition.told
        index.condition.told = []
        return found + self._differences(name, index)

    def close(self) -> None:
        """Write everything out and let go of the folder."""
        self._closing = True
        with self._lock:
            for index in self._indexes.values():
                self._close(index)
            self._indexes = {}
            try:
                self._records.close()
            except (OSError, ThatLookError) as error:
                _log.error("The stored rows could not be sealed: %s", error)
            self._held.release()

    def _change(self, name: str, write: Callable[[DerivedIndex, int], None], gone: Sequence[str] = ()) -> None:
        """One write, begun and ended by the same stamp. One that fails leaves the index to be reconciled."""
        index, stamp = self._index(name), _new_stamp()
        try:
            index.note_open()
            self._records.begin(name, stamp, gone)
            write(index, stamp)
        except BaseException as error:
            self._forget(name)
            self._reopen_records()
            if isinstance(error, OSError):
                raise refusal(error, "The catalogue cannot be written", self._folder) from error
            raise

    def _reopen_records(self) -> None:
        try:
            self._records.reopen()
        except ThatLookError as error:
            _log.error("%s", error.message)

    def _index(self, name: str, *, thorough: bool = False) -> DerivedIndex:
        """The derived index of a collection that exists, opened and made to agree with the stored rows."""
        index = self._indexes.get(name)
        if index is not None and name not in self._suspects:
            return index
        with self._writing(name):
            if name in self._suspects:
                self._forget(name)
                thorough = True
            if name not in self._indexes:
                with self._said("The catalogue's index cannot be opened"):
                    self._indexes[name] = self._open(name, thorough=thorough)
                self._suspects.discard(name)
            return self._indexes[name]

    def _open(self, name: str, *, thorough: bool = False) -> DerivedIndex:
        folder = self._index_folder(name)
        if folder.is_file():
            folder.unlink()
        most_bytes = None if thorough else EXAMINED_AT_ONCE_BYTES
        index = DerivedIndex(folder, self._specs[name].dim, self._plan, most_bytes=most_bytes)
        if index.condition.damage:
            index.start_over(index.condition.damage)
        entry = self._records.book.entries[name]
        if index.stamp != entry.stamp:
            if entry.written and index.was_closed and not index.condition.told:
                index.condition.told.append(f"the index of {name} was lost, or is an older copy; it was made to agree")
            index.reconcile(entry.stamp, self._records.stamps(name), partial(self._records.fetch, name), entry.gone)
        if len(index.condition.bad):
            index.mend(partial(self._records.fetch, name))
        index.tidy()
        index.tend()
        if not index.condition.examined:
            self._watch(name, index)
        return index

    def _watch(self, name: str, index: DerivedIndex) -> None:
        """Compare a large index with its checksums beside the searches; a damaged one is opened anew, and mended."""

        def examine() -> None:
            if _is_bad(index.examine()) and not self._closing:
                _log.error("The index of %s is damaged; it is mended from the stored rows.", name)
                self._suspects.add(name)

        thread = Thread(target=examine, name=f"examine {name}", daemon=True)
        self._watching.append(thread)
        thread.start()

    def _differences(self, name: str, index: DerivedIndex) -> list[str]:
        """Where the stored rows and the index hold different ones, in words."""
        stored, view = self._records.stamps(name), index.view()
        indexed = {ids.item_id: ids.stamp for ids in (view.ids(int(row)) for row in np.flatnonzero(view.live))}
        if stored == indexed:
            return []
        lost = sum(item_id not in stored for item_id in indexed)
        return [f"{name} has {len(stored):,} stored rows and {len(indexed):,} indexed ones, of which {lost} are lost"]

    def _forget(self, name: str) -> None:
        """Close an index that may differ from the stored rows; it is opened, and compared, when next used."""
        if index := self._indexes.pop(name, None):
            self._close(index)

    def _close(self, index: DerivedIndex) -> None:
        try:
            index.close()
        except OSError as error:  # Its journal has everything; only the next opening takes longer.
            _log.error("An index could not be checkpointed: %s", error)

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refusal(error, what, self._folder) from error

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(name, RLock())
        with lock:
            yield

    def _index_folder(self, name: str) -> Path:
        return self._folder / "index" / name


def _is_bad(condition: Condition) -> bool:
    return condition.damage is not None or len(condition.bad) > 0


def _new_stamp() -> int:
    """A name for one write: random, so that no two histories of a folder share one. Never 0."""
    return secrets.randbits(62) + 1
