"""Products on the wire: each checked by itself, and the same after a round trip."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from api.problems import RequestMalformed
from api.requests.products import check_products, product_form, read_products
from engine.domain import Availability, Product
from engine.errors import DeadlineExceeded, InputRejected
from engine.system.clock import Deadline

ROW: dict[str, Any] = {
    "id": "p1",
    "title": "Linen dress",
    "link": "https://shop.example/p1",
    "image_link": "https://shop.example/p1.jpg",
}


@pytest.mark.parametrize("odd", [None, 5, "x", [], [ROW], True])
def test_what_is_no_object_costs_no_other_product(odd: object) -> None:
    """It is told at its place; a request of nothing else is refused."""
    products, receipt = check_products(read_products(msgspec.json.encode([ROW, odd, ROW | {"id": "p2"}])))
    assert [product.product_id for product in products] == ["p1", "p2"]
    assert [row.state for row in receipt.products] == ["pending", "rejected", "pending"]
    assert "a product is a JSON object" in receipt.products[1].reasons[0]
    with pytest.raises(InputRejected, match="JSON object"):
        read_products(msgspec.json.encode([odd]))


def test_every_field_arrives() -> None:
    """Merchant field names become the engine's; named attributes join the shop's own; money is parsed."""
    row = ROW | {
        "additional_image_link": ["s3://pictures/p1b.jpg", "https://shop.example/p1.jpg"],
        "description": "Light.",
        "price": "60.00 EUR",
        "sale_price": 49.9,
        "availability": "preorder",
        "brand": "Acme",
        "color": "navy/white",
        "gender": "female",
        "category": "dresses",
        "item_group_id": "g1",
        "size": "38",
        "attributes": {"sole": "rubber"},
    }
    products, receipt = check_products([row])
    assert products == [
        Product(
            "p1",
            "Linen dress",
            "https://shop.example/p1",
            ("https://shop.example/p1.jpg", "s3://pictures/p1b.jpg"),
            "Light.",
            60.0,
            49.9,
            "EUR",
            Availability.PREORDER,
            "Acme",
            "navy/white",
            "female",
            "dresses",
            "g1",
            {"size": "38", "sole": "rubber"},
            ("dresses",),
        )
    ]
    assert (receipt.accepted, receipt.rejected, receipt.products[0].state) == (1, 0, "pending")


def test_round_trip() -> None:
    """What is read back can be written again and is the same product, with its sale and all its categories."""
    begins, ends = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
    product = Product(
        "p", "Tom & Jerry's <M>", "https://a.example", ("https://a.example/1.jpg",), price=60.0, sale_price=49.9,
        category="Women > Dresses", attributes={"material": "wool", "fit": "slim"}, sale_start=begins, sale_end=ends,
        categories=("Women > Dresses", "Apparel & Accessories > Clothing > Dresses"),
    )  # fmt: skip
    (again,), receipt = check_products([msgspec.to_builtins(product_form(product))])
    assert again == product
    assert receipt.products[0].notes == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": None}, "title is empty"),
        ({"title": " "}, "title is empty"),
        ({"title": "x" * 501}, "title has 501 characters"),
        ({"title": {"en": "Dress"}}, "title is not a text"),
        ({"id": ""}, "id is empty"),
        ({"id": "a\nb"}, "control"),
        ({"id": "a\u200bb"}, "invisible"),
        ({"id": 10**100}, "id is a number of more than"),
        ({"link": "javascript:alert(1)"}, "not an http(s) address"),
        ({"link": "shop.example/p1"}, "not an http(s) address"),
        ({"image_link": "/etc/passwd"}, "image_link"),
        ({"image_link": "file:///etc/passwd"}, "image_link"),
        ({"image_link": "p1.jpg"}, "image_link"),
        ({"image_link": "data:image/png;base64,AAAA"}, "data: address"),
        ({"price": "cheap"}, "is not a price"),
        ({"price": "49.90 EUR USD"}, "two currencies"),
        ({"price": -1}, "a price is 0 or more"),
        ({"price": 0}, "0 is no price"),
        ({"price": "5 EUR", "sale_price": "4 USD"}, "different currencies"),
        ({"price": "5 EUR", "currency": "euros and cents"}, "currency"),
        ({"availability": "maybe"}, "availability"),
    ],
)
def test_one_bad_product_does_not_stop_the_rest(change: dict[str, Any], words: str) -> None:
    """Its receipt says why; the good one beside it is taken."""
    products, receipt = check_products([ROW | {"id": "bad"} | change, ROW])
    assert [p.product_id for p in products] == ["p1"]
    assert (receipt.accepted, receipt.rejected) == (1, 1)
    assert receipt.products[0].state == "rejected"
    assert words in "; ".join(receipt.products[0].reasons)


def test_an_id_given_twice_counts_once() -> None:
    """The first is taken, the second is told why not."""
    products, receipt = check_products([ROW, ROW | {"title": "Other"}])
    assert [p.title for p in products] == ["Linen dress"]
    assert [row.state for row in receipt.products] == ["pending", "rejected"]
    assert "more than once" in receipt.products[1].reasons[0]


def test_documents() -> None:
    """One product, a list, or an object that holds the list."""
    for document in (ROW, [ROW], {"products": [ROW]}):
        assert read_products(msgspec.json.encode(document)) == [ROW]
    for wrong in (b"[]", b"3", b"[3]", msgspec.json.encode([ROW] * 1_001)):
        with pytest.raises(InputRejected):
            read_products(wrong)
    with pytest.raises(RequestMalformed):
        read_products(b'{"id": ')


@pytest.mark.parametrize("unit", ["<", "<!--", "&amp;", "e\u0301", "\u0301\u0316", ", ", "//a:b@", "https://a.b/ "])
@pytest.mark.parametrize(
    "field", ["id", "title", "link", "image_link", "additional_image_link", "description", "price", "brand", "other"]
)
def test_a_text_of_any_size_costs_little(field: str, unit: str) -> None:
    """Megabytes of what is slow to read, in any field: a receipt of reasonable size, in reasonable time."""
    start = time.perf_counter()
    _, receipt = check_products([ROW | {field: unit * (1_000_000 // len(unit))}])
    assert time.perf_counter() - start < 2
    assert len(msgspec.json.encode(receipt)) < 20_000


def test_a_row_with_too_many_fields_is_told_so() -> None:
    """Rather than read in part."""
    products, receipt = check_products([ROW | {f"f{n}": "x" for n in range(2_000)}])
    assert products == []
    assert receipt.products[0].reasons == ["it has 2,004 fields; the most is 1,000."]


def test_rows_are_read_within_their_time() -> None:
    """What is left when the time runs out is not taken on behind its caller's back."""
    with pytest.raises(DeadlineExceeded):
        check_products([ROW], Deadline.within(-1))


@pytest.mark.parametrize("field", ["link", "image_link", "additional_image_link", "price", "availability"])
def test_receipts_hold_no_passwords(field: str) -> None:
    """Neither in reasons nor in notes."""
    _, receipt = check_products([ROW | {field: "ftp://shop:pa55word@h/x"}])
    assert "pa55word" not in msgspec.json.encode(receipt).decode()
    assert "***" in msgspec.json.encode(receipt).decode()


def test_a_password_that_was_hidden_is_asked_for_again() -> None:
    """What was read with `***` in an address is not written back as one."""
    products, receipt = check_products([ROW | {"image_link": "https://***@pictures.example/1.jpg"}])
    assert products == []
    assert "write the password" in receipt.products[0].reasons[0]
