"""A collection's derived index: the current generation, its rebuilding in the background, and its checking."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, RLock, Thread
from time import monotonic
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings, Item
from engine.errors import HomeDamaged
from engine.filters import Filter
from engine.seams import FacetRows
from engine.stores.ivfpq import search
from engine.stores.ivfpq.ann import Ann, BuildCancelled
from engine.stores.ivfpq.columns import NewRows
from engine.stores.ivfpq.generation import Condition, Generation, View
from engine.stores.ivfpq.journal import counted_of
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.ivfpq.postings import facet_key
from engine.stores.ivfpq.search import Pool
from engine.system.durable import PART, write_durably

_log = logging.getLogger(__name__)
_PAUSE_S = 60.0
"""After a rebuild that failed (a full disk, say), none is tried for so long."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
Fetch: TypeAlias = Callable[[Sequence[str]], Iterable[tuple[Item, int, NDArray[np.float32]]]]
"""Stored rows by item_id, with their stamps and embeddings."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """One derived index, as `thatlook index status` shows it.

    Attributes:
        rows: living ones; dead: rows of the generation that are gone but still take room.
        indexed: rows that the IVFPQ index covers; the others are scanned exactly.
        kind: `exact` or `ivfpq`, which answers an unfiltered search.
        resident_bytes: codes and columns in memory; embeddings and words stay in files.
    """

    name: str
    rows: int
    dead: int
    indexed: int
    kind: str
    generation: int
    building: bool
    size_bytes: int
    resident_bytes: int


class DerivedIndex:
    """Reads never wait for writes or rebuilds; writes wait for each other and for the last moment of a rebuild."""

    def __init__(self, folder: Path, dim: int, plan: IvfpqPlan, *, most_bytes: int | None = None) -> None:
        """Open what lies there, and change nothing of it.

        Args:
            most_bytes: files that are larger in all are not compared with their checksums now, unless the machine
                went down while they were open: then pages may be missing, whatever they say.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._dim, self._plan = folder, dim, plan
        self._write_lock, self._build_lock = RLock(), Lock()
        self._closing = Event()
        self._builder: Thread | None = None
        self._not_before = 0.0
        self._noted = self._unsettled = False
        self._number, told = current_number(folder)
        if in_doubt := self._in_doubt():
            _log.warning("The machine went down while %s was open; comparing it with its checksums.", folder)
        try:
            self._generation = Generation(
                folder / str(self._number), dim, plan, most_bytes=None if in_doubt else most_bytes
            )
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            self.start_over(f"{error.filename} is a folder where a file should be, or the other way round")
        checkpoint = self._generation.folder / "columns.npz"
        if self._generation.columns.n and not checkpoint.exists() and not (folder / "open").exists():
            told.append(f"{checkpoint} is missing")
        self._generation.condition.told += told
        self._recent = search.Recent()

    @property
    def condition(self) -> Condition:
        """What opening found of the current generation."""
        return self._generation.condition

    @property
    def was_closed(self) -> bool:
        """Whether whoever wrote last came to its end."""
        return not self._noted and not (self._folder / "open").exists()

    def examine(self) -> Condition:
        """Compare everything with its checksums, however large it is."""
        return self._generation.examine(self._closing.is_set)

    def start_over(self, why: str) -> None:
        """Go on with an empty generation, to be filled by `reconcile`; what was there stays until then."""
        _log.warning("%s; the index is rebuilt from the stored rows.", why)
        taken = (int(each.name) for each in self._folder.iterdir() if each.name.isdecimal())
        self._number = max(taken, default=0) + 1
        self._generation = Generation(self._folder / str(self._number), self._dim, self._plan)
        self._generation.condition.told.append(why)
        self._unsettled = True

    def mend(self, fetch: Fetch, batch_rows: int = 500) -> None:
        """Write damaged embeddings anew from the stored rows.

        Raises:
            HomeDamaged: these do not have them either.
        """
        with self._write_lock:
            self.note_open()
            generation, bad = self._generation, self._generation.condition.bad
            for start in range(0, len(bad), batch_rows):
                part = bad[start : start + batch_rows]
                ids = [self.view().ids(int(row)) for row in part]
                kept = {item.item_id: row for item, _, row in fetch([each.item_id for each in ids])}
                if lost := [each.item_id for each in ids if each.item_id not in kept]:
                    raise HomeDamaged(
                        f"The embedding of {lost[0]} is damaged in {self._folder}, and the stored rows do not have it. "
                        "Run `thatlook doctor --repair`."
                    )
                generation.mend(part, np.array([kept[each.item_id] for each in ids], np.float32))
            if len(bad):
                generation.condition.told.append(f"{len(bad)} embeddings in {generation.folder} were damaged")
                _log.warning("%d damaged embeddings in %s were written again.", len(bad), self._folder)

    @property
    def plan(self) -> IvfpqPlan:
        """The choices that it goes by."""
        return self._plan

    @property
    def stamp(self) -> int:
        """The last write that it holds."""
        return self._generation.stamp

    def view(self) -> View:
        """A consistent look at the rows."""
        return self._generation.view()

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[Candidates]:
        """The k best matching rows of each query, with exact scores."""
        return search.search(self.view(), self._plan, queries, k, where, self._recent)

    def pool(self, view: View, queries: Embeddings, least: int, where: Filter, *, deep: bool = True) -> Pool:
        """Rows of one of its views that are near to any of the queries; at least so many for each where they match."""
        return search.pool(view, self._plan, queries, least, where, self._recent, deep=deep)

    def count(self, where: Filter) -> int:
        """How many rows match."""
        return search.count(self.view(), where, self._recent)

    def known_values(self, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had."""
        postings = self.view().postings
        return frozenset(value for value in values if postings.has(facet_key(facet, value)))

    def facet_rows(self, where: Filter, most: int) -> FacetRows:
        """What is counted of rows that match."""
        view = self.view()
        rows = np.flatnonzero(self._recent.matching(view, where).allowed)
        first = rows[:most]
        bodies = view.journal.bodies(view.offsets[first], view.lengths[first])
        return FacetRows(counted_of(bodies), len(first) == len(rows))

    def matching(self, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        view = self.view()
        rows = np.flatnonzero(search.rows_that_match(view, where))[:most]
        return sorted((view.entry(int(row)).item() for row in rows), key=lambda item: item.item_id)

    def embeddings(self, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Embeddings in the order asked; zeros and False for a row that does not exist."""
        view = self.view()
        rows = view.rows_of_items(item_ids)
        there = rows >= 0
        if there.all():
            return view.vectors[rows], [True] * len(rows)
        out = np.zeros((len(item_ids), self._dim), np.float32)
        out[there] = view.vectors[rows[there]]
        return out, there.tolist()

    def items(self, item_ids: Sequence[str]) -> list[Item | None]:
        """Items in the order asked, None where there is none."""
        view = self.view()
        return [view.entry(int(row)).item() if row >= 0 else None for row in view.rows_of_items(item_ids)]

    def items_of(self, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        view = self.view()
        found = [view.entry(int(row)).item() for row in view.rows_of_product(product_id)]
        return sorted(found, key=lambda item: item.item_id)

    def ids_of_products(self, product_ids: Collection[str]) -> list[str]:
        """The items of these products."""
        view = self.view()
        return [view.ids(int(row)).item_id for product in product_ids for row in view.rows_of_product(product)]

    def upsert(self, stamp: int, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows that have different ids."""
        with self._write_lock:
            self.note_open()
            self._generation.upsert(stamp, items, embeddings)
        self.tend()

    def delete(self, stamp: int, item_ids: Sequence[str]) -> None:
        """Let rows die."""
        with self._write_lock:
            self.note_open()
            rows = self.view().rows_of_items(item_ids)
            self._generation.delete(stamp, rows[rows >= 0])
        self.tend()

    def reconcile(
        self,
        stamp: int,
        truth: Mapping[str, int],
        fetch: Fetch,
        gone: Collection[str] | None = None,
        batch_rows: int = 500,
    ) -> None:
        """Become what the record store holds.

        Args:
            stamp: its last write.
            truth: item_id → the stamp that its row was written with.
            fetch: rows with their stamps and embeddings.
            gone: items that the last write took out; None where that is not known.

        Raises:
            HomeDamaged: the record store lacks rows that nobody took out. Nothing is changed then.
        """
        with self._write_lock:
            view = self.view()
            wanted = dict(truth)
            wrong = []
            for row in np.flatnonzero(view.live):
                ids = view.ids(int(row))
                if wanted.get(ids.item_id) == ids.stamp:
                    del wanted[ids.item_id]
                else:
                    wrong.append(row)
            lost = [i for row in wrong if (i := view.ids(int(row)).item_id) not in truth and i not in (gone or ())]
            if lost and gone is not None:
                raise HomeDamaged(
                    f"The stored rows of {self._folder.name} lack {len(lost)} that nobody took out, such as {lost[0]}. "
                    "Run `thatlook doctor --repair`, or restore a backup."
                )
            self.note_open()
            self._generation.delete(0, np.array(wrong, np.int64))
            missing = list(wanted)
            for start in range(0, len(missing), batch_rows):
                fetched = list(fetch(missing[start : start + batch_rows]))
                items, matrix = [row[0] for row in fetched], np.array([row[2] for row in fetched], np.float32)
                # Stamp 0, as the index is not what the file holds before the last of them.
                self._generation.upsert(0, items, matrix.reshape(-1, self._dim), [row[1] for row in fetched])
            self._generation.delete(stamp, np.empty(0, np.int64))
            _log.info("Reconciled %s: %d rows left it, %d came.", self._folder, len(wrong), len(missing))
            self._settle()

    def tidy(self) -> None:
        """Remove what a killed process left: generations that were not finished, or not needed any more."""
        for leftover in self._folder.iterdir():
            if leftover.is_dir() and leftover.name != str(self._number):
                shutil.rmtree(leftover)
        for part in self._folder.rglob(f"*{PART}"):
            part.unlink(missing_ok=True)
        self._name_where_lost()

    def rebuild(self) -> None:
        """Have an index learned from the rows of today, if they are many, and dead ones out of the files.

        Where rows are dead, the next generation is written from the living ones; else the files stay as they are.
        """
        with self._build_lock:
            if self._generation.columns.dead:
                self._rebuild()
            else:
                self._relearn()

    def tend(self) -> None:
        """Begin what is due, in the background: a rebuild, or taking the latest rows into the index."""
        with self._write_lock:
            wanted = self._work_due()
            if wanted and not self._building() and not self._closing.is_set() and monotonic() >= self._not_before:
                self._builder = Thread(target=self._in_background, args=(wanted,), name=f"build {self._folder.name}")
                self._builder.daemon = True
                self._builder.start()

    def wait(self) -> None:
        """Until what goes on in the background has ended."""
        if self._builder:
            self._builder.join()

    def status(self, name: str) -> IndexStatus:
        """How it stands."""
        generation = self._generation
        columns, indexed = generation.columns, generation.ann.rows if generation.ann else 0
        return IndexStatus(
            name=name,
            rows=columns.n - columns.dead,
            dead=columns.dead,
            indexed=indexed,
            kind="ivfpq" if indexed and columns.n - columns.dead > self._plan.exact_rows else "exact",
            generation=self._number,
            building=self._building(),
            size_bytes=generation.size_bytes(),
            resident_bytes=columns.resident_bytes + (generation.ann.resident_bytes if generation.ann else 0),
        )

    def close(self) -> None:
        """Stop building, and have everything on disk."""
        self._closing.set()
        if self._builder:
            self._builder.join()
        with self._build_lock, self._write_lock:
            if not self._unsettled and self._generation.condition.damage is None:
                if self._generation.changed:
                    self._generation.columns.fold()
                    self._generation.checkpoint()
                self._generation.trim()
            (self._folder / "open").unlink(missing_ok=True)

    def _settle(self) -> None:
        """Let a generation that was begun anew take the damaged one's place."""
        if self._unsettled:
            self._generation.checkpoint()
            self._unsettled = False
        self._name_where_lost()

    def _name_where_lost(self) -> None:
        """Write the note of the current generation, where there is none or another."""
        if current_number(self._folder) != (self._number, []):
            self._name_current(self._number)

    def note_open(self) -> None:
        """Leave a sign, before the first write, for whoever finds the process or the machine gone down."""
        if not self._noted:
            (self._folder / "open").write_text(_boot())
            self._noted = True

    def _work_due(self) -> Callable[[], None] | None:
        """What the index is in want of: nothing, its latest rows, or a new generation."""
        generation, columns = self._generation, self._generation.columns
        if self._plan.due(columns.n, columns.dead, generation.learned):
            return self.rebuild
        return self._extend if self._plan.tail_due(columns.n, generation.ann.rows if generation.ann else 0) else None

    def _extend(self) -> None:
        with self._build_lock:
            self._generation.extend_index()

    def _in_background(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BuildCancelled:
            pass
        except Exception:
            _log.exception("The index in %s could not be rebuilt; its present generation goes on.", self._folder)
            self._not_before = monotonic() + _PAUSE_S

    def _building(self) -> bool:
        return self._builder is not None and self._builder.is_alive()

    def _relearn(self) -> None:
        generation, view = self._generation, self._generation.view()
        if view.n >= self._plan.min_rows:
            generation.index(Ann.build(view.vectors[: view.n], self._plan, self._closing.is_set))
        with self._write_lock:
            generation.learned = view.n if generation.ann else 0
            generation.columns.fold()
            generation.checkpoint()

    def _rebuild(self) -> None:
        number = self._number + 1
        with self._write_lock:
            self._generation.columns.fold()
            old = self._generation.view()
            self._generation.columns.freeze()
        folder = self._folder / str(number)
        if folder.exists():
            shutil.rmtree(folder)
        kept = np.flatnonzero(old.live)
        generation = Generation(folder, self._dim, self._plan)
        try:
            generation.copy_rows(old, kept)
            numbers = generation.renumber(old, kept)
            if len(kept) >= self._plan.min_rows:
                generation.index(Ann.build(generation.view().vectors[: len(kept)], self._plan, self._closing.is_set))
                generation.learned = len(kept)
        except BaseException:
            shutil.rmtree(folder)
            raise
        with self._write_lock:
            _catch_up(generation, self.view(), old, numbers, self._generation.stamp)
            generation.checkpoint()
            retired, self._generation, self._number = self._generation, generation, number
            self._name_current(number)
        shutil.rmtree(retired.folder)  # Readers that still look at it hold its files open.

    def _name_current(self, number: int) -> None:
        named = self._folder / "current"
        if named.is_dir():
            shutil.rmtree(named)
        write_durably(named, str(number).encode())

    def _in_doubt(self) -> bool:
        """Whether it was open when the machine itself went down (a killed process leaves its pages whole)."""
        try:
            return (self._folder / "open").read_text() != _boot()
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True


def _catch_up(generation: Generation, now: View, then: View, numbers: NDArray[np.int32], stamp: int) -> None:
    """Bring a new generation from where its rebuilding began to where the old one stands now."""
    died = numbers[: then.n][then.live & ~now.live[: then.n]]
    fresh = then.n + np.flatnonzero(now.live[then.n :])
    generation.append(
        stamp,
        died[died >= 0].astype(np.int64),
        [now.journal.body(int(now.offsets[row]), int(now.lengths[row])) for row in fresh],
        NewRows.of([now.entry(int(row)) for row in fresh], now.checks[fresh]),
        now.vectors[fresh],
    )


def current_number(folder: Path) -> tuple[int, list[str]]:
    """Which generation counts, and what was found amiss. Where the note of it is lost, the greatest whose making was
    finished, or the first.
    """
    there = sorted((int(each.name) for each in folder.iterdir() if each.name.isdecimal()), reverse=True)
    note = folder / "current"
    try:
        number = int(note.read_text())
        if number in there:
            return number, []
    except (OSError, ValueError):
        pass
    begun = (folder / str(number) / "columns.npz" for number in there)
    number = next((int(each.parent.name) for each in begun if each.exists()), there[-1] if there else 1)
    return number, [f"{note} is missing or damaged"] if note.exists() or number > 1 else []


def _boot() -> str:
    """A name of this run of the machine; where there is none, a name that no other run has."""
    return _BOOT.read_text() if _BOOT.exists() else f"process {os.getpid()}"
