"""Before an embedded store is used: it is held for this process alone, and its stored rows are what was written."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import HomeDamaged, HomeInUse
from engine.stores.lite.records import LiteRecords, damage_of_records
from engine.system.refusals import refusal

EXAMINED_BYTES = 64 << 20
"""Stored rows that are more in all are compared by their sizes alone; `thatlook doctor` reads them."""


def hold(folder: Path) -> FileLock:
    """Keep the folder for this store.

    Raises:
        HomeInUse: another process, or another store of this one, holds it.
        StoreUnavailable: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / "lock", thread_local=False)
        held.acquire(timeout=0)
    except Timeout:
        raise HomeInUse(
            f"Another thatlook process uses {folder}; stop it, ask it over HTTP, or take another --home."
        ) from None
    except OSError as error:
        raise refusal(error, "The catalogue cannot be opened", folder) from error
    return held


def check_records(folder: Path, records: LiteRecords) -> None:
    """Refuse stored rows that are not what was written; begin the book of a new folder, or of a former version's.

    Raises:
        HomeDamaged: rows or collections are missing or changed.
    """
    book = records.book
    if book.is_new:
        if book.files:
            raise HomeDamaged(_lost("Both copies of the list of collections are damaged"))
        records.adopt_former_book()
    known = set(book.entries)
    if strangers := [name for name in (*records.strangers(), *_indexed(folder)) if name not in known]:
        raise HomeDamaged(_lost(f"The list of collections lacks {strangers[0]}, which holds rows"))
    if problems := records.problems(most_bytes=EXAMINED_BYTES):
        raise HomeDamaged(damage_of_records(problems))
    book.renew()


def _indexed(folder: Path) -> list[str]:
    """Collections that have an index with rows."""
    index = folder / "index"
    if not index.is_dir():
        return []
    return sorted(each.name for each in index.iterdir() if any(f.stat().st_size for f in each.glob("*/journal.bin")))


def _lost(what: str) -> str:
    return f"{what}. Restore a backup of the home, or run `thatlook doctor --repair`."
