"""Indexes written past the store: it takes them for its own and answers from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.speed.bare import bare_home, learn_home
from engine.domain import CollectionSpec
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, unit

SPEC = CollectionSpec("upper_wear_visual", 16, "made-up")


def test_a_store_opens_a_bare_home_and_finds_every_row(tmp_path: Path) -> None:
    """Were the stamps to differ, the store would empty the index: its file holds no rows."""
    rng = np.random.default_rng(0)
    rows, items = unit(rng.standard_normal((300, SPEC.dim)).astype(np.float32)), [an_item(rng, n) for n in range(300)]
    bare = bare_home(tmp_path / "vectors", [SPEC])
    bare.upsert(SPEC.name, items, rows)
    bare.close()
    told: list[object] = []
    learn_home(tmp_path / "vectors", [SPEC], told.append)
    assert told == ["building the index of upper_wear_visual"]
    for _ in range(2):  # Closing it changes nothing.
        store = LiteStore(tmp_path / "vectors")
        (found,) = store.search(SPEC.name, rows[7:8], 1)
        assert (store.count(SPEC.name), found.item_ids) == (300, (items[7].item_id,))
        store.close()


def test_a_bare_home_is_made_anew(tmp_path: Path) -> None:
    first = bare_home(tmp_path / "vectors", [SPEC])
    first.upsert(SPEC.name, [an_item(np.random.default_rng(0), 0)], unit(np.ones((1, SPEC.dim), np.float32)))
    first.close()
    again = bare_home(tmp_path / "vectors", [SPEC])
    assert again.count(SPEC.name) == 0
    again.close()
