"""Making a damaged embedded store anew from whatever is whole in it. What was there is put aside, never removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.domain import CollectionSpec, Item
from engine.errors import ThatLookError
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import default_plan
from engine.stores.lite.book import Book
from engine.stores.lite.opening import hold
from engine.stores.lite.records import LiteRecords
from engine.stores.lite.store import LiteStore

_BATCH = 500
_Row = tuple[Item, NDArray[np.float32]]


def salvage(folder: Path) -> list[str]:
    """Make a store anew where its stored rows are damaged; what was done, in words, nothing where all is well.

    Rows are taken from the index where they have their checksums, else from the stored rows that have theirs.

    Raises:
        HomeInUse: another process holds it.
        StoreUnavailable: the disk is full, say.
    """
    why = _damage(folder)
    if why is None:
        return []
    fresh, aside = folder.with_name(f"{folder.name}.new"), put_aside_name(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    store = LiteStore(fresh)
    kept = 0
    try:
        if folder.is_dir():
            with hold(folder):
                kept = _take_over(folder, store)
    finally:
        store.close()
    folder.rename(aside)
    fresh.rename(folder)
    return [why, f"{kept:,} rows were intact and were kept; the damaged files are now in {aside}"]


def put_aside_name(path: Path) -> Path:
    """Where something damaged is kept, beside where it was."""
    return path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")


def _damage(folder: Path) -> str | None:
    if not folder.exists():
        return None
    if not folder.is_dir():
        return f"{folder} is not a folder"
    hold(folder).release()
    try:
        store = LiteStore(folder)
    except ThatLookError as error:
        return error.message
    try:
        said = [f"{name}: {problem}" for name in store.collections() if (problem := store.problem(name))]
        return next(iter([*said, *store.problems_of_rows()]), None)
    finally:
        store.close()


def _take_over(folder: Path, store: LiteStore) -> int:
    kept = 0
    for spec in _specs(folder):
        store.ensure(spec)
        batch: list[_Row] = []
        for row in _whole_rows(folder, spec):
            batch.append(row)
            kept += 1
            if len(batch) == _BATCH:
                _write(store, spec.name, batch)
                batch = []
        _write(store, spec.name, batch)
    return kept


def _write(store: LiteStore, name: str, batch: Sequence[_Row]) -> None:
    if batch:
        store.upsert(name, [item for item, _ in batch], np.array([row for _, row in batch], np.float32))


def _specs(folder: Path) -> list[CollectionSpec]:
    """What collections there were, as far as a copy of the book says; rows of which that is not known are made anew."""
    book = Book(folder)
    if not book.is_new:
        return [entry.spec(name) for name, entry in book.entries.items()]
    try:
        records = LiteRecords(folder)
        records.adopt_former_book()
        return list(records.specs().values())
    except (ThatLookError, OSError):
        return []


def _whole_rows(folder: Path, spec: CollectionSpec) -> Iterator[_Row]:
    """Each item once."""
    seen: set[str] = set()
    for rows in (_indexed_rows(folder / "index" / spec.name, spec), _stored_rows(folder, spec)):
        for item, row in rows:
            if item.item_id not in seen:
                seen.add(item.item_id)
                yield item, row


def _indexed_rows(folder: Path, spec: CollectionSpec) -> Iterator[_Row]:
    if not folder.is_dir():
        return
    try:
        index = DerivedIndex(folder, spec.dim, default_plan())
    except OSError:
        return
    view, condition = index.view(), index.condition
    if condition.damage is None:
        bad = set(condition.bad.tolist())
        for row in np.flatnonzero(view.live).tolist():
            if row not in bad:
                yield view.entry(row).item(), np.array(view.vectors[row])


def _stored_rows(folder: Path, spec: CollectionSpec) -> Iterator[_Row]:
    records = LiteRecords(folder)
    try:
        ids = list(records.stamps(spec.name))
        for start in range(0, len(ids), _BATCH):
            yield from _fetched(records, spec, ids[start : start + _BATCH])
    except (ThatLookError, KeyError):
        return
    finally:
        records.reopen()


def _fetched(records: LiteRecords, spec: CollectionSpec, ids: Sequence[str]) -> Iterator[_Row]:
    """Those of some rows that are what was written."""
    try:
        found = list(records.fetch(spec.name, ids))
    except ThatLookError:
        if len(ids) > 1:
            for each in ids:
                yield from _fetched(records, spec, [each])
        return
    yield from ((item, row) for item, _, row in found if len(row) == spec.dim)
