"""Backups: of a home that is written to, compared when they come back, never over something that is there."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.jobs import FeedRequest
from engine.seams import IngestState
from engine.stores.lite.store import LiteStore
from ingest.jobs.feed_jobs import running_feeds
from ingest.run.writer import Writer
from ingest.upkeep.backup import BackupDamaged, TargetTaken, back_up, no_writes, restore
from models.agreement import disagreements
from tests.fixtures.catalogue import close_parts, open_fake_parts, picture, row, state_of


@contextmanager
def nobody_writes() -> Iterator[None]:
    yield


def home_of(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "vectors").mkdir(parents=True)
    (home / "vectors" / "a.bin").write_bytes(bytes(range(256)))
    (home / "ledger.sqlite").write_bytes(b"ledger")
    for name in ("lock", "pid", "control.json", "half.part"):
        (home / name).write_text("of this moment")
    return home


def test_a_home_that_is_written_to(tmp_path: Path) -> None:
    """Copied in the middle of a feed: what the copy's ledger says is indexed is there, row by row."""
    home = tmp_path / "home"
    parts = open_fake_parts(home, lite=True)
    for n in range(40):
        (tmp_path / f"{n}.png").write_bytes(picture())
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(row(str(n))) + "\n" for n in range(40)))
    writer = Writer(parts)

    @contextmanager
    def quiet() -> Iterator[None]:
        with writer.paused(), no_writes(home / "ledger.db"):
            yield

    with running_feeds(parts, home / "jobs", writer) as jobs:
        job = jobs.submit(FeedRequest("path", str(tmp_path / "feed.jsonl")))
        while not parts.ledger.counts()[IngestState.INDEXED]:
            threading.Event().wait(0.01)
        done = back_up(home, tmp_path / "backup", quiet)
        while not jobs.get(job.job_id).state.has_ended:
            threading.Event().wait(0.01)
    close_parts(parts)
    assert restore(tmp_path / "backup", tmp_path / "again") == done
    again = open_fake_parts(tmp_path / "again", lite=True)
    state, indexed = state_of(again), again.ledger.counts()[IngestState.INDEXED]
    assert 0 < indexed <= 40
    assert len(state["rows"]) >= 2 * indexed
    assert isinstance(again.store, LiteStore)
    assert again.store.examine() == []
    assert list(disagreements(again.store, again.ledger)) == []
    close_parts(again)


def test_only_what_belongs_to_the_home_is_kept(tmp_path: Path) -> None:
    """Locks and tokens are of this moment; the copy is exact, and a manifest tells of it."""
    home = home_of(tmp_path)
    done = back_up(home, tmp_path / "backup", nobody_writes)
    kept = sorted(str(p.relative_to(tmp_path / "backup")) for p in (tmp_path / "backup").rglob("*") if p.is_file())
    assert kept == ["backup.json", "ledger.sqlite", "vectors/a.bin"]
    assert (done.files, done.size_bytes) == (2, 262)
    restore(tmp_path / "backup", tmp_path / "new" / "home")
    assert (tmp_path / "new/home/vectors/a.bin").read_bytes() == bytes(range(256))


def test_changes_between_the_two_copies(tmp_path: Path) -> None:
    """What is changed, added or removed before writers wait is in the copy as it is then."""
    home = home_of(tmp_path)

    @contextmanager
    def quiet() -> Iterator[None]:
        (home / "ledger.sqlite").write_bytes(b"later!")
        (home / "vectors" / "b.bin").write_bytes(b"new")
        (home / "vectors" / "a.bin").unlink()
        yield

    back_up(home, tmp_path / "backup", quiet)
    assert (tmp_path / "backup/ledger.sqlite").read_bytes() == b"later!"
    assert [p.name for p in (tmp_path / "backup/vectors").iterdir()] == ["b.bin"]


@pytest.mark.parametrize("damage", ["flip", "lack", "manifest", "cut"])
def test_a_damaged_backup_is_never_restored(tmp_path: Path, damage: str) -> None:
    """The home stays as it was."""
    back_up(home_of(tmp_path), tmp_path / "backup", nobody_writes)
    file = tmp_path / "backup" / ("backup.json" if damage == "manifest" else "vectors/a.bin")
    if damage == "lack":
        file.unlink()
    else:
        data = bytearray(file.read_bytes())
        data[-2] ^= 1
        file.write_bytes(bytes(data[:-1] if damage == "cut" else data))
    with pytest.raises(BackupDamaged):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob("*.part"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a backup nor a home; nor may a backup lie in the home that it is of."""
    home = home_of(tmp_path)
    for target in (tmp_path, home / "backup", home):
        with pytest.raises(TargetTaken):
            back_up(home, target, nobody_writes)
    (tmp_path / "backup").mkdir()
    back_up(home, tmp_path / "backup", nobody_writes)
    with pytest.raises(TargetTaken):
        restore(tmp_path / "backup", home)
    shutil.rmtree(home / "vectors")
    (home / "ledger.sqlite").unlink()
    (home / "half.part").unlink()
    restore(tmp_path / "backup", home)
    assert (home / "ledger.sqlite").read_bytes() == b"ledger"


def test_writers_of_the_ledger_wait(tmp_path: Path) -> None:
    """While it is copied nothing is written; afterwards it is."""
    file = tmp_path / "ledger.db"
    other = sqlite3.connect(file, timeout=0.05, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    with no_writes(file), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("INSERT INTO t VALUES (1)")
    other.execute("INSERT INTO t VALUES (1)")
    other.close()
    with no_writes(tmp_path / "missing.db"):
        pass
    assert not (tmp_path / "missing.db").exists()
