"""Categories and colours of what looks most alike: who votes, what a vote weighs, and what the order becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.color.palette import palettes_of
from engine.domain import SPACES, CollectionSpec, Hit, Item, Product
from engine.retrieval.facet_votes import VOTERS, Facets, color_names, lowered, support
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
    found = support(row, np.argsort(-row, kind="stable"), [each.get("category", ()) for each in facets], own)
    assert found is not None
    return [float(value) for value in found]


def test_votes_weigh_by_odds() -> None:
    """Twice the odds, twice the weight; all shares together are one where each has one category."""
    assert votes([np.log(2), 0], [SHIRT, SKIRT]) == pytest.approx([2 / 3, 1 / 3])
    assert votes([0, 0, 0, 0], [SHIRT, SHIRT, SHIRT, SKIRT]) == pytest.approx([3 / 4] * 3 + [1 / 4])


def test_the_very_product_has_no_more_than_a_little_more_to_say_than_the_next() -> None:
    """A shirt that its shop keeps under "new in" is found by its picture: what else is new does not come with it."""
    new: Facets = {"category": ("new in",)}
    assert votes([9, 2, 2], [new, SHIRT, SHIRT])[0] == pytest.approx(np.e / (np.e + 2))
    assert votes([9, 2, 2, 2, 0], [new, SHIRT, SHIRT, SHIRT, new])[-1] < 0.5


def test_only_the_nearest_that_have_a_category_vote() -> None:
    """What has none takes no place among the voters, and what lies behind them has no vote."""
    near: list[Facets] = [SHIRT] * VOTERS
    found = votes([3.0, *[2.0] * VOTERS, 1.0], [NONE, *near, SKIRT])
    assert found[1] == pytest.approx(1)
    assert found[-1] == 0
    assert support(np.zeros(2, np.float32), np.array([0, 1]), [(), ()]) is None


def test_a_path_has_the_mean_of_its_steps_and_no_category_the_voters_mean() -> None:
    """So a step that all share tells nothing apart, and silence is no reproach."""
    men: list[Facets] = [{"category": ("men", "shirts")}, {"category": ("men", "skirts")}, NONE]
    assert votes([0, 0, 0], men) == pytest.approx([0.75, 0.75, 0.75])
    assert votes([np.log(2), 0, 0], men) == pytest.approx([5 / 6, 4 / 6, 7 / 9])


def test_the_asking_products_own_category_counts_as_much_as_all_votes() -> None:
    """Among products that look like something else, its own kind holds half."""
    assert votes([0, 0, -1], [SHIRT, SHIRT, SKIRT], own=("skirts",))[2] > 0.5
    assert votes([0, 0], [SHIRT, SHIRT], own=("shirts",)) == pytest.approx([1, 1])


def test_what_has_the_most_votes_keeps_its_score() -> None:
    """Others lose by how much fewer they have, the less the fewer agree on the first."""
    logits = np.array([1, 1, 1], np.float32)
    assert lowered(logits, np.array([1, 0.25, 0], np.float32), 8) == pytest.approx([1, -5, -7])
    assert lowered(logits, np.array([0.5, 0.25, 0], np.float32), 8) == pytest.approx([1, 0, -1])


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (("Navy Blue",), ("navy blue",)),
        (("dark navy/white",), ("navy", "white")),
        (("Midnight",), ("midnight",)),
        (("Fjord 17",), ("fjord 17",)),
        ((), ()),
    ],
)
def test_the_names_of_colours_are_found_in_what_a_shop_says(said: tuple[str, ...], names: tuple[str, ...]) -> None:
    """What it calls by a name of its own is that name: products that share it vote together."""
    assert color_names(said) == names


def shelf(*sold: tuple[str, str, float]) -> Searcher:
    """Tops: id, category, and how many degrees their embeddings lie from the query's."""
    return stocked(
        [Product(key, key, "", ("a.jpg",), category=category, color="red") for key, category, _ in sold],
        [degrees for *_, degrees in sold],
    )


def stocked(products: Sequence[Product], degrees: Sequence[float], shades: Sequence[str] = ()) -> Searcher:
    """Tops whose embeddings lie so far from the query's; `shades` are the colours that their pictures have."""
    store, angles = ExactStore(), np.radians(degrees)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    looks = [dict(item(shade)) if shade else {} for shade in shades or [""] * len(products)]
    items = [
        Item(f"{p.product_id}#0", p.product_id, "upper_wear", "top", "a.jpg", (0, 0, 9, 9), look | item_facets(p), None)
        for p, look in zip(products, looks, strict=True)
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


def test_the_shops_word_for_a_colour_is_learnt_from_what_has_it() -> None:
    """Reds are sold as ruby here; one that is sold as steel falls behind, though its picture is nearest."""
    names = ("Steel", *["Ruby"] * 4)
    products = [Product(f"p{n}", f"p{n}", "", ("a.jpg",), color=name) for n, name in enumerate(names)]
    hits = stocked(products, range(10, 15), ["red"] * 5).search(ASKED, ["upper_wear"], 5)
    assert ids(hits) == ["p1", "p2", "p3", "p4", "p0"]
    unseen = stocked(products, range(10, 15)).search(ASKED, ["upper_wear"], 5)
    assert ids(unseen)[0] == "p0", "no colours were measured, so nobody votes"


def test_titles_vote_where_a_shop_has_no_categories() -> None:
    """A skirt by its title among shirts falls behind, a stored one finds it; beside one category no title votes."""
    titles = ["Acme linen skirt", *[f"Acme linen shirt {n}" for n in range(5)]]
    products = [Product(f"p{n}", title, "", ("a.jpg",)) for n, title in enumerate(titles)]
    searcher = stocked(products, [10, *range(12, 17)])
    assert ids(searcher.search(ASKED, ["upper_wear"], 6)) == ["p1", "p2", "p3", "p4", "p5", "p0"]
    assert ids(searcher.search(replace(ASKED, titled=("skirt",)), ["upper_wear"], 1)) == ["p0"]
    mixed = [*products[:5], replace(products[5], category="shirts")]
    assert ids(stocked(mixed, [10, *range(12, 17)]).search(ASKED, ["upper_wear"], 1)) == ["p0"]


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


def test_the_same_colours_vote_however_many_hits_are_wanted() -> None:
    """Of 400 products those beyond the first 200 are nearest in colour, and have no say on any page."""
    names = ["Ruby"] * 200 + ["Steel"] * 200
    products = [Product(f"p{n}", f"p{n}", "", ("a.jpg",), color=name) for n, name in enumerate(names)]
    searcher = stocked(products, np.linspace(5, 40, 400).tolist(), ["navy"] * 200 + ["red"] * 200)
    few, many = (ids(searcher.search(ASKED, ["upper_wear"], wanted)) for wanted in (20, 100))
    assert few == many[:20]
