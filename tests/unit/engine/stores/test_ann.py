"""The IVFPQ index by itself: what it finds under a filter, what it is made of, what it refuses to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from engine.domain import Embeddings, Item
from engine.filters import EVERYTHING, parse_filter
from engine.stores.ivfpq.ann import Ann
from engine.stores.ivfpq.columns import Columns, NewRows
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.stores.ivfpq.postings import facet_key, item_key, product_key
from engine.stores.ivfpq.search import scores_of
from tests.contract.vector_store_cases import an_item, clustered, unit

PLAN = IvfpqPlan(min_rows=500, exact_rows=20, growth=1e9, nprobe=4, scan_rows=40, candidates=60, train_rows_per_list=20)


@pytest.fixture(scope="module")
def rows() -> Embeddings:
    """4,000 rows of 192 numbers around 50 centres."""
    rng = np.random.default_rng(0)
    centres = unit(rng.standard_normal((50, 192), np.float32))
    return unit(centres[rng.integers(50, size=4000)] + 0.04 * rng.standard_normal((4000, 192), np.float32))


@pytest.fixture(scope="module")
def ann(rows: Embeddings) -> Ann:
    return Ann.build(rows, PLAN)


def recall(ann: Ann, rows: Embeddings, allowed: np.ndarray, depth: int) -> float:
    """The share of the ten true neighbours that are among the candidates, over 20 queries that are rows."""
    only = ann.restricted(allowed) if not allowed.all() else None
    found = 0
    for query in rows[::200]:
        scores = np.where(allowed, rows @ query, -2)
        true = np.argsort(-scores)[:10]
        found += len(set(true) & set(ann.candidates(query, depth, PLAN.reach(ann.nlist), only)))
    return found / 200


def test_codes_of_residuals_find_the_true_neighbours(ann: Ann, rows: Embeddings) -> None:
    """Sixty candidates hold the ten nearest; codes of the rows themselves would hold half of them."""
    assert recall(ann, rows, np.ones(len(rows), bool), 60) > 0.97


def test_a_filter_that_leaves_nothing_near_the_query_is_answered_from_afar(ann: Ann, rows: Embeddings) -> None:
    """The lists around the query hold no matching row at all; the nearest that do are read instead."""
    far = rows @ rows[0] < 0.5
    only = ann.restricted(far)
    found = ann.candidates(rows[0], 60, PLAN.reach(ann.nlist), only)
    assert far[found].all()
    true = np.argsort(-np.where(far, rows @ rows[0], -2))[:10]
    assert len(set(true) & set(found)) >= 7


def test_only_allowed_rows_come(ann: Ann, rows: Embeddings) -> None:
    """Whatever is near, a row that does not match is no candidate."""
    allowed = np.arange(len(rows)) % 7 == 0
    assert (ann.candidates(rows[1], 500, PLAN.reach(ann.nlist).wider(16), ann.restricted(allowed)) % 7 == 0).all()
    assert not len(ann.candidates(rows[1], 10, PLAN.reach(ann.nlist), ann.restricted(np.zeros(len(rows), bool))))


def test_scattered_rows_are_multiplied_where_they_lie(rows: Embeddings) -> None:
    """In any order, as a gather and a matrix product would; rows that lie together too, and none."""
    for numbers in ([3, 2900, 17, 18, 16], [5, 9, 7, 8], list(range(40, 90)), [11], []):
        picked = np.array(numbers, np.int64)
        np.testing.assert_allclose(scores_of(rows, picked, rows[:3]), rows[:3] @ rows[picked].T, atol=1e-5)


@pytest.mark.integration
def test_a_pool_holds_the_nearest_and_those_of_the_rows_behind_the_index(tmp_path: Path, rows: Embeddings) -> None:
    """Each once, ascending; of a long tail only the nearest; all rows, and it says so, where few match."""
    plan, rng = replace(PLAN, pooled=50, pooled_per_root=0.0, exact_rows=100, tail_rows=5000), np.random.default_rng(3)
    index = DerivedIndex(tmp_path / "i", 192, plan)
    index.upsert(1, [an_item(rng, n) for n in range(3000)], rows[:3000])
    index.rebuild()
    index.upsert(2, [an_item(rng, n) for n in range(3000, 4000)], rows[3000:])
    view, queries = index.view(), rows[[7, 3500]]
    assert view.ann is not None
    assert view.ann.rows == 3000
    pool = index.pool(view, queries, 10, EVERYTHING)
    assert not pool.whole
    assert (np.diff(pool.rows) > 0).all()
    assert len(pool.rows) <= 2 * (50 + 50)
    for query in queries:
        assert set(np.argsort(-(rows @ query))[:10]) <= set(pool.rows.tolist())
    few = parse_filter(["brand=brand 3", "price<=40"])
    small = index.pool(view, queries, 10, few)
    assert small.whole
    assert len(small.rows) == index.count(few) > 10
    index.close()


def test_a_larger_catalogue_gives_the_fused_search_more() -> None:
    """In proportion to the root of the rows that match, and never less than the least."""
    plan = IvfpqPlan(pooled=200, pooled_per_root=0.6)
    assert [plan.pool(rows) for rows in (0, 90_000, 1_000_000)] == [200, 200, 600]


def test_an_index_of_an_older_form_is_built_anew(tmp_path: Path, rows: Embeddings) -> None:
    """One that codes rows themselves, as earlier versions wrote it, is not loaded."""
    old = faiss.index_factory(192, "IVF4,PQ96x4fs", faiss.METRIC_INNER_PRODUCT)
    old.train(rows[:1000])
    old.add(rows)
    faiss.write_index(old, str(tmp_path / "old.faiss"))
    with pytest.raises(RuntimeError, match="older form"):
        Ann.load(tmp_path / "old.faiss")


def test_columns_of_a_former_version_are_derived_anew(tmp_path: Path, rows: Embeddings) -> None:
    """They found "Black/White" by its parts alone; at the next opening the whole is found, and 34 finds no 16/34."""
    former = replace(an_item(np.random.default_rng(1), 0), facets={"color": ("black", "white"), "size": ("16", "34")})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("engine.stores.ivfpq.columns.FACETS_FORM", 1)
        patched.setattr("engine.stores.ivfpq.columns.completed", lambda facets: facets)
        index = DerivedIndex(tmp_path / "i", 192, PLAN)
        index.upsert(1, [former], rows[:1])
        assert index.count(parse_filter(["color=Black/White"])) == 0
        index.close()
    index = DerivedIndex(tmp_path / "i", 192, PLAN)
    for expression, count in (
        ("color=Black/White", 1), ("color=white", 1), ("color!=Black / White", 0), ("size=16/34", 1), ("size=34", 0),
    ):  # fmt: skip
        assert index.count(parse_filter([expression])) == count, expression
    assert index.stamp == 1
    index.close()


def test_a_rebuild_without_dead_rows_leaves_the_files_where_they_are(tmp_path: Path, rows: Embeddings) -> None:
    """Gigabytes of embeddings are not copied to learn an index; with dead rows they are left behind."""
    index, rng = DerivedIndex(tmp_path / "i", 192, PLAN), np.random.default_rng(1)
    index.upsert(1, [an_item(rng, n) for n in range(400)], rows[:400])
    index.upsert(2, [an_item(rng, n) for n in range(400, 800)], rows[400:800])
    index.rebuild()
    assert (index.status("i").generation, index.status("i").indexed) == (1, 800)
    index.delete(3, ["item-3"])
    index.rebuild()
    assert (index.status("i").generation, index.status("i").indexed, index.status("i").dead) == (2, 799, 0)
    index.close()


def test_a_filter_asked_again_sees_what_was_written_meanwhile(tmp_path: Path) -> None:
    """What matched a filter is remembered only until a row comes or goes."""
    index, rng = DerivedIndex(tmp_path / "i", 16, PLAN), np.random.default_rng(2)
    items, matrix = [an_item(rng, n) for n in range(40)], clustered(rng, 40, 16)
    where = parse_filter([f"brand={items[0].facets['brand'][0]}"])
    index.upsert(1, items[:1], matrix[:1])
    for n in range(1, 40):
        before = index.count(where)
        index.upsert(n + 1, items[n : n + 1], matrix[n : n + 1])
        assert index.count(where) == before + where.matches(items[n])
    index.delete(99, [items[0].item_id])
    assert index.count(EVERYTHING) == 39
    assert items[0].item_id not in index.search(matrix[:1], 40, where)[0].item_ids
    index.close()


def test_saved_columns_find_the_same_rows(tmp_path: Path) -> None:
    """Keys come back sorted as they were saved, those still in the dictionary among them, frequent and rare values."""
    columns = Columns()
    for start in range(0, 200, 20):
        new = NewRows.of([a_row(n) for n in range(start, start + 20)], np.arange(20, dtype=np.uint32))
        at = np.zeros(20, np.int64), np.zeros(20, np.int32)
        rows = columns.extend(*at, new.prices, new.items, new.products, new.checks)
        columns.find_by(rows, new.values, new.counts, 50)
    columns.save(tmp_path / "c.npz", end=7)
    again = Columns()
    assert again.load(tmp_path / "c.npz") == {"end": 7}
    for each in (columns, again):
        for n in (1, 20, 199):
            assert having(each, "brand", f"b{n % 3}") == list(range(n % 3, 200, 3))
            assert having(each, "number", str(n)) == [n]
            assert each.products.rows_of(each.product_keys, product_key(f"p{n // 4}")).tolist() == [
                row for row in range(200) if row // 4 == n // 4
            ]
        wanted = np.array([item_key("i7"), item_key("no such"), item_key("i199")], np.uint64)
        assert each.items.newest_of(each.item_keys, wanted).tolist() == [7, -1, 199]
        assert each.checks[:40].tolist() == [*range(20), *range(20)]
    assert len(again.postings.dense_keys) == 6
    assert not having(again, "brand", "b3")


def test_many_rows_at_once_are_found_as_one_by_one() -> None:
    """Rows that go straight into the sorted arrays, beside some that wait in the dictionaries."""
    columns = Columns()
    for start, end in ((0, 10), (10, 150), (150, 160)):
        size = end - start
        new = NewRows.of([a_row(n) for n in range(start, end)], np.zeros(size, np.uint32))
        at = np.zeros(size, np.int64), np.zeros(size, np.int32)
        rows = columns.extend(*at, new.prices, new.items, new.products, new.checks)
        columns.find_by(rows, new.values, new.counts, 50)
    assert having(columns, "brand", "b2") == list(range(2, 160, 3))
    wanted = np.array([item_key("i3"), item_key("i100"), item_key("i155")], np.uint64)
    assert columns.items.newest_of(columns.item_keys, wanted).tolist() == [3, 100, 155]


def a_row(n: int) -> Item:
    return Item(f"i{n}", f"p{n // 4}", "s", "l", "x", (0, 0, 1, 1), {"brand": (f"b{n % 3}",), "number": (str(n),)})


def having(columns: Columns, facet: str, value: str) -> list[int]:
    has = np.zeros(columns.n, bool)
    columns.postings.mark(facet_key(facet, value), has)
    return np.flatnonzero(has).tolist()


@pytest.mark.parametrize(("nlist", "probed"), [(256, 64), (1024, 64), (2048, 128), (8192, 512)])
def test_more_lists_are_read_of_many(nlist: int, probed: int) -> None:
    """64 of the 2,048 lists of a million rows held too few of the neighbours in both spaces together."""
    assert default_plan().reach(nlist).nprobe == probed
