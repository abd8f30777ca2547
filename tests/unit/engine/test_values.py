"""One form for every spelling, and what a field is found by."""

from __future__ import annotations

import pytest

from engine.domain import Availability
from engine.products.availability import availability_of
from engine.values import bare, completed, folded, parts_of, paths_of


@pytest.mark.parametrize(
    ("text", "stock"),
    [
        ("in stock", Availability.IN_STOCK),
        ("InStock", Availability.IN_STOCK),
        ("instock", Availability.IN_STOCK),
        ("https://schema.org/InStock", Availability.IN_STOCK),
        ("http://schema.org/SoldOut/", Availability.OUT_OF_STOCK),
        ("Pre-Order", Availability.PREORDER),
        ("on_backorder", Availability.BACKORDER),
        ("stocking", None),
        ("", None),
    ],
)
def test_stock(text: str, stock: Availability | None) -> None:
    """Google's words, schema.org's addresses, WooCommerce's."""
    assert availability_of(text) is stock


def test_folding_leaves_no_invisible_difference() -> None:
    """Case, composition, typographic marks, no-break spaces and soft hyphens."""
    assert folded(" Levi\u2019s\u00a0 T\u2011Shirt\u00ad ") == "levi's t-shirt"
    assert folded("Chloe\u0301") == folded("CHLO\u00c9") == "chlo\u00e9"
    assert bare("H & M") == bare("H&M") == bare("h and m") == "hm"
    assert bare("Chlo\u00e9") == "chloe"


@pytest.mark.parametrize(
    ("facet", "text", "values"),
    [
        ("color", "Black/White", ("black/white", "black", "white")),
        ("color", "Navy / white/NAVY", ("navy/white/navy", "navy", "white")),
        ("material", "Cotton/Elastane", ("cotton/elastane", "cotton", "elastane")),
        ("material", "Cotton, Elastane", ("cotton, elastane", "cotton", "elastane")),
        ("material", "80% Wool / 20% nylon", ("80% wool/20% nylon", "80% wool", "20% nylon", "wool", "nylon")),
        ("size", "16/34", ("16/34",)),
        ("size", "S/M", ("s/m",)),
        ("size", "S, M", ("s, m", "s", "m")),
        ("brand", " Acme  Co ", ("acme co",)),
        ("pattern", "Dots/Stripes", ("dots/stripes",)),
        ("color", " / ", ("/",)),
    ],
)
def test_a_field_is_found_by_what_it_says_and_by_its_parts(facet: str, text: str, values: tuple[str, ...]) -> None:
    """Colours and materials are lists; a size with a slash is one size."""
    assert parts_of(facet, text) == values


def test_a_category_is_found_by_every_part_of_its_path() -> None:
    """However its marks are spaced."""
    assert set(paths_of("Apparel>Bottoms > Shorts")) == {
        "apparel", "bottoms", "shorts", "apparel > bottoms", "bottoms > shorts", "apparel > bottoms > shorts",
    }  # fmt: skip


def test_facets_of_former_versions_are_completed() -> None:
    """They kept the parts of a list, in order; today's are left as they are."""
    former = {
        "color": ("black", "white"), "size": ("16", "34"), "gender": ("women",), "brand": ("acme",),
        "category": ("a", "b", "c", "a > b > c"),
    }  # fmt: skip
    full = completed(former)
    assert full["color"] == ("black/white", "black", "white")
    assert full["size"] == ("16/34",)
    assert set(full["gender"]) == {"female", "women"}
    assert set(full["category"]) == set(paths_of("a > b > c"))
    assert completed(full) is full
