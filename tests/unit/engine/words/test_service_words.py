"""Words against a catalogue, end to end over the exact store: what comes first, what is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain import SPACES, Availability, CollectionSpec, Item, Product
from engine.filters import parse_filter
from engine.retrieval.fusion import Weights
from engine.retrieval.looks import Shown
from engine.retrieval.search import Calibrations, Searcher
from engine.seams import Calibration, IngestState, LedgerEntry
from engine.service import TextQuery, ThatLook
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name, load_taxonomy
from engine.vision.pipeline import VisionPipeline
from ingest.run.facets import item_facets
from tests.fixtures.shop import WHEN
from tests.unit.engine.test_service import HalvesSegmenter, NoPose, photo

DIM = 3
SHOP = [
    # id, title, brand, colour, price, group, size
    ("striped", "Striped Dress", "Norrvik", "black", 80.0, None, None),
    ("plain", "Plain Dress", "H&M", "navy", 40.0, None, None),
    ("red-s", "Red Dress", "Norrvik", "red", 60.0, "g", "S"),
    ("red-m", "Red Dress", "Norrvik", "red", 60.0, "g", "M"),
    ("blue-m", "Blue Dress", "Norrvik", "blue", 60.0, "g", "M"),
    ("gone", "Green Dress", "Acme", "green", 20.0, None, None),
]


class OneModel:
    """All garments look alike, and any text is somewhat like them: only what is understood tells them apart."""

    fingerprint, dim, calibration = "one", DIM, Calibration(0.5, 0.1)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, crops: Sequence[object]) -> NDArray[np.float32]:
        return np.tile(np.array([1, 0, 0], np.float32), (len(crops), 1))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return np.tile(np.array([0.8, 0.6, 0], np.float32), (len(texts), 1))


class Book:
    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self.entries = {entry.product.product_id: entry for entry in entries}

    def get(self, ids: Sequence[str]) -> dict[str, LedgerEntry]:
        return {i: self.entries[i] for i in ids if i in self.entries}

    def products(self, ids: Sequence[str]) -> dict[str, Product]:
        return {i: self.entries[i].product for i in ids if i in self.entries}


@pytest.fixture
def model() -> OneModel:
    return OneModel()


@pytest.fixture
def thatlook(model: OneModel) -> ThatLook:
    store, taxonomy, entries = ExactStore(), load_taxonomy(), []
    for name in taxonomy.supercategories:
        for space in SPACES:
            store.ensure(CollectionSpec(collection_name(name, space), DIM, "one"))
    for n, (key, title, brand, color, price, group, size) in enumerate(SHOP):
        stock = Availability.OUT_OF_STOCK if key == "gone" else Availability.IN_STOCK
        product = Product(
            key, title, f"https://shop.example/{key}", (f"{key}.jpg",), price=price, currency="USD", brand=brand,
            color=color, category="Dresses", item_group_id=group, availability=stock,
            attributes={"size": size} if size else {},
        )  # fmt: skip
        picture = f"products/{key}/{color}.jpg"
        item = Item(f"{key}#0", key, "full_body", "dress", picture, (0, 0, 9, 9), item_facets(product), price)
        row = np.array([[1, 0, 0.01 * n]], np.float32)
        for space in SPACES:
            store.upsert(collection_name("full_body", space), [item], row / np.linalg.norm(row))
        entries.append(LedgerEntry(product, IngestState.INDEXED, "f", "r", "c", WHEN, (("full_body", item.item_id),)))
    pipeline = VisionPipeline(HalvesSegmenter(), NoPose(), model, model, model, taxonomy)
    calibrations = Calibrations(*[Calibration(0.5, 0.1)] * 3)
    return ThatLook(pipeline, Searcher(store, Book(entries), calibrations))  # type: ignore[arg-type]


def found(thatlook: ThatLook, text: str, k: int = 6) -> tuple[list[str], list[float], str]:
    answer = thatlook.search_text(TextQuery((text,)), k=k)
    hits = answer.garments[0].hits
    return [hit.product.product_id for hit in hits], [hit.score for hit in hits], " ".join(answer.notes)


def test_sizes_are_one_hit_and_the_sold_out_is_last(thatlook: ThatLook) -> None:
    """In words' answers, unless asked otherwise."""
    ids, _, notes = found(thatlook, "dress")
    assert ids == ["striped", "plain", "red-s", "blue-m", "gone"]
    assert notes == ""
    plain = thatlook.search_text(TextQuery(("dress",)), k=6, shown=Shown()).garments[0].hits
    assert [hit.product.product_id for hit in plain] == ["striped", "plain", "red-s", "red-m", "blue-m", "gone"]


def test_similar_leaves_its_own_look_out(thatlook: ThatLook) -> None:
    """The red dress in another size is not similar to it; in blue it may be."""
    ids = [hit.product.product_id for hit in thatlook.similar("red-s", k=6).garments[0].hits]
    assert (set(ids), ids[-1]) == ({"striped", "plain", "blue-m", "gone"}, "gone")
    every = thatlook.similar("red-s", k=6, shown=Shown()).garments[0].hits
    assert "red-m" in [hit.product.product_id for hit in every]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("dress without stripes", "striped"),
        ("Kleid ohne Streifen", "striped"),
        ("dress -striped", "striped"),
        ("dresses that aren\u2019t red", "red-s"),
        ("robe pas rouge", "red-s"),
        ("anything but navy", "plain"),
    ],
)
def test_what_is_turned_away_comes_last(thatlook: ThatLook, text: str, last: str) -> None:
    """Behind everything else that can be bought, with next to no score."""
    ids, scores, _ = found(thatlook, text)
    assert ids[-2:] == [last, "gone"]
    assert scores[-2] < 0.1


def test_a_price_in_the_words_is_a_filter(thatlook: ThatLook) -> None:
    """Told in a note, with the currency's difference; where nothing has it, that is told."""
    ids, _, notes = found(thatlook, "dress under 50 euro")
    assert ids == ["plain", "gone"]
    assert "only products up to 50 EUR are shown" in notes
    assert "prices here are in USD" in notes
    ids, _, notes = found(thatlook, "dress under 5 dollars")
    assert ids == []
    assert "Nothing is in that price range" in notes


def test_an_empty_answer_says_which_filter_nothing_matches(thatlook: ThatLook) -> None:
    """Or that no product matches all of them together; an answer with hits says nothing of filters."""

    def notes(*filters: str) -> tuple[str, ...]:
        return thatlook.search_text(TextQuery(("dress",)), where=parse_filter(filters)).notes

    assert notes("brand=Acmee") == ('No product has the brand "acmee".',)
    assert notes("brand=Acme", "color=navy") == ("No product of this kind matches all of the filters.",)
    assert notes("brand=Acme,Acmee") == ()


def test_a_brand_in_the_words_comes_first(thatlook: ThatLook, model: OneModel) -> None:
    """The others follow far behind, and the model is not asked for a word that it cannot know."""
    ids, scores, notes = found(thatlook, "h & m dress")
    assert ids[0] == "plain"
    assert scores[1] < 0.3 * scores[0]
    assert '"h & m" was taken for the brand' in notes
    assert model.texts == ["dress"]
    assert [
        hit.product.product_id for hit in thatlook.search_text(TextQuery(("dress size m",)), k=1).garments[0].hits
    ] == ["red-m"]


def test_what_is_not_understood_scores_low(thatlook: ThatLook) -> None:
    """And is told."""
    _, scores, notes = found(thatlook, "refrigerator")
    assert max(scores) <= 0.25
    assert 'Nothing here understands "refrigerator"' in notes
    assert max(found(thatlook, "red refrigerator")[1]) < max(found(thatlook, "red dress")[1])


def test_beside_a_photo_such_words_are_left_out(thatlook: ThatLook) -> None:
    """The answer is the photo's own, with a note; words that are understood move it."""
    from engine.vision.photo_analysis import ImageQuery

    looking = ImageQuery(("full_body",), whole_image=True)
    alone = thatlook.search_image(photo("red", "red"), looking, k=6)
    beside = thatlook.search_image(photo("red", "red"), looking, text=TextQuery(("refrigerator",)), k=6)
    assert [h.score for h in beside.garments[0].hits] == [h.score for h in alone.garments[0].hits]
    assert "the answer rests on the photo alone" in beside.notes[0]
    assert alone.notes == ()
    named = thatlook.search_image(
        photo("red", "red"), looking, text=TextQuery(("under 50 euro",)), k=6, weights=replace(Weights(), color=1.0)
    )
    assert [h.product.product_id for h in named.garments[0].hits] == ["plain", "gone"]
