"""What the OpenAPI document says of a product, and that `PUT` takes what it says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.description.product_schema import product_schema
from api.requests.products import check_products
from engine.products.fields import KNOWN

ROW: dict[str, Any] = {
    "id": "p1", "title": "A shirt", "link": "https://shop.example/p1", "image_link": "https://shop.example/p1.jpg",
}  # fmt: skip
VALID = Draft202012Validator(product_schema())


@pytest.mark.parametrize(
    "more",
    [
        {"product_type": "Women > Shirts", "colour": "navy", "fit": "slim", "availability": "in stock"},
        {"product_type": ["Women > Shirts", "Sale"], "google_product_category": 212, "sale_price": 9.9, "price": 19.9},
        {"availability": "https://schema.org/InStock", "additional_image_link": "https://a.example/1.jpg,//b.example/2.jpg"},
        {"availability": "http://schema.org/OutOfStock", "description": "x" * 20_000},
        {"availability": True, "additional_image_link": [f"https://a.example/{n}.jpg" for n in range(25)]},
        {"price": {"amountMicros": "49900000", "currencyCode": "USD"}, "imageLink": "https://shop.example/2.jpg"},
        {"price": {"value": "49.90", "currency": "USD"}, "salePrice": {"value": "39.90", "currency": "USD"}},
        {"price": "R$ 49,90", "sale_price_effective_date": "2026-11-01T00:00Z/2026-11-30T23:59Z", "size": ["S", "M"]},
        {"attributes": {"sleeve": "short", "washable": True, "wash": 30}, "gtin": 4012345678901, "brand": None},
    ],
)  # fmt: skip
def test_what_a_feed_takes_the_api_takes(more: dict[str, Any]) -> None:
    """Each is valid by the document, and taken."""
    assert [error.message for error in VALID.iter_errors(ROW | more)] == []
    products, receipt = check_products([ROW | more])
    assert (len(products), receipt.products[0].reasons) == (1, [])


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""}, {"id": "x" * 201}, {"title": "x" * 501}, {"link": "shop.example"}, {"image_link": "p1.jpg"},
        {"title": ["a"]}, {"availability": ["in stock"]}, {"price": -1}, {"item_group_id": "x" * 201},
        {"image_link": "data:image/png;base64,AAAA"},
    ],
)  # fmt: skip
def test_limits_are_in_the_document(change: dict[str, Any]) -> None:
    """What is refused for its form or length is invalid by the document too."""
    assert list(VALID.iter_errors(ROW | change))
    if change not in ({"title": ["a"]}, {"availability": ["in stock"]}):  # Lists of one are taken all the same.
        assert check_products([ROW | change])[0] == []


def test_every_known_field_is_described() -> None:
    """A field of the rule book that the document forgot would be an attribute to its readers."""
    described = set(product_schema()["properties"])
    assert described == KNOWN
