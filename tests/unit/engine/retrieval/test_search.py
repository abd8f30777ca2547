"""The search over the exact store: union, exact rescoring, fusion, one hit per product, top-k."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.color.palette import measured_facets, read_palettes
from engine.domain import SPACES, CollectionSpec, Crop, Item, Product
from engine.errors import QueryRejected
from engine.filters import parse_filter
from engine.retrieval.fusion import DEFAULTS, Signal, Weights, fuse, log_odds
from engine.retrieval.ranking import EVIDENCE
from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.seams import Calibration
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name
from engine.words.parsed_text import parse_text

DIM = 8
CALIBRATION = Calibration(0.5, 0.1)


class Shelf:
    """A ledger that only knows products."""

    def __init__(self, product_ids: Iterable[str]) -> None:
        self.known = {i: Product(i, f"Product {i}", f"https://shop.example/{i}", ("a.jpg",)) for i in product_ids}

    def products(self, product_ids: list[str]) -> dict[str, Product]:
        return {i: self.known[i] for i in product_ids if i in self.known}


def unit(*values: float) -> NDArray[np.float32]:
    row = np.zeros(DIM, np.float32)
    row[: len(values)] = values
    return row / np.linalg.norm(row)


def random_rows(n: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def item(item_id: str, product_id: str, **facets: str) -> Item:
    return Item(
        item_id, product_id, "upper_wear", "upper_wear", "k", (0, 0, 9, 9), {k: (v,) for k, v in facets.items()}, 10.0
    )


def searcher(
    items: list[Item], visual: NDArray[np.float32], semantic: NDArray[np.float32], supercategory: str = "upper_wear"
) -> Searcher:
    store = ExactStore()
    for space, rows in zip(SPACES, (visual, semantic), strict=True):
        name = collection_name(supercategory, space)
        store.ensure(CollectionSpec(name, DIM, "f"))
        store.upsert(name, items, rows)
    return Searcher(store, Shelf({i.product_id for i in items}), Calibrations(CALIBRATION, CALIBRATION, CALIBRATION))  # type: ignore[arg-type]


def test_scores_equal_the_formula_over_all_rows() -> None:
    """Hits are the k best by the fused score of both embeddings, computed here by brute force."""
    visual, semantic = random_rows(300, 1), random_rows(300, 2)
    items = [item(f"i{n}", f"p{n}") for n in range(300)]
    query_vectors = QueryVectors(random_rows(1, 3)[0], random_rows(1, 4)[0])
    hits = searcher(items, visual, semantic).search(query_vectors, ["upper_wear"], 7)
    expected = fuse(
        {
            "visual": log_odds(visual @ query_vectors.visual, CALIBRATION),
            "semantic": log_odds(semantic @ query_vectors.semantic, CALIBRATION),
        },
        DEFAULTS["photo"],
    )
    order = np.argsort(-expected)[:7]
    assert [h.product.product_id for h in hits] == [f"p{n}" for n in order]
    assert np.allclose([h.score for h in hits], expected[order], atol=1e-6)


def test_one_hit_per_product_with_its_best_item() -> None:
    """A product with three pictures answers once, with the picture that matches best."""
    rows = np.stack([unit(1, 0.5), unit(1), unit(1, 1), unit(0, 1)])
    items = [item("a1", "a"), item("a2", "a"), item("a3", "a"), item("b1", "b")]
    hits = searcher(items, rows, rows).search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 5)
    assert [(h.product.product_id, h.item.item_id) for h in hits] == [("a", "a2"), ("b", "b1")]


def test_k_products_come_even_when_one_product_fills_the_first_candidates() -> None:
    """500 near pictures of one product do not hide the three others."""
    near = np.stack([unit(1, 0.001 * n) for n in range(500)])
    rows = np.concatenate([near, np.stack([unit(0.2, 1), unit(0.1, 1), unit(0, 1)])])
    items = [item(f"a{n}", "a") for n in range(500)] + [item(x, x) for x in "bcd"]
    hits = searcher(items, rows, rows).search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 4)
    assert [h.product.product_id for h in hits] == ["a", "b", "c", "d"]


def test_filter_holds_and_fills_k() -> None:
    """With a filter that one row in a hundred passes, all ten of its rows come."""
    rows = random_rows(1000, 5)
    items = [item(f"i{n}", f"p{n}", color="navy" if n % 100 == 0 else "red") for n in range(1000)]
    hits = searcher(items, rows, rows).search(
        QueryVectors(rows[1], rows[1]), ["upper_wear"], 10, parse_filter(["color=navy"])
    )
    assert {h.product.product_id for h in hits} == {f"p{n}" for n in range(0, 1000, 100)}


def test_words_move_the_image() -> None:
    """Of two equally similar products, the one that fits the wanted word wins, and the unwanted one loses."""
    rows = np.stack([unit(1, 1, 0), unit(1, 0, 1)])
    found = searcher([item("a", "a"), item("b", "b")], rows, rows)
    for positive, negative in ((unit(0, 0, 1), None), (None, unit(0, 1, 0))):
        hits = found.search(QueryVectors(unit(1), unit(1), positive, negative), ["upper_wear"], 2)
        assert [h.product.product_id for h in hits] == ["b", "a"]
        assert hits[0].signals.text is not None


def test_text_alone_searches_the_semantic_space() -> None:
    """The visual embedding has no part, and says so."""
    visual = np.stack([unit(1), unit(0, 1)])
    semantic = np.stack([unit(0, 0, 1), unit(0, 0, 0, 1)])
    hits = searcher([item("a", "a"), item("b", "b")], visual, semantic).search(
        QueryVectors(positive=unit(0, 0, 0, 1)), ["upper_wear"], 2
    )
    assert hits[0].product.product_id == "b"
    assert (hits[0].signals.visual, hits[0].signals.semantic) == (None, None)


def test_weight_zero_takes_a_signal_out() -> None:
    """With visual weight 0 the order is the semantic one."""
    visual, semantic = np.stack([unit(1), unit(0, 1)]), np.stack([unit(0, 1), unit(1)])
    found = searcher([item("a", "a"), item("b", "b")], visual, semantic)
    first = found.search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 1, weights=Weights(1, 0, 0))[0]
    second = found.search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 1, weights=Weights(0, 1, 0))[0]
    assert (first.product.product_id, second.product.product_id) == ("a", "b")


def test_excluded_and_forgotten_products_do_not_answer() -> None:
    """The product that asks, and rows whose product the ledger no longer has."""
    rows = np.stack([unit(1), unit(1, 0.1), unit(1, 0.2)])
    found = searcher([item(x, x) for x in "abc"], rows, rows)
    found.ledger.known.pop("b")  # type: ignore[attr-defined]
    hits = found.search(QueryVectors(unit(1), unit(1), exclude=frozenset("a")), ["upper_wear"], 3)
    assert [h.product.product_id for h in hits] == ["c"]


def test_k_products_come_though_the_ledger_has_forgotten_the_nearest() -> None:
    """Products that are being deleted leave the ledger last, but a search may meet them without it."""
    rows = random_rows(400, 6)
    nearest = np.argsort(-(rows @ rows[0]), kind="stable")
    found = searcher([item(f"i{n}", f"p{n}") for n in range(400)], rows, rows)
    for n in nearest[:30]:
        found.ledger.known.pop(f"p{n}")  # type: ignore[attr-defined]
    hits = found.search(QueryVectors(rows[0], rows[0]), ["upper_wear"], 5)
    assert [h.product.product_id for h in hits] == [f"p{n}" for n in nearest[30:35]]


def test_words_are_read_of_the_products_that_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colours or words to weigh, an item is read for each hit; with them, facets of the nearest 200."""
    rows = random_rows(3000, 7)
    found = searcher([item(f"i{n}", f"p{n // 2}") for n in range(3000)], rows, rows)
    read: list[int] = []
    bring = found.store.items

    def counted(name: str, item_ids: list[str]) -> list[Item | None]:
        read.append(len(item_ids))
        return bring(name, item_ids)

    found.store.items = counted  # type: ignore[method-assign]
    found.search(QueryVectors(rows[0], rows[0]), ["upper_wear"], 7)
    assert read == [7]
    monkeypatch.setattr("engine.retrieval.search.DEPTH", 500)
    look = read_palettes([shown_item("navy", (24, 30, 66)).facets])
    found.search(QueryVectors(rows[0], rows[0], palette=look), ["upper_wear"], 7)
    assert read[1:] == [EVIDENCE]


def test_a_row_missing_its_sister_is_no_hit() -> None:
    """A crash between the two writes leaves a row in one collection; it must not answer."""
    rows = np.stack([unit(1), unit(1, 0.1)])
    found = searcher([item("a", "a"), item("b", "b")], rows, rows)
    found.store.delete_products("upper_wear_semantic", ["a"])
    hits = found.search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 2)
    assert [h.product.product_id for h in hits] == ["b"]


def test_why_names_shared_facets_words_and_color() -> None:
    """The reasons hold what the hit shares with the query, and no more."""
    rows = np.stack([unit(1)])
    found = searcher([item("a", "a", color="navy", brand="acme")], rows, rows)
    query_vectors = QueryVectors(
        unit(1),
        unit(1),
        unit(1),
        words=("a navy product",),
        facets={"brand": ("acme",), "color": ("red",)},
        color="navy",
    )
    why = " ".join(found.search(query_vectors, ["upper_wear"], 1)[0].why)
    assert "The colour of the photo: navy." in why
    assert "The same brand: acme." in why
    assert "The same color" not in why
    assert "The shop's own words say: product." in why


def test_why_tells_what_raised_and_what_lowered_the_score() -> None:
    """A signal above even odds speaks for the hit, one below against it; the stronger comes first."""
    found = searcher([item("a", "a")], np.stack([unit(1)]), np.stack([unit(1, 3)]))
    (hit,) = found.search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 1)
    assert hit.why == ("Another kind or style (0.14).", "Alike in cut and texture (0.99).")


@pytest.mark.parametrize("k", [0, -1, 101])
def test_k_out_of_range_is_refused(k: int) -> None:
    """In words that give the range."""
    found = searcher([], np.zeros((0, DIM), np.float32), np.zeros((0, DIM), np.float32))
    with pytest.raises(QueryRejected, match="1 to 100"):
        found.search(QueryVectors(unit(1)), ["upper_wear"], k)


def test_weights_that_mean_nothing_are_refused() -> None:
    """Negative, NaN, or nothing at all."""
    for bad in ({"visual": -1.0}, {"text": float("nan")}, {"visual": 0.0, "semantic": 0.0, "text": 0.0}):
        with pytest.raises(QueryRejected):
            replace(Weights(), **bad)


def test_beyond_the_cap_of_log_odds_the_nearer_row_comes_first() -> None:
    """All scores are equal where every cosine is hopeless; the order is that of the embeddings all the same."""
    rows = np.stack([unit(0.001 * n, 1) for n in (3, 9, 1, 7, 5)])
    found = searcher([item(f"i{n}", f"p{n}") for n in range(5)], rows, rows)
    far = replace(found, calibrations=Calibrations(*[Calibration(0.9, 0.01)] * 3))
    hits = far.search(QueryVectors(unit(1), unit(1)), ["upper_wear"], 3)
    assert len({hit.score for hit in hits}) == 1
    assert [hit.product.product_id for hit in hits] == ["p1", "p3", "p4"]


def test_score_is_one_half_at_the_midpoint() -> None:
    """Calibrated: as likely as not, whatever the signals are."""
    at = np.array([0.5], np.float32)
    logits = {"visual": log_odds(at, CALIBRATION), "text": log_odds(at, CALIBRATION)}
    assert fuse(logits, Weights())[0] == pytest.approx(0.5)


def test_a_signal_that_an_item_lacks_counts_as_even_odds() -> None:
    """NaN is neither for nor against among items that have it; where none has, there is no such signal."""
    nan, visual = float("nan"), np.array([2, 2, 2], np.float32)
    some: dict[Signal, NDArray[np.float32]] = {"visual": visual, "color": np.array([nan, -2, 2], np.float32)}
    assert fuse(some, Weights(visual=1, color=1)) == pytest.approx([1 / (1 + np.exp(-1)), 0.5, 1 / (1 + np.exp(-2))])
    none: dict[Signal, NDArray[np.float32]] = {"visual": visual, "color": np.full(3, nan, np.float32)}
    assert (fuse(none, Weights()) == fuse({"visual": visual}, Weights())).all()
    assert fuse({"color": np.full(2, nan, np.float32)}, Weights()) == pytest.approx([0.5, 0.5])


def shown_item(name: str, rgb: tuple[int, int, int]) -> Item:
    """An item with the measured colours of a plain garment."""
    crop = Crop(np.full((40, 30, 3), rgb, np.uint8), np.ones((40, 30), bool))
    return Item(name, name, "upper_wear", "upper_wear", "k", (0, 0, 9, 9), dict(measured_facets(crop)))


def test_colors_tell_variants_apart_that_embeddings_cannot() -> None:
    """Of three equal embeddings the navy photo's is the navy one; an item without colours says null, and why tells."""
    items = [shown_item("red", (196, 28, 36)), shown_item("navy", (24, 30, 66)), item("old", "old")]
    rows = np.stack([unit(1)] * 3)
    found = searcher(items, rows, rows)
    look = read_palettes([items[1].facets])
    hits = found.search(QueryVectors(unit(1), unit(1), palette=look), ["upper_wear"], 3)
    assert hits[0].product.product_id == "navy"
    assert hits[-1].product.product_id == "red"
    assert {h.product.product_id: h.signals.color is None for h in hits} == {"navy": False, "old": True, "red": False}
    assert any(line.startswith("Alike in colour") for line in hits[0].why)
    asked = found.search(
        QueryVectors(unit(1), unit(1), unit(1), palette=look, parsed=parse_text(["in red"])), ["upper_wear"], 3
    )
    assert asked[0].product.product_id == "red"
    assert any(line.startswith("In red") for line in asked[0].why)
    assert "Its picture shows red." in asked[0].why


def test_colors_reorder_the_nearest_rows_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A navy item among the 200 nearest comes first; one place farther, it is not lifted."""
    monkeypatch.setattr("engine.retrieval.search.DEPTH", 400)
    look = read_palettes([shown_item("x", (24, 30, 66)).facets])
    for place, first in ((EVIDENCE - 1, True), (EVIDENCE, False)):
        rows = np.stack([unit(1, 0.002 * n) for n in range(300)])
        items = [shown_item(f"i{n}", (24, 30, 66) if n == place else (196, 28, 36)) for n in range(300)]
        found = searcher(items, rows, rows)
        hits = found.search(QueryVectors(unit(1), unit(1), palette=look), ["upper_wear"], 5, weights=Weights(color=9))
        assert (hits[0].product.product_id == f"i{place}") == first


def test_a_wanted_color_is_found_behind_the_first_candidates() -> None:
    """400 red items nearer to the words than the one navy item do not keep it out."""
    rows = np.concatenate([np.stack([unit(1, 0.001 * n) for n in range(400)]), unit(0.2, 1)[None]])
    items = [shown_item(f"red{n}", (196, 28, 36)) for n in range(400)] + [shown_item("navy", (24, 30, 66))]
    found = searcher(items, rows, rows)
    hits = found.search(
        QueryVectors(positive=unit(1), parsed=parse_text(["navy"])), ["upper_wear"], 5, weights=Weights(color=9)
    )
    assert hits[0].product.product_id == "navy"
