"""Filters: a conjunction of conditions on facets and price, as a value.

A shop's caller writes `brand=acme,other`, `color!=red`, `price<=50`; the API takes the same
conditions as JSON. Stores evaluate the value in their own way; `matches` is the meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.domain import Item
from engine.errors import FilterRejected

CORE_FACETS = ("brand", "color", "gender", "availability", "category")
ATTRIBUTE_FACETS = ("size", "material", "pattern", "age_group", "item_group_id")
ATTRIBUTE_PREFIX = "attributes."
_EXPRESSION = re.compile(r"^\s*([A-Za-z_][\w.\- ]*?)\s*(!=|<=|>=|=)\s*(.*?)\s*$", re.DOTALL)
MAX_VALUES = 200


@dataclass(frozen=True, slots=True)
class FacetCondition:
    """A row matches when it has one of the values (or, `negated`, none of them)."""

    facet: str
    values: frozenset[str]
    negated: bool = False

    def matches(self, item: Item) -> bool:
        """Whether the row has (or, negated, lacks) the values."""
        return self.values.isdisjoint(item.facets.get(self.facet, ())) == self.negated


@dataclass(frozen=True, slots=True)
class PriceCondition:
    """Inclusive bounds; a row without a price never matches."""

    minimum: float = -math.inf
    maximum: float = math.inf

    def matches(self, item: Item) -> bool:
        """Whether the row has a price within the bounds."""
        return item.price is not None and self.minimum <= item.price <= self.maximum


Condition = FacetCondition | PriceCondition


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions must hold. An empty filter matches everything."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def matches(self, item: Item) -> bool:
        """The meaning that every store must agree with."""
        return all(condition.matches(item) for condition in self.conditions)


EVERYTHING = Filter()


def facet_value(text: str) -> str:
    """The form in which facet values are stored and compared."""
    return " ".join(text.casefold().split())


def facet_name(name: str) -> str:
    """The facet that a caller's name means.

    Raises:
        FilterRejected: a name that is neither a core facet, a known attribute nor `attributes.NAME`.
    """
    key = name.strip()
    if key.startswith(ATTRIBUTE_PREFIX) and len(key) > len(ATTRIBUTE_PREFIX):
        return facet_value(key.removeprefix(ATTRIBUTE_PREFIX))
    key = {"colour": "color"}.get(key.casefold(), key.casefold())
    if key in CORE_FACETS or key in ATTRIBUTE_FACETS:
        return key
    known = ", ".join(("price", *CORE_FACETS, *ATTRIBUTE_FACETS))
    raise FilterRejected(f"There is no filter {name!r}; use {known}, or {ATTRIBUTE_PREFIX}NAME for an attribute.")


def facet_condition(name: str, values: Iterable[str], *, negated: bool = False) -> FacetCondition:
    """Build a facet condition from a caller's words.

    Raises:
        FilterRejected: an unknown facet, no value, or too many.
    """
    wanted = frozenset(facet_value(v) for v in values if v.strip())
    if not wanted:
        raise FilterRejected(f"The filter {name!r} has no value.")
    if len(wanted) > MAX_VALUES:
        raise FilterRejected(f"The filter {name!r} has {len(wanted)} values; the most is {MAX_VALUES}.")
    return FacetCondition(facet_name(name), wanted, negated)


def price_condition(minimum: float | None = None, maximum: float | None = None) -> PriceCondition:
    """Build a price range from a caller's bounds, either of which may be open.

    Raises:
        FilterRejected: no bound, a bound that is not a number, or bounds in the wrong order.
    """
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    if math.isnan(low) or math.isnan(high) or (minimum is None and maximum is None):
        raise FilterRejected("The price filter needs a number as its lower or upper bound.")
    if low > high:
        raise FilterRejected(f"The price filter's lower bound {low:g} is above its upper bound {high:g}.")
    return PriceCondition(low, high)


def parse_filter(expressions: Iterable[str]) -> Filter:
    """Read `name=value[,value…]`, `name!=value`, `price<=50`, `price>=20`; all must hold.

    Raises:
        FilterRejected: an expression that is not of this form, or names an unknown filter.
    """
    return Filter(tuple(_parse_one(expression) for expression in expressions))


def _parse_one(expression: str) -> Condition:
    found = _EXPRESSION.match(expression)
    if not found:
        raise FilterRejected(f"The filter {expression!r} is not of the form name=value, name!=value or price<=50.")
    name, operator, text = found.groups()
    if name.casefold() == "price":
        return _parse_price(operator, text)
    if operator in ("<=", ">="):
        raise FilterRejected(f"{operator} works on price alone, not on {name!r}.")
    return facet_condition(name, text.split(","), negated=operator == "!=")


def _parse_price(operator: str, text: str) -> PriceCondition:
    try:
        bound = float(text)
    except ValueError:
        raise FilterRejected(f"The price filter needs a number, not {text!r}.") from None
    if operator == "!=":
        raise FilterRejected("The price filter takes =, <= or >=.")
    return price_condition(None if operator == "<=" else bound, None if operator == ">=" else bound)


def facets_of(pairs: Mapping[str, str | None], *, separators: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Facets from a product's words; `separators` says which are lists, and how they are split."""
    facets: dict[str, tuple[str, ...]] = {}
    for name, text in pairs.items():
        parts = text.split(separators[name]) if text and name in separators else [text or ""]
        values = tuple(dict.fromkeys(facet_value(part) for part in parts if part.strip()))
        if values:
            facets[name] = values
    return facets
