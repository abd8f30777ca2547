"""One generation of a derived index: a folder that holds everything needed to search a collection."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Item
from engine.errors import HomeDamaged
from engine.stores.ivfpq.ann import Ann
from engine.stores.ivfpq.columns import Columns, NewRows, OlderForm
from engine.stores.ivfpq.journal import Entry, Frame, Ids, Journal, decoded, encoded, ids_of
from engine.stores.ivfpq.lookup import Keys, Lookup
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.ivfpq.postings import Postings, item_key, product_key
from engine.stores.ivfpq.vectors import VectorFile, checks_of
from engine.stores.trailer import is_whole

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
    checks: NDArray[np.uint32]
    items: Lookup
    products: Lookup
    postings: Postings
    vectors: Embeddings
    journal: Journal
    ann: Ann | None
    state: tuple[str, int, int, Ann | None]
    """Generation, rows, dead rows, index: equal only where the same rows are found in the same way."""

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


@dataclass(slots=True, eq=False)
class Condition:
    """What opening found.

    Attributes:
        damage: why the rows' words cannot be trusted, in words; then only a new generation helps.
        bad: living rows whose embeddings are not what was written.
        told: files that were found damaged and could be done without, in words.
        examined: everything was compared with its checksum.
        former: a former version wrote it, without checksums; they were made from what lies there.
    """

    damage: str | None = None
    bad: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    told: list[str] = field(default_factory=list)
    examined: bool = True
    former: bool = False


class Generation:
    """A folder of files with one writer. `stamp` names the last write that it holds."""

    def __init__(self, folder: Path, dim: int, plan: IvfpqPlan, *, most_bytes: int | None = None) -> None:
        """Open the folder, or begin an empty one; read on from the last checkpoint. Nothing that is there is changed.

        Args:
            most_bytes: files that are larger in all are not compared with their checksums now (see `examine`).
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.dim, self._plan = folder, dim, plan
        self.stamp = 0
        self.ann: Ann | None = None
        self.learned = 0
        self.columns = Columns()
        self.condition = Condition()
        self.changed = False
        self._marks: dict[str, int] = {}
        self._lock = Lock()
        self._vectors = VectorFile(folder / "vectors.f32", dim)
        self.journal = Journal(folder / "journal.bin")
        self._read(most_bytes)

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
                c.checks,
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
        checks = checks_of(embeddings)
        bodies = [encoded(*each) for each in zip(items, stamps, checks.tolist(), strict=True)]
        new = NewRows.of(items, checks)
        older = self.view().rows_of_keys(new.items)
        self.append(stamp, older[older >= 0], bodies, new, embeddings)

    def delete(self, stamp: int, rows: NDArray[np.int64]) -> None:
        """Let living rows die; on the disk when this returns.

        After a power cut, rows that the index has and the records lack are taken for lost ones.
        """
        none = np.empty((0, self.dim), np.float32)
        self.append(stamp, rows, [], NewRows.of([], checks_of(none)), none)
        self.journal.sync()

    def append(
        self,
        stamp: int,
        dead: NDArray[np.int64],
        bodies: Sequence[bytes],
        new: NewRows,
        embeddings: Embeddings,
    ) -> None:
        """One write: embeddings first, then the frame that makes it count, then the columns that show it."""
        self.changed = True
        self._vectors.write(self.columns.n, embeddings)
        frame = self.journal.append(stamp, dead, bodies)
        with self._lock:
            self._show(frame, new)

    def copy_rows(self, view: View, rows: NDArray[np.int64], chunk: int = 4096) -> None:
        """Take living rows of another generation over, unchanged, without what finds them (see `renumber`)."""
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            bodies = [view.journal.body(int(view.offsets[r]), int(view.lengths[r])) for r in part]
            self._vectors.write(self.columns.n, view.vectors[part])
            frame = self.journal.append(0, np.empty(0, np.int64), bodies)
            keys = view.item_keys[part], view.product_keys[part], view.checks[part]
            self.changed = True
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
        loaded = Ann.load(self.folder / "ivfpq.faiss", checked=True)
        with self._lock:
            self.ann = loaded

    def extend_index(self) -> None:
        """Let the index cover every row there is, without learning anew: a matter of a second."""
        view = self.view()
        if view.ann is not None and view.n > view.ann.rows:
            self.index(Ann.extended(self.folder / "ivfpq.faiss", view.vectors[view.ann.rows : view.n]))

    def checkpoint(self) -> None:
        """Save the columns, so that the next opening need not read the journal from its beginning."""
        self._vectors.sync()
        self.journal.sync()
        if self.ann and self.condition.former:  # It bears no checksum yet.
            self.index(self.ann)
        end = self.journal.end
        marks = {"end": end, "stamp": self.stamp, "learned": self.learned, "journal": self.journal.checksum(end)}
        self.columns.save(self.folder / "columns.npz", **marks)
        self._marks, self.changed, self.condition.former = marks, False, False

    def trim(self) -> None:
        """Cut the files to what they hold, before closing."""
        self._vectors.trim(self.columns.n)

    def examine(self, cancelled: Callable[[], bool] = lambda: False) -> Condition:
        """Compare everything with its checksum now, however large it is: what the condition is.

        Args:
            cancelled: asked between parts; what was not looked at then is taken for good.
        """
        found, view = replace(self.condition, examined=True), self.view()
        if not self._journal_is_whole():
            found.damage = f"{self.folder / 'journal.bin'} has other bytes than were written"
        found.bad = self._vectors.damaged(view.checks[: view.n], view.live, cancelled)
        found.told = self._misplaced()
        return found

    def _misplaced(self) -> list[str]:
        """Files that were taken away or changed behind our back while we have them open, in words."""
        vectors, journal = self.folder / "vectors.f32", self.folder / "journal.bin"
        found = [vectors] if not self._vectors.is_at(vectors) else []
        found += [journal] if not self.journal.is_at(journal) else []
        written = [self.folder / "columns.npz"] if self._marks else []
        written += [self.folder / "ivfpq.faiss"] if self.ann else []
        return [f"{path} is missing or damaged" for path in (*found, *(w for w in written if not _is_whole(w)))]

    def mend(self, rows: NDArray[np.int64], embeddings: Embeddings) -> None:
        """Write embeddings anew that were damaged.

        Raises:
            HomeDamaged: these are not what was written there either.
        """
        if (checks_of(embeddings) != self.columns.checks[rows]).any():
            raise HomeDamaged(f"Embeddings in {self.folder} are damaged, and the stored rows have others.")
        for row, embedding in zip(rows.tolist(), embeddings, strict=True):
            self._vectors.write(row, embedding[None])
        self._vectors.sync()
        self.condition.bad = np.setdiff1d(self.condition.bad, rows)

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(512 * path.stat().st_blocks for path in self.folder.iterdir())

    def _show(self, frame: Frame, new: NewRows) -> None:
        rows = self._add(frame, new)
        self.columns.find_by(rows, new.values, new.counts, self._plan.fold_rows)

    def _add(self, frame: Frame, new: NewRows) -> range:
        self.columns.kill(frame.dead)
        self.stamp = frame.stamp
        return self.columns.extend(frame.offsets, frame.lengths, new.prices, new.items, new.products, new.checks)

    def _read(self, most_bytes: int | None) -> None:
        marks = self._load_columns()
        self._marks = marks
        if marks.get("end", 0) > self.journal.size:
            self.condition.damage = f"{self.folder / 'journal.bin'} lacks what was written"
            return
        first = marks.get("end", 0)
        width = 4 * self.dim
        self.condition.examined = most_bytes is None or first + self.columns.n * width <= most_bytes
        if self.condition.examined and not self._journal_is_whole():
            self.condition.damage = f"{self.folder / 'journal.bin'} has other bytes than were written"
            return
        self._read_on(first)
        if self.condition.examined:
            self.condition.bad = self._vectors.damaged(self.columns.checks[: self.columns.n], self.view().live)
        elif len(self._vectors.rows) < self.columns.n:
            self.condition.bad = np.arange(len(self._vectors.rows), self.columns.n)
        if self.learned or (self.folder / "ivfpq.faiss").exists():
            self.ann = self._read_index()
        if self.ann is None:
            self.learned = 0

    def _load_columns(self) -> dict[str, int]:
        """The checkpoint's marks; none where the journal has to be read from its beginning."""
        try:
            marks = self.columns.load(self.folder / "columns.npz")
        except FileNotFoundError:
            return {}
        except OlderForm as older:
            _log.info("The checkpoint in %s is of an older form; reading the whole journal, once.", self.folder)
            self.learned, self.changed, self.condition.former = older.learned, True, True
            return {}
        except Exception as error:  # NumPy's and zipfile's are of a dozen kinds.
            _log.warning("The checkpoint in %s is damaged (%s); reading the whole journal.", self.folder, error)
            self.columns, self.changed = Columns(), True
            self.condition.told.append(f"{self.folder / 'columns.npz'} is damaged; the journal was read instead")
            return {}
        self.stamp, self.learned = marks["stamp"], marks["learned"]
        if "journal" not in marks:
            self._add_checks(range(self.columns.n))
        return marks

    def _add_checks(self, rows: range) -> None:
        """Take what a former version wrote, without checksums, for what it should be."""
        self.condition.former = self.changed = True
        there = self._vectors.rows[rows.start : rows.stop]
        self.columns.checks[rows.start : rows.start + len(there)] = checks_of(there)

    def _journal_is_whole(self) -> bool:
        wanted = self._marks.get("journal")
        return wanted is None or self.journal.checksum(self._marks["end"]) == wanted

    def _read_on(self, start: int) -> None:
        """Take in what the journal holds from `start` on; all of it is made findable together, at the end."""
        first, values, counts = self.columns.n, [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for frame in self.journal.frames(start):
            bodies = zip(frame.offsets.tolist(), frame.lengths.tolist(), strict=True)
            entries = [decoded(self.journal.body(offset, length)) for offset, length in bodies]
            new = NewRows.of(entries, np.array([each.check or 0 for each in entries], np.uint32))
            rows = self._add(frame, new)
            if any(each.check is None for each in entries):
                self._add_checks(rows)
            values.append(new.values)
            counts.append(new.counts)
            self.changed = True
        rows = range(first, self.columns.n)
        self.columns.find_by(rows, np.concatenate(values), np.concatenate(counts), self._plan.fold_rows)

    def _read_index(self) -> Ann | None:
        """The saved index; None where it is damaged, or covers rows that were lost and may come again otherwise."""
        path = self.folder / "ivfpq.faiss"
        try:
            ann = Ann.load(path, checked="journal" in self._marks)
        except (RuntimeError, OSError, MemoryError):
            ann = None
        if ann is None or ann.rows > self.columns.n:
            _log.warning("The IVFPQ index in %s cannot be used; it will be rebuilt.", self.folder)
            self.condition.told.append(f"{path} is damaged; every row is scored until it is rebuilt")
            return None
        return ann


def _is_whole(path: Path) -> bool:
    try:
        return is_whole(path.read_bytes()) is not False
    except OSError:
        return False
