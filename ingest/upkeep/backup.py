"""A copy of an embedded home that opens as the home itself does, also of one that is served and written to meanwhile.

Everything is copied once beside the writers; then they wait for as long as it takes to copy what has changed since. A
copy is what a power cut at rest would leave, with checksums of every file.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import InputRejected, StoreUnavailable
from engine.ledger.sqlite_file import why
from engine.system.durable import PART, read_checked, write_checked
from engine.system.refusals import refusal

MANIFEST = "backup.json"
FORM = 1
_NOT_KEPT = ("lock", "pid", "address", "control.json", "cache", "jobs")
"""Of this machine and moment, or made again; feeds that wait are sent again."""
_PIECE = 1 << 20
_Quiet = Callable[[], AbstractContextManager[None]]


class BackupDamaged(StoreUnavailable):
    """A backup is not what was written."""


class TargetTaken(InputRejected):
    """Where a backup, or a home, is to lie there is something already."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied: files, their bytes, and when."""

    files: int
    size_bytes: int
    created: str


@contextmanager
def no_writes(ledger: Path) -> Iterator[None]:
    """Keep a SQLite ledger as it is; whoever wants to write waits.

    Raises:
        StoreUnavailable: somebody else writes for too long.
    """
    if not ledger.exists():
        yield
        return
    with closing(sqlite3.connect(ledger, isolation_level=None, timeout=30, check_same_thread=False)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            reason = why(error, f"sqlite:///{ledger}")
            raise StoreUnavailable(f"The ledger {ledger} cannot be copied at present: {reason}.") from error
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def back_up(home: Path, target: Path, quiet: _Quiet) -> Backup:
    """Copy a home.

    Args:
        target: a folder that is not there yet, or is empty; beside the home, not in it.
        quiet: within it nobody writes to the home.
    Raises:
        TargetTaken: it is there, or lies within the home.
        StoreUnavailable: there is no room, say; nothing is left then.
    """
    if (target.exists() and (not target.is_dir() or any(target.iterdir()))) or target.is_symlink():
        raise TargetTaken(f"{target} is there already; name a new folder for the backup.")
    if target.resolve().is_relative_to(home.resolve()):
        raise TargetTaken(f"{target} lies in the home itself; name a folder outside of it.")
    part = target.with_name(target.name + PART)
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _copy_changed(home, part)
        with quiet():
            _copy_changed(home, part)
            _remove_gone(home, part)
        done = _write_manifest(part)
        if target.exists():
            target.rmdir()
        part.replace(target)
    except OSError as error:
        raise refusal(error, "The backup cannot be written", target) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return done


def restore(source: Path, home: Path) -> Backup:
    """Make a home of a backup, every byte compared with its checksum.

    Raises:
        BackupDamaged: it is not what was written; nothing is made.
        TargetTaken: the home holds something.
        StoreUnavailable: there is no room, say.
    """
    if home.exists() and any(each.name not in _NOT_KEPT for each in home.iterdir()):
        raise TargetTaken(f"The home {home} holds something already; move it away, or name another with --home.")
    document = read_checked(source / MANIFEST)
    if document is None:
        raise BackupDamaged(f"{source} is no backup, or its {MANIFEST} is damaged.")
    if document.get("form") != FORM:
        raise BackupDamaged(f"{source} was written by a later thatlook; restore it with that one.")
    part = home.with_name(home.name + PART)
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name, said in document["files"].items():
            _restore_file(source / name, part / name, said)
        shutil.rmtree(home, ignore_errors=True)
        part.replace(home)
    except OSError as error:
        raise refusal(error, "The backup cannot be restored", home) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Backup(len(document["files"]), sum(said["size"] for said in document["files"].values()), document["created"])


def _files(home: Path) -> Iterator[Path]:
    """What is kept, relative to the home."""
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        kept = name.parts[0] not in _NOT_KEPT and not name.name.endswith((PART, "-shm"))
        if kept and path.is_file() and not path.is_symlink():
            yield name


def _copy_changed(home: Path, part: Path) -> None:
    for name in _files(home):
        with suppress(FileNotFoundError):  # It was removed meanwhile.
            if not _same(home / name, part / name):
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(home / name, part / name)


def _same(one: Path, other: Path) -> bool:
    try:
        first, second = one.stat(), other.stat()
    except FileNotFoundError:
        return False
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)


def _remove_gone(home: Path, part: Path) -> None:
    there = set(_files(home))
    for name in [name for name in _files(part) if name not in there]:
        (part / name).unlink()


def _write_manifest(part: Path) -> Backup:
    sizes = {name: (part / name).stat().st_size for name in _files(part)}
    files = {name.as_posix(): {"size": size, "sha256": _digest(part / name)} for name, size in sizes.items()}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_checked(part / MANIFEST, {"form": FORM, "created": created, "files": files})
    return Backup(len(files), sum(sizes.values()), created)


def _restore_file(source: Path, target: Path, said: dict[str, object]) -> None:
    if not source.is_file():
        raise BackupDamaged(f"The backup lacks {source}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if target.stat().st_size != said["size"] or _digest(target) != said["sha256"]:
        raise BackupDamaged(f"{source} is not what was backed up.")


def _digest(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            state.update(piece)
    return state.hexdigest()
