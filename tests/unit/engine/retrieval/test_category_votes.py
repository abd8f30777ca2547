"""The categories of what looks most alike: who votes, what a vote weighs, and what the order becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.color.palette import palettes_of
from engine.domain import SPACES, CollectionSpec, Hit, Item, Product
from engine.retrieval.category_votes import GAIN, VOTERS, Facets, lowered, support
from engine.retrieval.fusion import Weights
from engine.retrieval.metadata_scores import SAME_COLOR_GAIN, facets_weighed, with_metadata
from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.seams import Calibration, IngestState, LedgerEntry
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name
from engine.words.parsed_text import NO_TEXT
from ingest.run.facets import item_facets
from tests.fixtures.shop import WHEN
from tests.unit.engine.color.test_metadata_scores import crop, item
from tests.unit.engine.words.test_service_words import Book

SHIRT, SKIRT, NONE = {"category": ("shirts",)}, {"category": ("skirts",)}, dict[str, tuple[str, ...]]()


def votes(logits: list[float], facets: list[Facets], own: tuple[str, ...] = ()) -> list[float]:
    row = np.array(logits, np.float32)
    found = support(row, np.argsort(-row, kind="stable"), facets, own)
    assert found is not None
    return [float(value) for value in found]


def test_votes_weigh_by_odds() -> None:
    """Twice the odds, twice the weight; all shares together are one where each has one category."""
    assert votes([np.log(2), 0], [SHIRT, SKIRT]) == pytest.approx([2 / 3, 1 / 3])
    assert votes([0, 0, 0, 0], [SHIRT, SHIRT, SHIRT, SKIRT]) == pytest.approx([3 / 4] * 3 + [1 / 4])


def test_only_the_nearest_that_have_a_category_vote() -> None:
    """What has none takes no place among the voters, and what lies behind them has no vote."""
    near: list[Facets] = [SHIRT] * VOTERS
    found = votes([3.0, *[2.0] * VOTERS, 1.0], [NONE, *near, SKIRT])
    assert found[1] == pytest.approx(1)
    assert found[-1] == 0
    assert support(np.zeros(2, np.float32), np.array([0, 1]), [NONE, NONE]) is None


def test_a_path_has_the_mean_of_its_steps_and_no_category_the_voters_mean() -> None:
    """So a step that all share tells nothing apart, and silence is no reproach."""
    men: list[Facets] = [{"category": ("men", "shirts")}, {"category": ("men", "skirts")}, NONE]
    assert votes([0, 0, 0], men) == pytest.approx([0.75, 0.75, 0.75])
    assert votes([np.log(3), 0, 0], men) == pytest.approx([0.875, 0.625, 0.875 * 0.75 + 0.625 * 0.25])


def test_the_asking_products_own_category_counts_as_much_as_all_votes() -> None:
    """Among products that look like something else, its own kind holds half."""
    assert votes([0, 0, -1], [SHIRT, SHIRT, SKIRT], own=("skirts",))[2] > 0.5
    assert votes([0, 0], [SHIRT, SHIRT], own=("shirts",)) == pytest.approx([1, 1])


def test_what_has_the_most_votes_keeps_its_score() -> None:
    """Others lose by how much fewer they have, at most GAIN."""
    assert lowered(np.array([1, 1, 1], np.float32), np.array([0.9, 0.4, 0.0], np.float32)) == pytest.approx(
        [1, 1 - GAIN * 0.5, 1 - GAIN * 0.9], abs=1e-6
    )


def shelf(*sold: tuple[str, str, float]) -> Searcher:
    """Tops: id, category, and how many degrees their embeddings lie from the query's."""
    store = ExactStore()
    products = [Product(key, key, "", ("a.jpg",), category=category, color="red") for key, category, _ in sold]
    angles = np.radians([degrees for *_, degrees in sold])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    items = [
        Item(f"{p.product_id}#0", p.product_id, "upper_wear", "top", "a.jpg", (0, 0, 9, 9), item_facets(p), None)
        for p in products
    ]
    for space in SPACES:
        store.ensure(CollectionSpec(collection_name("upper_wear", space), 2, "one"))
        store.upsert(collection_name("upper_wear", space), items, rows)
    book = Book([LedgerEntry(each, IngestState.INDEXED, "f", "r", "c", WHEN) for each in products])
    return Searcher(store, book, Calibrations(*[Calibration(0.5, 0.1)] * 3))  # type: ignore[arg-type]


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.product.product_id for hit in hits]


ASKED = QueryVectors(*[np.array([1, 0], np.float32)] * 2, palette=palettes_of([crop("red")]))


def test_a_lone_skirt_among_shirts_falls_behind_and_hits_say_why() -> None:
    """It is the most alike by a little; with weights of the caller's own only the pictures count."""
    searcher = shelf(("skirt", "skirts", 10), *((f"shirt{n}", "shirts", 12 + n) for n in range(5)))
    hits = searcher.search(ASKED, ["upper_wear"], 6)
    assert ids(hits) == ["shirt0", "shirt1", "shirt2", "shirt3", "shirt4", "skirt"]
    assert "Most of what looks alike is in its category." in hits[0].why
    assert "Most of what looks alike is in its category." not in hits[-1].why
    assert ids(searcher.search(ASKED, ["upper_wear"], 1, weights=Weights(visual=1, semantic=1))) == ["skirt"]


def test_a_stored_product_finds_its_own_kind_first() -> None:
    """Though most of what looks alike is of another; so does the shop's word for its colour."""
    searcher = shelf(*((f"shirt{n}", "shirts", 10 + n) for n in range(3)), ("skirt", "skirts", 13))
    of_skirt = replace(ASKED, facets={"category": ("skirts",)})
    assert ids(searcher.search(ASKED, ["upper_wear"], 1)) == ["shirt0"]
    (hit,) = searcher.search(of_skirt, ["upper_wear"], 1)
    assert hit.product.product_id == "skirt"
    assert "The same category: skirts." in hit.why


def test_the_askers_colour_word_counts_beside_the_measured_colours() -> None:
    """Called alike a colour gains, called otherwise it loses as much, and unknown words say nothing."""
    look = palettes_of([crop("red")])
    shown = [item("red", color=(word,)) for word in ("red", "navy", "rain")]
    plain = with_metadata({}, look, NO_TEXT, shown)["color"]
    told = with_metadata({}, look, NO_TEXT, shown, ("red",))["color"]
    assert told - plain == pytest.approx([SAME_COLOR_GAIN, -SAME_COLOR_GAIN, 0])
    assert "color" in facets_weighed(look, NO_TEXT, ("red",))
