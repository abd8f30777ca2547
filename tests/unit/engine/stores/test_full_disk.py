"""A full disk: what is there is answered from, what cannot be written is said so, and nothing is thrown away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.domain import CollectionSpec
from engine.errors import StoreUnavailable
from engine.ledger.sql import SqlLedger
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, unit

SPEC = CollectionSpec("shoes_visual", 8, "a" * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with twenty rows."""
    rng = np.random.default_rng(0)
    store = LiteStore(tmp_path / "store")
    store.ensure(SPEC)
    store.upsert(SPEC.name, [an_item(rng, n) for n in range(20)], unit(rng.normal(size=(20, SPEC.dim))))
    store.close()
    return tmp_path / "store"


def fill_disk(patched: pytest.MonkeyPatch) -> None:
    """From here on nothing takes a byte."""

    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    for name in ("pwrite", "fsync"):
        patched.setattr(os, name, full)
    patched.setattr(Path, "write_text", full)
    patched.setattr(Path, "write_bytes", full)


def test_a_cold_index_answers_on_a_full_disk(folder: Path) -> None:
    """Opening and searching write nothing; the files are the same ones afterwards."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.MonkeyPatch.context() as patched:
        fill_disk(patched)
        store = LiteStore(folder)
        store.ensure(SPEC)
        assert store.damage() is None
        assert len(store.search(SPEC.name, unit(np.ones((1, SPEC.dim), np.float32)), 30)[0].item_ids) == 20
        store.close()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_write_that_found_no_room_loses_nothing(folder: Path) -> None:
    """It is said in plain words; then all that was acknowledged is there, and writing goes on once there is room."""
    rng = np.random.default_rng(1)
    store = LiteStore(folder)
    with pytest.MonkeyPatch.context() as patched:
        fill_disk(patched)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"is full\. Make room, then try again\."):
                store.upsert(SPEC.name, [an_item(rng, 99)], unit(rng.normal(size=(1, SPEC.dim))))
        assert store.count(SPEC.name) == 20
    store.upsert(SPEC.name, [an_item(rng, 99)], unit(rng.normal(size=(1, SPEC.dim))))
    store.close()
    store = LiteStore(folder)
    assert (store.count(SPEC.name), store.examine()) == (21, [])
    store.close()


def test_a_full_ledger_says_so(tmp_path: Path) -> None:
    """SQLite's own words for it are translated."""
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    with ledger._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    try:
        with pytest.raises(StoreUnavailable, match=r"its disk is full\. Make room"):
            ledger.set_setting("large", "x" * 500_000)
    finally:
        ledger.close()
