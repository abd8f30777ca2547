"""The derived index: rebuilding beside writers, what it costs in memory, what a full disk does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from engine.domain import CollectionSpec, Embeddings, Item
from engine.errors import StoreUnavailable
from engine.filters import EVERYTHING
from engine.stores.exact import ExactStore
from engine.stores.ivfpq.ann import Ann, BuildCancelled
from engine.stores.ivfpq.generation import Generation
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.stores.ivfpq.vectors import VectorFile
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, assert_same_answers, assert_same_rows, clustered, unit

LAZY = IvfpqPlan(min_rows=50, exact_rows=8, growth=1e9, dead_share=1.0, fold_rows=16)
"""Rebuilds when told to, and then with an index."""
SPEC = CollectionSpec("shoes_visual", 16, "c" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LiteStore]:
    opened = LiteStore(tmp_path / "store", plan=LAZY)
    opened.ensure(SPEC)
    yield opened
    opened.close()


@pytest.mark.integration
def test_writes_beside_a_rebuild_are_in_the_next_generation(store: LiteStore) -> None:
    """Rows written, replaced and deleted while generations are being made: none is lost, none comes back."""
    rng = np.random.default_rng(0)
    oracle, done, failed = ExactStore(), Event(), []
    oracle.ensure(SPEC)

    def rebuild() -> None:
        while not done.is_set():
            try:
                store.rebuild(SPEC.name)
            except Exception as error:
                failed.append(error)

    builder = Thread(target=rebuild)
    builder.start()
    try:
        for _ in range(60):
            items = [an_item(rng, int(n)) for n in rng.choice(300, 20, replace=False)]
            rows = clustered(rng, 20, SPEC.dim)
            gone = {f"product-{n}" for n in rng.integers(0, 100, 3)}
            for each in (store, oracle):
                each.upsert(SPEC.name, items, rows)
                each.delete_products(SPEC.name, gone)
            assert_same_answers(store, oracle, SPEC.name, rows[:1], 20)
    finally:
        done.set()
        builder.join()
    assert not failed
    assert store.status()[0].generation > 3
    assert_same_rows(store, oracle, SPEC.name, [f"item-{n}" for n in range(300)])
    assert_same_answers(store, oracle, SPEC.name, clustered(rng, 5, SPEC.dim), 300)


def test_the_index_follows_the_catalogue_by_itself(tmp_path: Path) -> None:
    """Growth brings an IVFPQ index, deletions bring a smaller generation; nobody asks for either."""
    plan = replace(LAZY, growth=1.2, dead_share=0.3)
    store = LiteStore(tmp_path / "store", plan=plan)
    store.ensure(SPEC)
    rows = clustered(np.random.default_rng(0), 400, SPEC.dim)
    items = [Item(f"i{n}", f"p{n}", "s", "l", "x.jpg", (0, 0, 1, 1)) for n in range(400)]
    store.upsert(SPEC.name, items, rows)
    wait_for_builder(store)
    assert (store.status()[0].kind, store.status()[0].indexed) == ("ivfpq", 400)
    store.delete_products(SPEC.name, {f"p{n}" for n in range(200)})
    wait_for_builder(store)
    status = store.status()[0]
    assert (status.rows, status.dead, status.indexed) == (200, 0, 200)
    store.close()


def test_the_index_takes_in_later_rows_without_learning_anew(tmp_path: Path) -> None:
    """A tail longer than the plan's goes into the index of the same generation, and survives reopening."""
    plan = replace(LAZY, growth=3.0, tail_rows=20)
    store = LiteStore(tmp_path / "store", plan=plan)
    store.ensure(SPEC)
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(200, SPEC.dim)))
    items = [Item(f"i{n}", f"p{n}", "s", "l", "x.jpg", (0, 0, 1, 1)) for n in range(200)]
    store.upsert(SPEC.name, items[:100], rows[:100])
    wait_for_builder(store)
    generation = store.status()[0].generation
    for start, indexed in ((100, 100), (120, 140), (140, 140), (160, 180)):
        store.upsert(SPEC.name, items[start : start + 20], rows[start : start + 20])
        wait_for_builder(store)
        assert (store.status()[0].generation, store.status()[0].indexed) == (generation, indexed)
        found = [store.search(SPEC.name, rows[n : n + 1], 1)[0].item_ids[0] for n in range(start + 20)]
        assert found == [f"i{n}" for n in range(start + 20)]
    store.close()
    again = LiteStore(tmp_path / "store", plan=plan)
    assert (again.status()[0].generation, again.status()[0].indexed) == (generation, 180)
    again.close()


def wait_for_builder(store: LiteStore) -> None:
    builder = store._index(SPEC.name)._builder
    assert builder is not None
    builder.join(60)


def test_deleted_and_new_rows_do_not_wait_for_a_rebuild(store: LiteStore) -> None:
    """With an index over old rows alone, a new row is found and a deleted one is not, at once."""
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(300, SPEC.dim)))
    items = [Item(f"i{n}", f"p{n}", "s", "l", "x.jpg", (0, 0, 1, 1)) for n in range(300)]
    store.upsert(SPEC.name, items[:299], rows[:299])
    store.rebuild(SPEC.name)
    store.upsert(SPEC.name, items[299:], rows[299:])
    store.delete_products(SPEC.name, {"p7"})
    assert store.status()[0].indexed == 299
    assert store.search(SPEC.name, rows[299:], 1)[0].item_ids == ("i299",)
    assert "i7" not in store.search(SPEC.name, rows[7:8], 299)[0].item_ids


def test_columns_and_codes_stay_below_200_bytes_a_row(tmp_path: Path) -> None:
    """What must be in memory for a row: its columns and postings, and 64 bytes of codes and 8 of an id."""
    n = 20_000
    generation = Generation(tmp_path / "e", 4, replace(default_plan(), fold_rows=1000))
    for start in range(0, n, 1000):
        items = [realistic(i) for i in range(start, start + 1000)]
        generation.upsert(1, items, np.zeros((1000, 4), np.float32))
    generation.columns.fold()
    generation.checkpoint()
    read = Generation(tmp_path / "e", 4, default_plan())  # Its arrays are as long as there are rows.
    assert read.columns.resident_bytes / n + 64 + 8 < 200


def test_a_checkpoint_of_an_older_form_is_not_misread(tmp_path: Path) -> None:
    """Columns without the rows' keys, as former versions saved them: the journal is read instead, the index stays."""
    folder, rng = tmp_path / "i", np.random.default_rng(0)
    rows = clustered(rng, 200, SPEC.dim)
    index = DerivedIndex(folder, SPEC.dim, LAZY)
    index.upsert(1, [an_item(rng, n) for n in range(200)], rows)
    index.rebuild()
    index.delete(2, ["item-3"])
    wanted = index.items([f"item-{n}" for n in range(200)])
    index.close()
    with np.load(folder / "1" / "columns.npz") as saved:
        marks = {name: saved[name] for name in ("names", "values")}
    zeros = {name: np.zeros(200, np.int64) for name in ("live", "prices", "offsets", "lengths", "keys", "rows")}
    np.savez(folder / "1" / "columns.npz", **zeros, starts=np.zeros(201, np.int64), **marks)
    for _ in range(2):
        again = DerivedIndex(folder, SPEC.dim, LAZY)
        assert (again.stamp, again.status("i").rows, again.status("i").indexed) == (2, 199, 200)
        assert again.items([f"item-{n}" for n in range(200)]) == wanted
        assert again._generation.learned == 200
        assert again.search(rows[9:10], 1, EVERYTHING)[0].item_ids == ("item-9",)
        again.close()


def realistic(i: int) -> Item:
    facets = {
        "brand": (f"brand {i % 300}",),
        "color": ("navy", f"colour {i % 40}"),
        "gender": ("female",),
        "availability": ("in_stock",),
        "category": (f"category {i % 90}",),
        "size": ("s", "m", "l"),
        "item_group_id": (f"group {i // 4}",),
    }
    return Item(f"shop-{i}-0-0", f"shop-{i // 2}", "upper_wear", "shirt", "x.jpg", (0, 0, 1, 1), facets, 9.5)


def test_a_full_disk_is_said_and_loses_nothing(store: LiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write fails with a clear error; afterwards the index is compared with the records, and agrees."""
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(3, SPEC.dim)))
    items = [Item(f"i{n}", f"p{n}", "s", "l", "x.jpg", (0, 0, 1, 1)) for n in range(3)]
    store.upsert(SPEC.name, items[:1], rows[:1])

    def full(self: VectorFile, start: int, rows: Embeddings) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(VectorFile, "write", full)
        with pytest.raises(StoreUnavailable, match=r"disk that holds .* is full"):
            store.upsert(SPEC.name, items[1:2], rows[1:2])
    store.upsert(SPEC.name, items[2:], rows[2:])
    assert store.count(SPEC.name) == 3  # Lite had taken the second row before the disk was full.
    assert store.search(SPEC.name, rows[1:2], 1)[0].item_ids == ("i1",)


def test_closing_does_not_wait_for_a_build(tmp_path: Path) -> None:
    """A build asks between its parts whether it is still wanted."""
    with pytest.raises(BuildCancelled):
        Ann.build(clustered(np.random.default_rng(0), 200, 16), LAZY, lambda: True)
    index = DerivedIndex(tmp_path / "i", 16, LAZY)
    index.close()
    assert not (tmp_path / "i" / "open").exists()
