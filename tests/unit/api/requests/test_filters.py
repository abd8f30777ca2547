"""Filters as JSON → the engine's filter, and every way to write them wrongly."""

from __future__ import annotations

import math
from typing import Any

import pytest

from api.requests.filters import filter_of
from engine.errors import FilterRejected
from engine.filters import EVERYTHING, FacetCondition, Filter, PriceCondition, parse_filter


def test_all_conditions_are_translated() -> None:
    """One text, several, a range, a negation, attributes: each becomes its condition, in order."""
    document = {
        "brand": ["Acme", "other"],
        "color": "navy",
        "price": {"min": 10, "max": 50},
        "not": {"color": ["Red"], "attributes": {"sole": "leather"}},
        "attributes": {"sole": "rubber", "Heel height": ["flat", 3]},
    }
    assert filter_of(document) == Filter(
        (
            FacetCondition("brand", frozenset({"acme", "other"})),
            FacetCondition("color", frozenset({"navy"})),
            PriceCondition(10.0, 50.0),
            FacetCondition("color", frozenset({"red"}), negated=True),
            FacetCondition("sole", frozenset({"leather"}), negated=True),
            FacetCondition("sole", frozenset({"rubber"})),
            FacetCondition("heel height", frozenset({"flat", "3"})),
        )
    )


def test_agrees_with_the_command_line() -> None:
    """The same conditions in both notations are the same value."""
    written = parse_filter(["brand=acme,other", "colour!=red", "price>=20"])
    assert filter_of({"brand": ["acme", "other"], "not": {"colour": "red"}, "price": {"min": 20}}) == written


@pytest.mark.parametrize("stock", ["in stock", "instock", "InStock", "https://schema.org/InStock", "IN_STOCK"])
def test_availability_in_a_feeds_spellings(stock: str) -> None:
    """Each means the same; a category may be written with or without spaces."""
    assert filter_of({"availability": stock}) == filter_of({"availability": "in_stock"})
    assert filter_of({"category": "Apparel>Bottoms>Shorts"}) == filter_of({"category": "apparel > bottoms > shorts"})


def test_nothing_and_open_ranges() -> None:
    """No filter matches everything; a range may be open on either side."""
    assert filter_of(None) == filter_of({}) == EVERYTHING
    assert filter_of({"price": {"max": 5}}).conditions == (PriceCondition(-math.inf, 5.0),)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"sleeve": "long"}, "There is no filter 'sleeve'"),
        ({"brand": []}, "no value"),
        ({"availability": "in sale"}, "use one of in_stock, out_of_stock, preorder, backorder"),
        ({"not": {"gender": ["divers"]}}, "use one of male, female, unisex"),
        ({"brand": [" "]}, "no value"),
        ({"brand": None}, "takes a text"),
        ({"brand": {"is": "acme"}}, "takes a text"),
        ({"brand": [True]}, "takes a text"),
        ({"brand": ["x"] * 300, "color": [str(n) for n in range(300)]}, "the most is 200"),
        ({"price": 50}, "takes an object"),
        ({"price": {}}, "needs a number"),
        ({"price": {"below": 5}}, "no 'below'"),
        ({"price": {"min": "5"}}, "must be a number"),
        ({"price": {"min": True}}, "must be a number"),
        ({"price": {"min": -5}}, "0 or more"),
        ({"price": {"min": 50, "max": 10}}, "above its upper bound"),
        ({"not": ["red"]}, "takes an object"),
        ({"not": {"price": {"min": 5}}}, "inside 'not'"),
        ({"not": {"not": {"color": "red"}}}, "inside 'not'"),
        ({"attributes": "rubber"}, "takes an object"),
        ({"attributes": {"sole": None}}, "takes a text"),
    ],
)
def test_refusals(document: dict[str, Any], words: str) -> None:
    """Each wrong filter is refused with a sentence that says what to change."""
    with pytest.raises(FilterRejected, match=words):
        filter_of(document)
