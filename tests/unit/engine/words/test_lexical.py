"""Ids, article numbers, brands and words of the shop's own in a query: found first, mistyped ones too, and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.domain import SPACES, CollectionSpec, Hit, Item, Product
from engine.filters import parse_filter
from engine.ledger.sql import SqlLedger
from engine.retrieval.search import Calibrations, Searcher
from engine.seams import Calibration, IngestState, LedgerEntry
from engine.service import TextQuery, ThatLook
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name, load_taxonomy
from engine.vision.photo_analysis import ImageQuery
from engine.vision.pipeline import VisionPipeline
from engine.words.vocabulary import Vocabulary
from ingest.run.facets import item_facets
from tests.fixtures.catalogue import put_empty_ledger
from tests.fixtures.shop import WHEN
from tests.unit.engine.test_service import HalvesSegmenter, NoPose, photo
from tests.unit.engine.words.test_service_words import DIM, OneModel

SHOP = [
    # id, title, brand, kind, attributes
    ("A-100", "Red Dress", "Adidas", "full_body", {"gtin": "4006381333931"}),
    ("A-200", "Blue Dress", "Norrvik", "full_body", {"mpn": "NV-77x"}),
    ("700123", "Green Dress", "Tommy Hilfiger", "full_body", {}),
    ("42", "Grindelwald Parka", "Norrvik", "outerwear", {"sku": "PK 9"}),
    ("plain", "Plain Dress", "Levi's", "full_body", {}),
    ("mango", "Yellow Dress", "Adigas", "full_body", {}),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    made = SqlLedger(put_empty_ledger(tmp_path))
    yield made
    made.close()


@pytest.fixture
def thatlook(ledger: SqlLedger) -> ThatLook:
    store, taxonomy, model = ExactStore(), load_taxonomy(), OneModel()
    for name in taxonomy.supercategories:
        for space in SPACES:
            store.ensure(CollectionSpec(collection_name(name, space), DIM, "one"))
    for n, (key, title, brand, kind, attributes) in enumerate(SHOP):
        product = Product(
            key, title, f"https://shop.example/{key}", ("a.jpg",), price=10.0, brand=brand, attributes=attributes
        )
        item = Item(f"{key}#0", key, kind, "dress", f"products/{key}/a.jpg", (0, 0, 9, 9), item_facets(product), 10.0)
        row = np.array([[1, 0, 0.01 * n]], np.float32)
        for space in SPACES:
            store.upsert(collection_name(kind, space), [item], row / np.linalg.norm(row))
        ledger.put([LedgerEntry(product, IngestState.INDEXED, "f", "r", "c", WHEN, ((kind, item.item_id),))])
    pipeline = VisionPipeline(HalvesSegmenter(), NoPose(), model, model, model, taxonomy)
    searcher = Searcher(store, ledger, Calibrations(*[Calibration(0.5, 0.1)] * 3))
    return ThatLook(pipeline, searcher, vocabulary=Vocabulary(ledger.terms))


def asked(thatlook: ThatLook, text: str, **options: Any) -> tuple[list[Hit], str]:
    answer = thatlook.search_text(TextQuery((text,)), **options)
    return list(answer.garments[0].hits), " ".join(answer.notes)


@pytest.mark.parametrize(
    ("text", "product_id", "by"),
    [
        ("A-200", "A-200", "id"),
        ("a-200", "A-200", "id"),
        ("42", "42", "id"),
        ("  “A-200”  ", "A-200", "id"),
        ("700123 in red", "700123", "id"),
        ("dress like A-200, please", "A-200", "id"),
        ("art. 42 dress", "42", "id"),
        ("4006381333931", "A-100", "gtin"),
        ("EAN 4006381333931 dress", "A-100", "gtin"),
        ("nv-77X", "A-200", "mpn"),
    ],
)
def test_a_product_named_by_a_code_comes_first(thatlook: ThatLook, text: str, product_id: str, by: str) -> None:
    """Whatever else the words say, with the code told in the hit and in a note; other products follow."""
    hits, notes = asked(thatlook, text)
    assert (hits[0].product.product_id, hits[0].matched_by, hits[0].score) == (product_id, (by,), 1.0)
    assert hits[0].why[0].startswith("Its ")
    assert f"the {by.upper() if by != 'id' else 'id'} of a product, which comes first" in notes
    assert "understands" not in notes
    assert len(hits) == len({hit.product.product_id for hit in hits}) > 1


@pytest.mark.parametrize("text", ["dress size 42", "plain dress", "plain", "dress under 42 euro", "mango dress"])
def test_words_and_small_numbers_are_no_codes(thatlook: ThatLook, text: str) -> None:
    """A size, a price, a word for a look: they mean what they always meant, whatever ids a shop has."""
    hits, notes = asked(thatlook, text)
    assert "id of a product" not in notes
    assert not any("id" in hit.matched_by for hit in hits)


def test_a_code_that_no_product_has_is_told(thatlook: ThatLook) -> None:
    _, notes = asked(thatlook, "4006381333900")
    assert 'No indexed product has the id, GTIN or article number "4006381333900".' in notes


def test_filters_and_pages_hold_for_named_products(thatlook: ThatLook) -> None:
    """A product that the filter does not let through does not come; on a further page it does not come again."""
    hits, _ = asked(thatlook, "A-200", where=parse_filter(["brand=Adidas"]))
    assert [hit.product.product_id for hit in hits] == ["A-100"]
    first = thatlook.search_text(TextQuery(("A-200",)), k=2).garments[0]
    assert first.seen is not None
    from engine.retrieval.listing import Listing

    second = thatlook.search_text(TextQuery(("A-200",)), k=9, listing=Listing(after=first.seen)).garments[0]
    ids = [hit.product.product_id for hit in (*first.hits, *second.hits)]
    assert sorted(ids) == sorted(key for key, *_ in SHOP)
    assert ids[0] == "A-200"


@pytest.mark.parametrize(
    ("text", "product_id", "note"),
    [
        ("adidsa dress", "A-100", 'Read "adidsa" as "Adidas", a brand'),
        ("addidas", "A-100", 'Read "addidas" as "Adidas", a brand'),
        ("tommy hilfigr dress", "700123", 'Read "tommy hilfigr" as "Tommy Hilfiger", a brand'),
        ("hilfiger dress", "700123", 'Read "hilfiger" as "Tommy Hilfiger", a brand'),
        ("adihas dress", "A-100", 'Read "adihas" as "Adidas" or "Adigas", a brand'),
        ("Kleid von Norvik", "A-200", 'Read "norvik" as "Norrvik", a brand'),
    ],
)
def test_a_mistyped_brand_is_read_as_the_shops(thatlook: ThatLook, text: str, product_id: str, note: str) -> None:
    """Its products come first, and the answer says how the word was read."""
    hits, notes = asked(thatlook, text)
    assert hits[0].product.product_id == product_id
    assert "brand" in hits[0].matched_by
    assert note in notes
    assert "understands" not in notes


def test_a_mistyped_brand_is_found_among_many_strange_words(thatlook: ThatLook) -> None:
    strange = " ".join(f"qwx{chr(97 + n)}zt" for n in range(20))
    assert 'Read "adidsa" as "Adidas", a brand' in asked(thatlook, f"{strange} adidsa")[1]


def test_a_mistyped_word_of_a_title_is_read_as_the_shops(thatlook: ThatLook) -> None:
    hits, notes = asked(thatlook, "grindelwlad")
    assert (hits[0].product.product_id, hits[0].matched_by) == ("42", ("words",))
    assert 'Read "grindelwlad" as "grindelwald".' in notes


@pytest.mark.parametrize("text", ["refrigerator", "livas dress", "nvik"])
def test_what_is_too_far_from_everything_is_not_guessed(thatlook: ThatLook, text: str) -> None:
    """Two slips in a short word are another word."""
    assert "a brand" not in asked(thatlook, text)[1]


def test_terms_of_products_that_are_gone_are_not_read(thatlook: ThatLook, ledger: SqlLedger) -> None:
    """The vocabulary only suggests: what no row has any more is not meant."""
    thatlook.searcher.store.delete_products(collection_name("full_body", "semantic"), ["A-100"])
    thatlook.searcher.store.delete_products(collection_name("full_body", "visual"), ["A-100"])
    ledger.delete(["A-100"])
    _, notes = asked(thatlook, "adidsa dress")
    assert '"Adidas"' not in notes


def test_beside_a_photo_the_named_product_comes_first_of_its_kind(thatlook: ThatLook) -> None:
    looking = ImageQuery(("full_body",), whole_image=True)
    answer = thatlook.search_image(photo("red", "red"), looking, text=TextQuery(("A-200",)), k=3)
    assert answer.garments[0].hits[0].product.product_id == "A-200"


def test_a_product_that_is_not_indexed_is_not_named(thatlook: ThatLook, ledger: SqlLedger) -> None:
    """Its id is told to be of nothing that can be found; the other words answer."""
    entry = ledger.get(["A-200"])["A-200"]
    ledger.put([replace(entry, product=replace(entry.product, product_id="B-900"), items=())])
    hits, notes = asked(thatlook, "B-900 dress")
    assert hits
    assert "id of a product" not in notes


def test_a_code_of_another_kind_of_garment_finds_what_is_like_it(thatlook: ThatLook) -> None:
    hits, _ = asked(thatlook, "42", supercategories=["full_body"])
    assert hits
    assert {hit.item.supercategory for hit in hits} == {"full_body"}


def test_a_brand_that_has_nothing_of_the_kind_is_told(thatlook: ThatLook) -> None:
    _, notes = asked(thatlook, "tommy hilfiger parka", supercategories=["outerwear"])
    assert "Nothing of that brand fits the other words" in notes
