"""Filters: parsing, and the meaning that every store must agree with."""

from __future__ import annotations

import pytest

from engine.domain import Item
from engine.errors import FilterRejected
from engine.filters import facets_of, parse_filter, price_condition

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
        ("price!=3", "takes =, <= or >="),
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


def test_facets_are_casefolded_split_and_unique() -> None:
    """Colours come as a list with slashes; empty words leave no facet."""
    facets = facets_of({"color": "Navy / white/NAVY", "brand": " Acme  Co ", "size": None}, separators={"color": "/"})
    assert facets == {"color": ("navy", "white"), "brand": ("acme co",)}
