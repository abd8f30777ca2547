"""Filters: parsing, and the meaning that every store must agree with."""

from __future__ import annotations

import pytest

from engine.domain import Item
from engine.errors import FilterRejected
from engine.filters import FacetCondition, parse_filter, price_condition

ITEM = Item(
    "i", "p", "upper_wear", "upper_wear", "k", (0, 0, 1, 1),
    {"brand": ("acme",), "color": ("navy", "white"), "sole": ("rubber",)}, 49.9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        ([], True),
        (["brand=Acme"], True),
        (["brand = other, ACME "], True),
        (["brand=other"], False),
        (["color=white", "color=navy"], True),
        (["colour=white"], True),
        (["color!=red"], True),
        (["color!=red,navy"], False),
        (["gender!=male"], True),
        (["gender=male"], False),
        (["price<=49.9"], True),
        (["price>=50"], False),
        (["price=49.9"], True),
        (["price>=10", "price<=20"], False),
        (["attributes.sole=rubber"], True),
        (["attributes.sole!=rubber"], False),
        (["brand=acme", "price<=1"], False),
    ],
)
def test_meaning(expressions: list[str], expected: bool) -> None:
    """Values of one condition are alternatives, conditions all hold, a missing facet has no value."""
    assert parse_filter(expressions).matches(ITEM) is expected


def test_a_row_without_a_price_is_in_no_price_range() -> None:
    """Unknown is not cheap."""
    unpriced = Item("i", "p", "s", "l", "k", (0, 0, 1, 1))
    assert not price_condition(0, None).matches(unpriced)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("shoe_size=42", "no filter 'shoe_size'"),
        ("brand", "not of the form"),
        ("=acme", "not of the form"),
        ("brand=", "no value"),
        ("brand= , ", "no value"),
        ("brand<=3", "price alone"),
        ("price<=cheap", "needs a number"),
        ("price=nan", "needs a number"),
        ("price!=3", "takes =, <=, >=, < or >"),
        ("price<=50 EUR", "without EUR"),
        ("availability=in sale", "use one of in_stock, out_of_stock, preorder, backorder"),
        ("availability!=gone", "use one of in_stock"),
        ("gender=divers", "use one of male, female, unisex"),
        ("age_group=teen", "use one of newborn, infant, toddler, kids, adult"),
        ("attributes.=x", "no filter"),
        ("brand=" + ",".join(map(str, range(300))), "the most is 200"),
    ],
)
def test_bad_expressions_say_what_to_do(expression: str, says: str) -> None:
    """Each is refused in words that name the fault."""
    with pytest.raises(FilterRejected, match=says):
        parse_filter([expression])


def test_bounds_in_the_wrong_order_are_refused() -> None:
    """10 to 5 is a mistake, not an empty range."""
    with pytest.raises(FilterRejected, match="above its upper bound"):
        price_condition(10, 5)


@pytest.mark.parametrize(
    ("expression", "facet", "values"),
    [
        ('brand="Barneys, New York"', "brand", {"barneys, new york"}),
        ("brand='Barneys, New York', Acme", "brand", {"barneys, new york", "acme"}),
        (r"brand=Barneys\, New York,Acme", "brand", {"barneys, new york", "acme"}),
        ('brand="The ""Real"" One, Ltd"', "brand", {'the "real" one, ltd'}),
        (r'brand="a \"b\", c"', "brand", {'a "b", c'}),
        ('brand="Open, Shut', "brand", {'"open', "shut"}),
        ("brand=47'", "brand", {"47'"}),
        ("attributes.Size (EU)=38", "size (eu)", {"38"}),
        ("attributes.Größe [cm]=98/104", "grösse [cm]", {"98/104", "98 / 104"}),
        ('"attributes.a=b, c"=d', "a=b, c", {"d"}),
        ("color=Navy / White", "color", {"navy/white"}),
        ("category=Apparel>Bottoms >Shorts", "category", {"apparel > bottoms > shorts"}),
        ("category=204", "category", {"apparel & accessories > clothing > pants"}),
        ("availability=In Stock", "availability", {"in_stock"}),
        ("availability=https://schema.org/OutOfStock,pre-order", "availability", {"out_of_stock", "preorder"}),
        ("gender=Women's", "gender", {"female", "women's"}),
        ("age_group=Adults", "age_group", {"adult", "adults"}),
    ],
)
def test_values_are_written_in_any_spelling(expression: str, facet: str, values: set[str]) -> None:
    """Quotes and backslashes keep a comma in a value; names may hold anything; closed lists take feeds' spellings."""
    (condition,) = parse_filter([expression]).conditions
    assert isinstance(condition, FacetCondition)
    assert (condition.facet, set(condition.values)) == (facet, values)


@pytest.mark.parametrize("spelling", ["Chlo\u00e9", "Chloe\u0301", "CHLOE\u0301 "])
@pytest.mark.parametrize("stored", ["chlo\u00e9", "chloe\u0301"])
def test_composed_and_decomposed_letters_are_one(spelling: str, stored: str) -> None:
    """Also in rows of former versions, which kept what the feed had."""
    row = Item("i", "p", "s", "l", "k", (0, 0, 1, 1), {"brand": (stored,)})
    assert parse_filter([f"brand={spelling}"]).matches(row)
    assert not parse_filter([f"brand!={spelling}"]).matches(row)


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("price<49.9", False),
        ("price<50", True),
        ("price>49.9", False),
        ("price<=49,90", True),
        ("price>=1.299,00", False),
    ],
)
def test_prices_as_a_feed_writes_them(expression: str, matches: bool) -> None:
    """A decimal comma is one, and < and > leave the bound out."""
    assert parse_filter([expression]).matches(ITEM) is matches
