"""The wire forms that other programs read: exact keys, order, rounding."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from engine.domain import Answer, Availability, Garment, GarmentHits, Hit, Item, Product, Signals
from engine.forms.answers import answer_form, detection_form, hit_form, to_json

GARMENT = Garment(
    "dress",
    "full_body",
    0.912361,
    (10.1234, 20.0, 50.5, 90.25),
    np.ones((71, 41), bool),
    (np.array([[10.04, 20], [50.55, 20], [50, 90]], np.float32),),
    ("lower_wear",),
)
PRODUCT = Product(
    "p1", "Linen", "https://shop.example/p1", ("a.jpg",), price=60.0, sale_price=49.9, currency="EUR", brand="Acme"
)
ITEM = Item("i1", "p1", "full_body", "dress", "products/p 1/0.jpg", (0, 0, 10, 10))
HIT = Hit(PRODUCT, ITEM, np.float32(0.87654321), Signals(visual=0.91239, semantic=np.float32(0.5)), ("Looks alike.",))

GARMENT_DOCUMENT = {
    "class": "dress",
    "supercategory": "full_body",
    "score": 0.9124,
    "box": [10.12, 20.0, 50.5, 90.25],
    "polygons": [[[10.0, 20.0], [50.5, 20.0], [50.0, 90.0]]],
    "also": ["lower_wear"],
}
HIT_DOCUMENT = {
    "product_id": "p1",
    "title": "Linen",
    "link": "https://shop.example/p1",
    "image": "seen:products/p 1/0.jpg",
    "price": 49.9,
    "currency": "EUR",
    "brand": "Acme",
    "supercategory": "full_body",
    "score": 0.8765,
    "signals": {"visual": 0.9124, "semantic": 0.5, "text": None, "color": None},
    "why": ["Looks alike."],
    "availability": "in_stock",
    "list_price": 60.0,
    "color": None,
    "size": None,
    "item_group_id": None,
    "variants": [],
    "matched_by": [],
    "confidence": None,
}
ASKED_FOR = ("next_cursor", "total", "matching", "facets", "price")


def test_answer_has_the_documented_form() -> None:
    """`search --json` and the API: every key in its order; the price that a buyer pays; text null without a part."""
    answer = Answer((GarmentHits(GARMENT, "full_body", (HIT,)),), {"decode": 1.23456, "total": 7.0}, 427, 640, ("n",))
    document = json.loads(to_json(answer_form(answer, lambda key: f"seen:{key}")))
    assert document == {
        "garments": [
            {**GARMENT_DOCUMENT, "hits": [HIT_DOCUMENT], **dict.fromkeys(ASKED_FOR), "no_match": False, "photo": 0}
        ],
        "timing_ms": {"decode": 1.235, "total": 7.0},
        "width": 427,
        "height": 640,
        "notes": ["n"],
        "image": None,
        "query_id": None,
    }
    shown = ["class", "supercategory", "score", "box", "polygons", "hits", "also"]
    assert list(document["garments"][0]) == [*shown, *ASKED_FOR, "no_match", "photo"]
    assert list(document["garments"][0]["hits"][0]) == list(HIT_DOCUMENT)


def test_a_hit_tells_its_variants() -> None:
    """Each with its size, both prices and whether it can be bought."""
    large = replace(
        PRODUCT, product_id="p2", sale_price=None, availability=Availability.OUT_OF_STOCK, color="navy",
        item_group_id="g", attributes={"size": "L"},
    )  # fmt: skip
    form = hit_form(replace(HIT, product=large, variants=(large, PRODUCT)), str)
    assert (form.availability, form.price, form.list_price) == ("out_of_stock", 60.0, 60.0)
    assert (form.color, form.size, form.item_group_id) == ("navy", "L", "g")
    assert [(v.id, v.size, v.price, v.list_price, v.availability) for v in form.variants] == [
        ("p2", "L", 60.0, 60.0, "out_of_stock"),
        ("p1", None, 49.9, 60.0, "in_stock"),
    ]


def test_answer_without_a_photo_keeps_the_keys() -> None:
    """A text query has no garment: its keys are there and null, so that one reader fits both."""
    answer = Answer((GarmentHits(None, None, (HIT,)),), {"total": 1.0})
    document = json.loads(to_json(answer_form(answer)))
    garment = document["garments"][0]
    assert {k: garment[k] for k in ("class", "supercategory", "score", "box", "polygons")} == dict.fromkeys(
        ("class", "supercategory", "score", "box", "polygons")
    )
    assert garment["hits"][0]["image"] == "products/p 1/0.jpg"
    assert garment["also"] == []
    assert (document["width"], document["height"]) == (None, None)


def test_detection_has_the_documented_form() -> None:
    """`detect --json`: one document per image, in a list."""
    document = json.loads(to_json([detection_form("look.jpg", 427, 640, [GARMENT])]))
    assert document == [{"image": "look.jpg", "width": 427, "height": 640, "garments": [GARMENT_DOCUMENT]}]
