"""One form for every spelling, and what a field is found by."""

from __future__ import annotations

import pytest

from engine.domain import Availability
from engine.products.availability import availability_of
from engine.products.categories import category_paths
from engine.products.text import plain
from engine.values import asked_forms, bare, closed_values, completed, folded, parts_of, paths_of


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
        (
            "material",
            "cotton: 80%; elastane: 20%",
            ("cotton: 80%; elastane: 20%", "cotton: 80%", "elastane: 20%", "cotton", "elastane"),
        ),
        ("color", "Black,White", ("black,white", "black", "white")),
        ("size", "S,M", ("s,m", "s", "m")),
        ("size", "38,5", ("38,5",)),
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


@pytest.mark.parametrize(
    "written",
    ["Apparel/Bottoms/Shorts", "Apparel / Bottoms / Shorts", "Apparel -> Bottoms -> Shorts", "Apparel::Bottoms::Shorts",
     "Apparel\\Bottoms\\Shorts", "Apparel&gt;Bottoms &gt; Shorts", "Apparel＞Bottoms＞Shorts",
     "Damen/Hosen", "Damen / Hosen", "T-Shirts|Polos", "Apparel &amp; Accessories > Clothing", "204"],
)  # fmt: skip
def test_a_category_is_found_as_its_feed_writes_it(written: str) -> None:
    """Whatever stands between the steps of its path."""
    kept = {path for category in category_paths([plain(written)], google=True) for path in paths_of(category)}
    assert kept & asked_forms("category", written)


@pytest.mark.parametrize("facet", ["brand", "pattern", "color", "fit"])
@pytest.mark.parametrize(("stored", "asked"), [("A/B", "A / B"), ("A / B", "A/B"), ("H&M", "H&amp;M")])
def test_what_a_caller_writes_otherwise_is_found(facet: str, stored: str, asked: str) -> None:
    """Blanks around a slash, and HTML's entities."""
    assert asked_forms(facet, asked) & set(parts_of(facet, stored))


@pytest.mark.parametrize(
    ("facet", "text", "values"),
    [
        ("availability", "in stock,preorder", {"in_stock", "preorder"}),
        ("availability", "preorder | in stock", {"in_stock", "preorder"}),
        ("availability", "in stock/out of stock", {"in_stock", "out_of_stock"}),
        ("availability", "https://schema.org/InStock", {"in_stock"}),
        ("availability", "in stock, Lieferzeit 3 Tage", {"in_stock"}),
        ("availability", "sometimes, never", set()),
        ("gender", "women,men", {"female", "male"}),
        ("gender", "women or elephants", set()),
        ("age_group", "Kinder/Baby", {"kids", "infant"}),
    ],
)
def test_several_values_of_a_closed_list(facet: str, text: str, values: set[str]) -> None:
    """All of them, where each one is known."""
    assert closed_values(facet, text) == values


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
