"""Products as UCP writes them, from hits and their variants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.agents.forms import Selected, detailed, filters_of, product_form
from engine.domain import Availability, Hit, Item, Product, Signals

DRESS = Product(
    "d-s", "Linen dress", "https://shop.example/d", ("a.jpg",), price=49.9, currency="EUR", color="Red",
    attributes={"size": "S", "sku": "LD-S", "gtin": "4006381333931"}, brand="Acme", categories=("Women > Dresses",),
)  # fmt: skip
LARGE = replace(DRESS, product_id="d-l", price=60.0, sale_price=55.0, attributes={"size": "L"})
SOLD_OUT = replace(DRESS, product_id="d-m", attributes={"size": "M"}, availability=Availability.OUT_OF_STOCK)
ITEM = Item("i", "d-s", "full_body", "dress", "products/d s/0.png", (0, 0, 1, 1))
HIT = Hit(DRESS, ITEM, 0.9, Signals(), ("Alike.",), variants=(DRESS, LARGE, SOLD_OUT))


def test_a_look_is_a_product_with_variants() -> None:
    """Amounts in the smallest unit, today's prices, what there is to choose, and codes."""
    form = product_form(HIT, "https://api.example")
    assert form is not None
    assert [each["id"] for each in form["variants"]] == ["d-s", "d-l", "d-m"]
    assert form["price_range"] == {
        "min": {"amount": 4990, "currency": "EUR"},
        "max": {"amount": 5500, "currency": "EUR"},
    }
    assert form["options"] == [
        {"name": "Size", "values": [{"label": "S"}, {"label": "L"}, {"label": "M"}]},
        {"name": "Color", "values": [{"label": "Red"}]},
    ]
    first, large, gone = form["variants"]
    assert (first["sku"], first["barcodes"]) == ("LD-S", [{"type": "GTIN", "value": "4006381333931"}])
    assert (large["price"]["amount"], large["list_price"]["amount"]) == (5500, 6000)
    assert gone["availability"] == {"available": False, "status": "out_of_stock"}
    assert form["media"][0]["url"] == "https://api.example/v1/images/products/d%20s/0.png"


def test_pictures_come_from_the_shop_where_it_has_addresses() -> None:
    own = replace(HIT, product=replace(DRESS, images=("https://cdn.example/a.jpg",)))
    assert product_form(own, "https://api.example")["media"][0]["url"] == "https://cdn.example/a.jpg"  # type: ignore[index]
    assert "media" not in product_form(HIT, None)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("JPY", 4990.0, 4990), ("KWD", 1.234, 1234), ("EUR", 0.1, 10)]
)
def test_amounts_have_the_digits_of_their_currency(currency: str, price: float, amount: int) -> None:
    product = replace(DRESS, currency=currency, price=price)
    form = product_form(replace(HIT, product=product, variants=()), None)
    assert form is not None
    assert form["variants"][0]["price"] == {"amount": amount, "currency": currency}


def test_what_has_no_price_is_no_product_of_ucp() -> None:
    assert product_form(replace(HIT, product=replace(DRESS, price=None), variants=()), None) is None
    assert product_form(replace(HIT, product=replace(DRESS, currency=None), variants=()), None) is None


def test_options_tell_what_there_is_beside_the_others_chosen() -> None:
    """A size that is sold out exists; beside another colour none does."""
    blue = replace(DRESS, product_id="b-s", color="Blue")
    hit = replace(HIT, variants=(DRESS, LARGE, SOLD_OUT, blue))
    form: Any = product_form(hit, None)
    sizes, colors = detailed(form, hit, [Selected(name="Size", label="M")])["options"]
    assert [(each["label"], each["exists"], each["available"]) for each in sizes["values"]] == [
        ("S", True, True),
        ("L", True, True),
        ("M", True, False),
    ]
    assert [(each["label"], each["exists"]) for each in colors["values"]] == [("Red", True), ("Blue", False)]


def test_filters_are_ours_under_their_names() -> None:
    asked = {"categories": ["Dresses"], "price": {"min": 1000, "max": 4999}, "brand": ["acme"]}
    assert filters_of(asked, {}) == {"category": ["Dresses"], "price": {"min": 10.0, "max": 49.99}, "brand": ["acme"]}
    assert filters_of({"price": {"max": 4999}}, {"currency": "JPY"}) == {"price": {"max": 4999}}
