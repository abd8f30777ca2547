"""Making a damaged ledger anew from the entries in it that can be read. What was there is put aside, never removed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.ledger import rows
from engine.ledger.sql import SqlLedger
from engine.ledger.sqlite_file import SqliteFile
from engine.seams import LedgerEntry

_BATCH = 500
_MOST = 10_000_000


def salvage(path: Path, verified: Callable[[LedgerEntry], bool]) -> list[str]:
    """Make a ledger anew where its file is damaged; what was done, in words, nothing where all is well.

    Args:
        verified: whether an entry's words are those that its hash was made of.
    """
    said = SqliteFile(path).examine()
    if not said:
        return []
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    _move_aside(path, aside)
    entries = list(_entries(aside)) if aside.is_file() else []
    good = [entry for entry in entries if verified(entry)]
    if 2 * len(good) < len(entries):  # A former version's hashes: they prove nothing either way.
        good, said = entries, [*said, "its entries could not be verified; ingest the feeds again"]
    ledger = SqlLedger(f"sqlite:///{path}")
    try:
        for start in range(0, len(good), _BATCH):
            ledger.put(good[start : start + _BATCH])
        for name, value in _settings(aside):
            ledger.set_setting(name, value)
    finally:
        ledger.close()
    return [*said, f"{len(good):,} ledger entries were recovered; the damaged file is now {aside}"]


def _move_aside(path: Path, aside: Path) -> None:
    for ending in ("", "-wal", "-shm", ".seal.json"):
        part = path.with_name(path.name + ending)
        if part.exists():
            shutil.move(part, aside.with_name(aside.name + ending))


def _entries(path: Path) -> Iterator[LedgerEntry]:
    for row in _rows(path, "products"):
        try:
            yield rows.read_entry(row, ())
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError):
            continue


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    if path.is_file():
        yield from ((str(row["name"]), str(row["value"])) for row in _rows(path, "settings"))


def _rows(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read: all of them, or where a page is damaged those before and behind it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        after, step = 0, 1
        while after < _MOST:
            try:
                for row in connection.execute(f"SELECT rowid AS number, * FROM {table} WHERE rowid > ?", (after,)):
                    after, step = int(row["number"]), 1
                    yield dict(row)
                return
            except sqlite3.Error:
                after, step = after + step, 2 * step
