"""What is exported is read again as it was, by the readers of feeds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain import Product
from engine.export.feeds import FEEDS
from engine.products.reading import read_product
from engine.seams import IngestState, LedgerEntry
from ingest.feeds.reader import read_feed

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
RICH: dict[str, Any] = {
    "id": 'dress/17, "red"',
    "title": 'Linen & silk < M; "Weiß" &amp;amp; more',
    "description": "One line.\nAnother, with tags &lt;3 and a; semicolon | bar",
    "link": "https://shop.example/p?a=1&b=2",
    "image_link": "images/front, 1.jpg",
    "additional_image_link": ["https://cdn.example/a,w_200/b.jpg?x=1&y=2", "https://cdn.example/c.jpg"],
    "price": 1234.5,
    "sale_price": 999,
    "currency": "EUR",
    "sale_price_effective_date": "2026-11-01/2026-11-30",
    "availability": "preorder",
    "brand": "H&M",
    "color": "Black/White",
    "gender": "Damen",
    "product_type": ["Women > Dresses", "Sale > Bags, Wallets & Cases"],
    "google_product_category": 2271,
    "item_group_id": "g 1",
    "size": "S, M",
    "material": "80% Wool/20% Nylon",
    "age_group": "adult",
    "attributes": {"gtin": "04006381333931", "Fit, cut": "slim; long", "größe": "40", "sku": "007"},
}


def entry(product: Product) -> LedgerEntry:
    return LedgerEntry(product, IngestState.INDEXED, "f", "r", "c", NOON)


class Pages:
    """A ledger's pages, and nothing else."""

    def __init__(self, products: list[Product]) -> None:
        self.entries = sorted(map(entry, products), key=lambda each: each.product.product_id)

    def page(self, *, state: object, after: str | None, limit: int) -> list[LedgerEntry]:
        return [each for each in self.entries if each.product.product_id > (after or "")][:limit]


def taken_back(folder: Path, products: list[Product], form: str) -> list[Product]:
    feed = folder / f"export.{form}"
    feed.write_bytes(b"".join(FEEDS[form](Pages(products), None)))  # type: ignore[arg-type]
    return [product for _, product in read_feed(feed)]  # type: ignore[misc]


@pytest.mark.parametrize("form", FEEDS)
def test_a_rich_product_comes_back_as_it_was(tmp_path: Path, form: str) -> None:
    """Marks, lists, prices, dates and attributes of any name; a plain product beside it."""
    plain = Product("a", "A shirt", "https://shop.example/a", ("https://shop.example/a.jpg",))
    rich = read_product(RICH, paths=True).product
    assert rich is not None
    assert len(rich.attributes) == 7
    assert taken_back(tmp_path, [plain, rich], form) == [plain, rich]


@pytest.mark.parametrize("name", ["'", "'a", "=1+1", "@home", "-"])
def test_an_attribute_s_name_is_guarded_and_read_as_any_cell_is(tmp_path: Path, name: str) -> None:
    """What a spreadsheet would take for a formula stands in the header, too."""
    fields = {"id": "1", "title": "t", "link": "https://shop.example/x", "image_link": "a.jpg"}
    product = read_product(fields | {"attributes": {name: "0"}}, paths=True).product
    assert product is not None
    assert product.attributes == {name: "0"}
    assert taken_back(tmp_path, [product], "csv") == [product]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["&amp;", "<b>x</b>", "&lt;i&gt;", "a;b|c,d", "1.234", '"', "'", "\u2028", "  x ", "=1+1", "Größe > 4"]
)
FIELDS = st.fixed_dictionaries(
    {
        "id": TEXT,
        "title": TEXT,
        "link": st.just("https://shop.example/x"),
        "image_link": st.sampled_from(["a.jpg", "https://x.example/a;b.jpg", "b c.png"]),
    },
    optional={
        "description": TEXT,
        "price": st.floats(0.001, 1e6).map(lambda x: round(x, 3)),
        "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
        "brand": TEXT,
        "color": TEXT,
        "gender": TEXT,
        "material": TEXT,
        "size": TEXT,
        "item_group_id": TEXT,
        "product_type": st.lists(TEXT, max_size=3),
        "attributes": st.dictionaries(TEXT, TEXT, max_size=3),
    },
)


@pytest.mark.parametrize("form", FEEDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(fields=FIELDS)
def test_whatever_was_taken_comes_back(tmp_path: Path, form: str, fields: dict[str, Any]) -> None:
    product = read_product(fields, paths=True).product
    if product is not None:
        assert taken_back(tmp_path, [product], form) == [product]
