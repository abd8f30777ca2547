"""Filters as Milvus expressions, and items as rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.domain import Item
from engine.filters import FacetCondition, Filter, PriceCondition
from engine.stores.milvus.expression import broader, expression, quoted
from engine.stores.milvus.rows import facet_key, facet_name, to_item, to_row


@pytest.mark.parametrize(
    ("text", "literal"),
    [("red", '"red"'), ('a"b', '"a\\"b"'), ("a\\", '"a\\\\"'), ("a\nb", '"a\\nb"'), ("o'brien", '"o\'brien"')],
)
def test_a_literal_ends_only_where_we_end_it(text: str, literal: str) -> None:
    """Quotes, backslashes and line ends are escaped, and nothing else is touched."""
    assert quoted(text) == literal


def test_conditions_are_joined_by_and() -> None:
    """Values in order, negation that keeps rows without the facet, open price bounds closed above the no-price mark."""
    where = Filter(
        (
            FacetCondition("color", frozenset({"red", "navy"})),
            FacetCondition("brand", frozenset({"acme"}), negated=True),
            PriceCondition(maximum=50.0),
        )
    )
    assert expression(where) == (
        '(json_contains_any(facets["color"], ["navy", "red"])) and '
        '((not (exists facets["brand"])) or (not json_contains_any(facets["brand"], ["acme"]))) and '
        "(price >= -1e+299 and price <= 50.0)"
    )
    assert expression(Filter()) == ""


@pytest.mark.parametrize("name", ["color", "", "%", "%41", "a\x00b", "größe", "50%", "\x7f"])
def test_a_facets_name_comes_back_from_its_key(name: str) -> None:
    """Keys that Milvus cannot find are written otherwise, and no two names share a key."""
    key = facet_key(name)
    assert key
    assert all(ord(character) >= 32 for character in key)
    assert facet_name(key) == name


def test_an_item_comes_back_from_its_row() -> None:
    """Every attribute, also the price that is not there."""
    item = Item("i", "p", "s", "l", "x.jpg", (1.5, 2.0, 3.0, 4.25), {"color": ("a", "b"), "%": ("c",)})
    assert to_item(to_row(item, None)) == item  # type: ignore[arg-type]


def test_variant_groups_are_looked_up_by_their_own_index_where_there_is_one() -> None:
    """Only where some group is wanted; rows of several groups come too, and are told apart by their words."""
    group = FacetCondition("item_group_id", frozenset({"g1"}))
    columns = ("terms", "variant_group")
    assert broader(Filter((group,)), columns) == '(variant_group in ["g1", "(several)"])'
    assert broader(Filter((group,)), ("terms",)) == expression(Filter((group,)), ("terms",))
    without = Filter((replace(group, negated=True),))
    assert broader(without, columns) == expression(without, columns)
