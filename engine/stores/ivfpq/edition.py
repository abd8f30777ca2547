"""One edition of a derived index: a folder that holds everything needed to search a collection."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Item
from engine.stores.ivfpq.ann import Ann
from engine.stores.ivfpq.columns import Columns, NewRows, OlderForm
from engine.stores.ivfpq.journal import Entry, Frame, Ids, Journal, decoded, encoded, ids_of
from engine.stores.ivfpq.lookup import Keys, Lookup
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.ivfpq.postings import Postings, item_key, product_key
from engine.stores.ivfpq.vectors import VectorFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one reader sees: the rows that were there when it looked, whatever is written meanwhile."""

    n: int
    live: NDArray[np.bool_]
    prices: NDArray[np.float64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]
    item_keys: Keys
    product_keys: Keys
    items: Lookup
    products: Lookup
    postings: Postings
    vectors: Embeddings
    journal: Journal
    ann: Ann | None
    state: tuple[str, int, int, Ann | None]
    """Edition, rows, dead rows, index: equal only where the same rows are found in the same way."""

    def ids(self, row: int) -> Ids:
        """A row's item and product."""
        return ids_of(self.journal.body(int(self.offsets[row]), int(self.lengths[row])))

    def entry(self, row: int) -> Entry:
        """A row's words."""
        return decoded(self.journal.body(int(self.offsets[row]), int(self.lengths[row])))

    def rows_of_items(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """The living row of each item, -1 where there is none."""
        return self.rows_of_keys(np.array([item_key(item_id) for item_id in item_ids], np.uint64))

    def rows_of_keys(self, items: Keys) -> NDArray[np.int64]:
        """The living row of each item, by its key, -1 where there is none."""
        rows = self.items.newest_of(self.item_keys, items)
        there = (rows >= 0) & (rows < self.n)
        there[there] = self.live[rows[there]]
        return np.where(there, rows, -1)

    def rows_of_product(self, product_id: str) -> NDArray[np.int64]:
        """The living rows of a product."""
        rows = self.products.rows_of(self.product_keys, product_key(product_id))
        rows = rows[rows < self.n]
        return rows[self.live[rows]]


class Edition:
    """A folder of files with one writer. `stamp` names the last write that it holds."""

    def __init__(self, folder: Path, dim: int, plan: IvfpqPlan) -> None:
        """Open the folder, or begin an empty one; read on from the last checkpoint."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.dim, self._plan = folder, dim, plan
        self.stamp = 0
        self.ann: Ann | None = None
        self.learned = 0
        self.columns = Columns()
        self._lock = Lock()
        self._vectors = VectorFile(folder / "vectors.f32", dim)
        self.journal = Journal(folder / "journal.bin")
        self._read()

    def view(self) -> View:
        """A consistent look at everything."""
        with self._lock:
            c, n = self.columns, self.columns.n
            return View(
                n,
                c.live[:n],
                c.prices[:n],
                c.offsets,
                c.lengths,
                c.item_keys,
                c.product_keys,
                c.items,
                c.products,
                c.postings,
                self._vectors.rows,
                self.journal,
                self.ann,
                (self.folder.name, n, c.dead, self.ann),
            )

    def upsert(
        self, stamp: int, items: Sequence[Item], embeddings: Embeddings, written: Sequence[int] | None = None
    ) -> None:
        """Write rows that have different ids; older ones of the same ids die in the same moment.

        Args:
            stamp: of this write.
            written: the stamps that the rows themselves bear, where those are older.
        """
        stamps = written or [stamp] * len(items)
        bodies = [encoded(item, each) for item, each in zip(items, stamps, strict=True)]
        new = NewRows.of(items)
        older = self.view().rows_of_keys(new.items)
        self.append(stamp, older[older >= 0], bodies, new, embeddings)

    def delete(self, stamp: int, rows: NDArray[np.int64]) -> None:
        """Let living rows die."""
        self.append(stamp, rows, [], NewRows.of([]), np.empty((0, self.dim), np.float32))

    def append(
        self,
        stamp: int,
        dead: NDArray[np.int64],
        bodies: Sequence[bytes],
        new: NewRows,
        embeddings: Embeddings,
    ) -> None:
        """One write: embeddings first, then the frame that makes it count, then the columns that show it."""
        self._vectors.write(self.columns.n, embeddings)
        frame = self.journal.append(stamp, dead, bodies)
        with self._lock:
            self._show(frame, new)

    def copy_rows(self, view: View, rows: NDArray[np.int64], chunk: int = 4096) -> None:
        """Take living rows of another edition over, unchanged, without what finds them (see `renumber`)."""
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            bodies = [view.journal.body(int(view.offsets[r]), int(view.lengths[r])) for r in part]
            self._vectors.write(self.columns.n, view.vectors[part])
            frame = self.journal.append(0, np.empty(0, np.int64), bodies)
            keys = view.item_keys[part], view.product_keys[part]
            self.columns.extend(frame.offsets, frame.lengths, view.prices[part], *keys)

    def renumber(self, view: View, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Take over what finds the rows that `copy_rows` copied; returns old → new numbers, -1 for the others."""
        numbers = np.full(max(view.n, 1), -1, np.int32)
        numbers[rows] = np.arange(len(rows), dtype=np.int32)
        self.columns.find_all_by(view.postings.renumbered(numbers))
        return numbers

    def index(self, ann: Ann) -> None:
        """Keep and use an IVFPQ index over the first rows."""
        ann.save(self.folder / "ivfpq.faiss")
        loaded = Ann.load(self.folder / "ivfpq.faiss")
        with self._lock:
            self.ann = loaded

    def extend_index(self) -> None:
        """Let the index cover every row there is, without learning anew: a matter of a second."""
        view = self.view()
        if view.ann is not None and view.n > view.ann.rows:
            self.index(Ann.extended(self.folder / "ivfpq.faiss", view.vectors[view.ann.rows : view.n]))

    def checkpoint(self, *, sync: bool = False) -> None:
        """Save the columns, so that the next opening need not read the journal from its beginning."""
        if sync:
            self._vectors.trim(self.columns.n)
            self.journal.sync()
        marks = {"end": self.journal.end, "stamp": self.stamp, "learned": self.learned}
        self.columns.save(self.folder / "columns.npz", **marks)

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(512 * path.stat().st_blocks for path in self.folder.iterdir())

    def _show(self, frame: Frame, new: NewRows) -> None:
        rows = self._add(frame, new)
        self.columns.find_by(rows, new.values, new.counts, self._plan.fold_rows)

    def _add(self, frame: Frame, new: NewRows) -> range:
        self.columns.kill(frame.dead)
        self.stamp = frame.stamp
        return self.columns.extend(frame.offsets, frame.lengths, new.prices, new.items, new.products)

    def _read(self) -> None:
        start = 0
        try:
            marks = self.columns.load(self.folder / "columns.npz")
            start, self.stamp, self.learned = marks["end"], marks["stamp"], marks["learned"]
        except FileNotFoundError:
            pass
        except OlderForm as older:
            _log.info("The checkpoint in %s is of an older form; reading the whole journal, once.", self.folder)
            self.learned = older.learned
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            _log.warning("The checkpoint in %s is damaged; reading the whole journal.", self.folder)
            self.columns = Columns()
        self._read_on(start)
        if (self.folder / "ivfpq.faiss").exists():
            self.ann = self._read_index()
        if self.ann is None:
            self.learned = 0

    def _read_on(self, start: int) -> None:
        """Take in what the journal holds from `start` on; all of it is made findable together, at the end."""
        first, values, counts = self.columns.n, [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for frame in self.journal.frames(start):
            bodies = zip(frame.offsets.tolist(), frame.lengths.tolist(), strict=True)
            new = NewRows.of([decoded(self.journal.body(offset, length)) for offset, length in bodies])
            self._add(frame, new)
            values.append(new.values)
            counts.append(new.counts)
        rows = range(first, self.columns.n)
        self.columns.find_by(rows, np.concatenate(values), np.concatenate(counts), self._plan.fold_rows)

    def _read_index(self) -> Ann | None:
        """The saved index; None where it is damaged, or covers rows that were lost and may come again otherwise."""
        try:
            ann = Ann.load(self.folder / "ivfpq.faiss")
        except RuntimeError:
            ann = None
        if ann is None or ann.rows > self.columns.n:
            _log.warning("The IVFPQ index in %s cannot be used; it will be built anew.", self.folder)
            return None
        return ann
