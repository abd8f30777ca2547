"""What a database refuses, in words that say what to do; keys and events as well as the ledger."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import StoreUnavailable
from engine.ledger.keys import SqlKeys
from engine.ledger.sqlite_file import translated, why


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("database or disk is full", "the disk is full; make room"),
        ("attempt to write a readonly database", "check rights and room"),
        ("database is locked", "somebody else writes for too long"),
        ("no such thing", "no such thing"),
    ],
)
def test_why(said: str, words: str) -> None:
    assert words in why(sqlite3.OperationalError(said), "sqlite:////nowhere/keys.sqlite")


@pytest.mark.parametrize(("free", "full"), [(0, True), (1 << 20, False)])
def test_an_io_error_for_want_of_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, full: bool) -> None:
    """SQLite calls it so where the file of its log does not fit."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=4096))
    error, where = sqlite3.OperationalError("disk I/O error"), f"sqlite:///{tmp_path}/ledger.sqlite"
    assert ("disk is full" in why(error, where)) is full
    assert ("disk is full" in translated(error, where).message) is full


def test_keys_that_cannot_be_opened(tmp_path: Path) -> None:
    """The reason is told, not the name of a library's exception."""
    with pytest.raises(StoreUnavailable, match=r"The keys cannot be read or written: unable to open .*check rights"):
        SqlKeys(f"sqlite:///{tmp_path}/nowhere/keys.sqlite")
