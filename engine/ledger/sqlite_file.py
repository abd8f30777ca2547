"""The ledger's SQLite file: sealed when it is closed, compared with its seal when it is opened again.

SQLite has no checksums of its own: a flipped byte in a price is a price.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.errors import HomeDamaged, StoreUnavailable
from engine.system.refusals import FULL, is_full, refusal
from engine.system.seal import Seal

_log = logging.getLogger(__name__)
EXAMINED_BYTES = 256 << 20
"""A larger ledger is compared by its size alone; `thatlook doctor` reads it."""
_QUICKLY_CHECKED_BYTES = 64 << 20
_DAMAGE = ("malformed", "not a database", "corrupt", "no such table", "no such column", "decode to utf-8", "no row was")
_AWAY = ("timeout expired", "not answer", "connection refused", "connection failed", "closed the connection")
_WHAT_TO_DO = "Restore a backup of the home, or run `thatlook doctor --repair`."


class SqliteFile:
    """One ledger's file and its seal, which lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seal = Seal(path, path.with_name(f"{path.name}.seal.json")).read()
        self._sealed = self._seal.files

    def check(self, *, most_bytes: int | None = EXAMINED_BYTES) -> None:
        """Refuse a file that is not what was written.

        Raises:
            HomeDamaged: it is missing, or has other bytes, or does not hold together.
            StoreUnavailable: it cannot be read.
        """
        if problem := self.problem(most_bytes=most_bytes):
            raise HomeDamaged(f"The ledger {self.path} {problem}. {_WHAT_TO_DO}")

    def problem(self, *, most_bytes: int | None = None) -> str | None:
        """What is wrong with the file, in words."""
        try:
            if self._seal.files is not None:
                return self._against_seal(most_bytes)
            if not self.path.exists() and not self._seal.said:
                return None
            size = self.path.stat().st_size if self.path.is_file() else None
            if size is None:
                return "is missing" if not self.path.exists() else "is not a file"
            if not size and self._seal.said:
                return "is empty"
            return self._said_by_sqlite() if most_bytes is None or size <= _QUICKLY_CHECKED_BYTES else None
        except OSError as error:
            raise refusal(error, "The ledger cannot be opened", self.path) from error

    def examine(self) -> list[str]:
        """What is wrong with the file and its seal, in words; everything is read."""
        said = [f"{self._seal.path} is missing or damaged"] if self._seal.lost and self.path.exists() else []
        problem = self.problem()
        return [*said, f"the ledger {self.path} {problem}"] if problem else said

    def writing(self) -> None:
        """The file is about to change.

        Raises:
            StoreUnavailable: the disk is full, say.
        """
        try:
            self._seal.break_open()
        except OSError as error:
            raise refusal(error, "The ledger cannot be written", self.path) from error

    def closed(self) -> None:
        """Nobody of this process has it open any more: seal it, unless another process has."""
        if self._seal.files is not None or self._log_bytes() is not None or not self.path.is_file():
            return
        try:
            self._seal.put_on(self._sealed)
        except OSError as error:
            _log.error("The ledger could not be sealed: %s", error)

    def _against_seal(self, most_bytes: int | None) -> str | None:
        problems = self._seal.problems(most_bytes=most_bytes)
        if problems:
            return problems[0].strip()
        return "has a log beside it that does not belong to it" if self._log_bytes() else None

    def _log_bytes(self) -> int | None:
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except FileNotFoundError:
            return None

    def _said_by_sqlite(self) -> str | None:
        try:
            with closing(sqlite3.connect(self.path, timeout=5.0)) as connection:
                said = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        except sqlite3.DatabaseError as error:
            return None if "locked" in str(error) else f"is damaged ({error})"
        return None if said == ["ok"] else f"is damaged ({said[0].splitlines()[-1]})"


def translated(error: Exception, where: str) -> StoreUnavailable:
    """A database's error in plain words."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = lines[0].rstrip(".")
    if any(sign in said.casefold() for sign in _DAMAGE):
        return HomeDamaged(f"The ledger at {where} is damaged ({said}). {_WHAT_TO_DO}")
    if _is_full(error, where):
        return StoreUnavailable(
            f"The ledger at {where} cannot be written: its disk is full. Make room, then try again."
        )
    if "readonly" in said or "unable to open" in said or "attempt to write" in said:
        return StoreUnavailable(f"The ledger at {where} cannot be opened or written ({said}); check rights and room.")
    if any(sign in said.casefold() for sign in _AWAY):
        return StoreUnavailable(f"The ledger at {where} did not answer ({said}); is it up?")
    return StoreUnavailable(f"The ledger at {where} refused the operation ({said}).")


def why(error: Exception, where: str) -> str:
    """The reason alone, to stand behind what could not be done."""
    if _is_full(error, where):
        return FULL
    said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if "readonly" in said or "unable to open" in said:
        return f"{said}; check rights and room"
    return "somebody else writes for too long; try again" if "is locked" in said else said


def _is_full(error: Exception, where: str) -> bool:
    """Whether there was no room left; SQLite calls it an I/O error where its log has none."""
    said = str(error).casefold()
    if "disk is full" in said or (isinstance(error, OSError) and is_full(error)):
        return True
    return "disk i/o error" in said and _no_room(where)


def _no_room(where: str) -> bool:
    try:
        found = os.statvfs(Path(where.partition(":///")[2]).parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < 1 << 20
