"""The shop's names of kinds beside a query's words: what is meant, how near, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engine.domain import SPACES, CollectionSpec, Embeddings, Item, Product
from engine.retrieval.facet_votes import Facets
from engine.retrieval.metadata_scores import (
    CATEGORY_GAIN,
    COLOR_GAIN,
    facets_weighed,
    wanted_colors,
    with_metadata,
)
from engine.retrieval.search import Calibrations, Searcher
from engine.seams import Calibration, IngestState, LedgerEntry, Term
from engine.service import TextQuery, ThatLook
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name, load_taxonomy
from engine.vision.pipeline import VisionPipeline
from engine.words import categories
from engine.words.categories import CategoryNames
from engine.words.parsed_text import ParsedText, kind_said, parse_text
from engine.words.vocabulary import Vocabulary, terms_of
from ingest.run.facets import item_facets
from tests.fixtures.shop import WHEN
from tests.unit.engine.color.test_metadata_scores import item
from tests.unit.engine.test_service import HalvesSegmenter, NoPose
from tests.unit.engine.words.test_service_words import Book

ANGLES = {"sneakers": 0, "sandals": 60, "jeans": 90, "trainers": 20, "gift card": 150}


class Angles:
    """Texts as directions of a plane; it counts what it is asked."""

    dim, calibration = 2, Calibration(0.5, 0.1)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        angles = np.radians([ANGLES.get(text, 45) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_words_come_near_to_the_name_that_means_the_same() -> None:
    """The nearest surely, another as far as it is as alike, and words of another kind of thing to none."""
    names, model = CategoryNames(), Angles()
    near = dict(names.near(model, ("jeans", "sneakers", "sandals"), "trainers"))
    assert near == {
        "sneakers": 1.0,
        "sandals": pytest.approx(np.exp((np.cos(2 / 9 * np.pi) - np.cos(np.pi / 9)) / 0.08), abs=0.001),
    }
    assert next(iter(near)) == "sneakers"
    assert names.near(model, ("sneakers",), "gift card") == ()
    assert names.near(model, (), "trainers") == names.near(model, ("jeans",), "") == ()


def test_nothing_is_embedded_twice_and_no_query_waits_for_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop's names are read a few with each query, or all at the start."""
    monkeypatch.setattr(categories, "_AT_ONCE", 2)
    names, model = CategoryNames(), Angles()
    assert dict(names.near(model, ("jeans", "sandals", "sneakers"), "trainers")) == {"sandals": 1.0}
    assert "sneakers" in dict(names.near(model, ("jeans", "sandals", "sneakers"), "trainers"))
    assert sorted(model.asked) == ["jeans", "sandals", "sneakers", "trainers"]
    read = CategoryNames()
    read.read(model, ("jeans", "sandals", "sneakers"))
    assert model.asked[4:] == ["jeans", "sandals", "sneakers"]


def test_a_shopper_says_trainers_where_the_shop_says_sneakers() -> None:
    """Neither word is the other, and the pictures tell nothing: the category's name does, and the hit says so."""
    thatlook = shop(("a", "Strand", "Shoes > Sandals"), ("b", "Runner", "Shoes > Sneakers"))
    hits = thatlook.search_text(TextQuery(("navy trainers",))).garments[0].hits
    assert [hit.product.product_id for hit in hits] == ["b", "a"]
    assert "The shop's category: sneakers." in hits[0].why
    assert not any("category" in line for line in hits[1].why)


def shop(*sold: tuple[str, str, str]) -> ThatLook:
    """Shoes that all look alike: id, title, category."""
    store, taxonomy, model = ExactStore(), load_taxonomy(), Angles()
    for name in taxonomy.supercategories:
        for space in SPACES:
            store.ensure(CollectionSpec(collection_name(name, space), 2, "one"))
    products = [Product(key, title, "", ("a.jpg",), category=category) for key, title, category in sold]
    for product in products:
        item_ = Item(
            f"{product.product_id}#0", product.product_id, "foot_wear", "foot_wear", "a.jpg", (0, 0, 9, 9),
            item_facets(product), None,
        )  # fmt: skip
        for space in SPACES:
            store.upsert(collection_name("foot_wear", space), [item_], np.array([[1, 0]], np.float32))
    book = Book([LedgerEntry(each, IngestState.INDEXED, "f", "r", "c", WHEN) for each in products])
    pipeline = VisionPipeline(HalvesSegmenter(), NoPose(), model, model, model, taxonomy)  # type: ignore[arg-type]
    searcher = Searcher(store, book, Calibrations(*[Calibration(0.5, 0.1)] * 3))  # type: ignore[arg-type]
    terms = [Term(n, kind, text, label) for n, ((kind, text), label) in enumerate(terms_of(products).items(), 1)]
    return ThatLook(pipeline, searcher, vocabulary=Vocabulary(lambda after: terms[after:]))


def test_a_category_counts_by_how_near_it_is() -> None:
    """Beside words alone, where a text asks."""
    parsed = ParsedText(categories=(("sneakers", 1.0), ("sandals", 0.4)))
    named = [("shoes", "sneakers"), ("sandals",), ("jeans",)]
    items: list[Facets] = [*({"category": names} for names in named), {}]
    joined = with_metadata({"text": np.zeros(4, np.float32)}, None, parsed, items)
    assert joined["text"] == pytest.approx([CATEGORY_GAIN, 0.4 * CATEGORY_GAIN, 0, 0])
    assert facets_weighed(None, parsed) == ("category",)
    assert "text" not in with_metadata({}, None, parsed, items)


def test_the_shops_colour_weighs_beside_the_measured_one() -> None:
    """What it names is lifted, another is lowered as much, and what it does not name stays; of two either will do."""

    def logits(text: str, *told: tuple[str, ...]) -> list[float]:
        found = wanted_colors(parse_text([text]), [item("black", **({"color": each} if each else {})) for each in told])
        return [float(value) for value in found]

    same, other, none = logits("black", ("black",), ("red",), ())
    assert same - none == pytest.approx(COLOR_GAIN, abs=0.01)
    assert none - other > COLOR_GAIN
    either, both = logits("black or red", ("black",))[0], logits("black and red", ("black",))[0]
    assert either == pytest.approx(same)
    assert both < same


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("navy boots with red laces", "boots"), ("Running shoes in dark blue", "running shoes"), ("navy", ""),
        ("a t-shirt, not black", "t-shirt"),
    ],
)  # fmt: skip
def test_what_the_thing_itself_is_called(text: str, kind: str) -> None:
    """Neither its colour nor what it is with, nor what is turned away."""
    assert kind_said(text) == kind


def test_the_vocabulary_has_the_last_step_of_each_category() -> None:
    """As facets have it, once, in the order of the products."""
    shop = [
        Product("1", "Runner", "", (), category="Shoes > Sneakers"),
        Product("2", "Thong", "", (), category="SANDALS"),
        Product("3", "Racer", "", (), categories=("Sport > Sneakers", "Sale")),
        Product("4", "Gift", "", ()),
    ]
    terms = [Term(n, kind, text, label) for n, ((kind, text), label) in enumerate(terms_of(shop).items(), 1)]
    assert Vocabulary(lambda after: terms[after:]).categories() == ("sneakers", "sandals", "sale")
