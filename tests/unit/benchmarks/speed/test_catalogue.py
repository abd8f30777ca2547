"""Catalogues to measure with, and the measuring: expansions keep a sample's likeness, recall counts what was found."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from benchmarks.speed.catalogue import Expander, load_catalogue
from benchmarks.speed.run import BenchSettings, Case, load_cases
from benchmarks.speed.sample import QUERY_EVERY, Sample
from benchmarks.speed.suites.index import build_bare, open_bare
from benchmarks.speed.suites.recall import changes_case, search_both, true_scores
from benchmarks.speed.suites.recall_indexes import factory_for, faiss_case
from benchmarks.speed.suites.recall_material import Material
from engine.domain import SPACES
from engine.retrieval.search import Calibrations
from engine.seams import Calibration
from engine.taxonomy import load_taxonomy
from models.studio.catalogue import sample_catalogue
from tests.contract.vector_store_cases import unit

PRODUCTS = 400


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Products of the studio with embeddings that cluster by kind and colour, instead of a model's."""
    rng, specs = np.random.default_rng(0), sample_catalogue(PRODUCTS, 3)
    classes = load_taxonomy().classes
    looks = {look: rng.standard_normal(48) for look in sorted({(s.kind, s.color) for s in specs})}
    kinds = {kind: 2 * rng.standard_normal(48) for kind in sorted({s.kind for s in specs})}
    base = np.array([kinds[s.kind] + looks[s.kind, s.color] + 0.5 * rng.standard_normal(48) for s in specs])
    rows = {space: unit((base @ rng.standard_normal((48, 64))).astype(np.float32)) for space in SPACES}
    names = np.array([classes[s.label].supercategory for s in specs])
    query = np.arange(PRODUCTS) % QUERY_EVERY == 0
    return Sample("test", specs, rows, names, query, [b""] * PRODUCTS)


@pytest.fixture
def material(sample: Sample) -> Material:
    calibration = Calibration(0.7, 0.1)
    chosen = sample.queries("upper_wear")
    queries = {space: sample.rows[space][chosen] for space in SPACES}
    expander = Expander(sample, supercategory="upper_wear")
    return Material(sample, expander, Calibrations(calibration, calibration, calibration), queries)


def test_a_smaller_catalogue_is_the_beginning_of_a_larger_one(sample: Sample, tmp_path: Path) -> None:
    """Rows are drawn by number, so that sizes can be compared; another seed draws others; queries are never in it."""
    small, large = (load_catalogue(sample, n, tmp_path) for n in (100, 9000))
    other = load_catalogue(sample, 100, tmp_path, seed=1)
    for space in SPACES:
        assert np.array_equal(small.rows[space], large.rows[space][:100])
        assert not np.allclose(small.rows[space], other.rows[space])
        assert np.allclose(np.linalg.norm(large.rows[space][::500], axis=1), 1, atol=1e-5)
    assert not sample.query[large.anchors].any()
    again = load_catalogue(sample, 9000, tmp_path)
    assert np.array_equal(again.rows["visual"], large.rows["visual"])


def test_drawn_rows_have_the_neighbours_of_real_ones(sample: Sample) -> None:
    """Nearest and tenth neighbours are as near as in the sample, the dimension is of the same order; noise is not."""
    for space, found in Expander(sample).likeness().items():
        real, drawn = found["real"], found["drawn"]
        assert drawn["nearest"] == pytest.approx(real["nearest"], abs=0.01), space
        assert drawn["tenth"] == pytest.approx(real["tenth"], abs=0.08), space
        assert 0.5 < drawn["dimension"] / real["dimension"] < 2, space


def test_items_made_quickly_are_those_of_their_products(sample: Sample) -> None:
    """The shortcut for a million rows gives the same facets and prices as ingest would, sold-out ones too."""
    from benchmarks.speed.home import SHARES, ItemMaker, product_of
    from ingest.run.facets import item_facets

    chosen = sample.gallery("upper_wear")[:5].tolist()
    items = ItemMaker(sample, supercategory="upper_wear").items(chosen, 38)
    for row, (anchor, item) in enumerate(zip(chosen, items, strict=True), 38):
        product = product_of(sample.specs[anchor], row, "x.jpg")
        shares = {name: (str(row % each),) for name, each in SHARES.items()}
        assert (item.product_id, item.price, item.facets) == (
            product.product_id,
            product.effective_price,
            item_facets(product) | shares,
        )
    assert len({item.facets["availability"] for item in items}) == 2


def test_an_exact_search_has_recall_1_and_a_filter_counts_only_its_rows(material: Material, tmp_path: Path) -> None:
    """600 rows are scanned whole: every true neighbour is found, in each space and fused, with and without filter."""
    build_bare(tmp_path / "bare", material.expander, 600, say=lambda _: None)
    store = open_bare(tmp_path / "bare", material.expander)
    for share in (1.0, 0.1):
        measured = search_both(store, material, 600, share, 10)
        assert measured.recall == {"fused": 1.0, "visual": 1.0, "semantic": 1.0}
    every = true_scores(store, material, np.ones(600, bool), 10)
    tenth = true_scores(store, material, np.arange(600) % 10 == 0, 10)
    assert all(few < many for few, many in zip(tenth["fused"], every["fused"], strict=True))
    store.close()


def test_recall_falls_where_true_neighbours_are_not_found(material: Material, tmp_path: Path) -> None:
    """Against the truth of all rows, a store that lost half of them finds about half."""
    build_bare(tmp_path / "bare", material.expander, 600, say=lambda _: None)
    store = open_bare(tmp_path / "bare", material.expander)
    names = [f"bench-{row:08d}" for row in range(0, 600, 2)]
    for name in store.collections():
        store.delete_products(name, names)
    measured = search_both(store, material, 600, 1.0, 10)
    assert 0.3 < measured.recall["fused"] < 0.7
    store.close()


def test_changed_rows_are_all_searched(material: Material, tmp_path: Path) -> None:
    """After deletions and new rows, before and after the rebuild, exact answers stay exact."""
    case = Case("recall", "changes", {"index": "changes", "rows": 600, "k": 10})
    settings = BenchSettings("recall", "tiny", (case,), tmp_path, say=lambda _: None)
    results = list(changes_case(settings, case, material))
    assert [result.parameters["state"] for result in results] == ["opened", "20 % deleted, 20 % new", "rebuilt"]
    assert [result.ann_recall for result in results] == [1.0, 1.0, 1.0]


def test_rescoring_raises_what_codes_alone_find(material: Material, tmp_path: Path) -> None:
    """FAISS's exact index is exact under a filter too; two codes a row need rescoring."""
    given = {"rows": 3000, "k": 10, "space": "visual", "nprobe": [32], "filters": [1.0, 0.1], "rescored": [0, 300]}
    settings = BenchSettings("recall", "tiny", (), tmp_path, say=lambda _: None)
    flat = Case("recall", "flat", {**given, "factory": "Flat", "rescored": [0]})
    assert [r.ann_recall for r in faiss_case(settings, flat, material)] == [1.0, 1.0]
    coarse = Case("recall", "coarse", {**given, "factory": "IVFNLIST,PQ2x4"})
    plain, rescored, *_ = [r.ann_recall or 0.0 for r in faiss_case(settings, coarse, material)]
    assert plain < 0.5 < rescored


@pytest.mark.parametrize("dim", [335, 512, 1024])
def test_every_faiss_case_takes_embeddings_of_any_length(dim: int) -> None:
    """335 numbers are no multiple of 64 codes: without zeros behind them `thatlook bench recall` ended there."""
    named = [each for each in load_cases("recall", "full") if each.parameters["index"] == "faiss"]
    for case in named:
        faiss.index_factory(dim, factory_for(str(case.parameters["factory"]).replace("NLIST", "16"), dim))
    assert len(named) > 5
