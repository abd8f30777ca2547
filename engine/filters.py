"""Filters: a conjunction of conditions on facets and price, as a value.

A shop's caller writes `brand=acme,other`, `color!=red`, `price<=50`; the API takes the same
conditions as JSON. A comma inside a value is written `brand="Barneys, New York"` or `brand=Barneys\\, New York`.
Stores evaluate the value in their own way; `matches` is the meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain import Item
from engine.errors import FilterRejected
from engine.products.fields import ATTRIBUTE_FACETS
from engine.products.money import parse_money
from engine.values import CLOSED, asked_forms, closed_values, folded

CORE_FACETS = ("brand", "color", "gender", "availability", "category")
ATTRIBUTE_PREFIX = "attributes."
_EXPRESSION = re.compile(r'^\s*("(?:[^"\\]|\\.)+"|[^!<>=]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*$', re.DOTALL)
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.|"")*)"|'((?:[^'\\]|\\.)*)')\s*(?=,|$)""", re.DOTALL)
_PLAIN = re.compile(r"(?:[^,\\]|\\.|\\$)*", re.DOTALL)
_ESCAPED = re.compile(r"""\\([,"'\\])""")
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
    return folded(text)


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
        FilterRejected: an unknown facet, no value, too many, or one that a closed list does not have.
    """
    facet, closed = facet_name(name), not name.strip().startswith(ATTRIBUTE_PREFIX)
    given = {folded(value): value for value in values if value.strip()}
    if not given:
        raise FilterRejected(f"The filter {name!r} has no value.")
    if len(given) > MAX_VALUES:
        raise FilterRejected(f"The filter {name!r} has {len(given)} values; the most is {MAX_VALUES}.")
    forms = [_forms(facet, value, closed=closed and facet in CLOSED) for value in given.values()]
    return FacetCondition(facet, frozenset().union(*forms), negated)


def _forms(facet: str, value: str, *, closed: bool) -> frozenset[str]:
    """The stored values that a caller's value means."""
    if not closed:
        return asked_forms(facet, value)
    if not (meant := closed_values(facet, value)):
        known = ", ".join(CLOSED[facet])
        raise FilterRejected(f"The filter {facet!r} does not know {value[:40]!r}; use one of {known}.")
    return meant if facet == "availability" else asked_forms(facet, value) | meant


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

    A name or value that holds commas or the like stands in double quotes (a value in single ones too), or has a
    backslash before the comma: `brand="Barneys, New York"`, `"attributes.a=b"=c`.

    Raises:
        FilterRejected: an expression that is not of this form, or names an unknown filter.
    """
    return Filter(tuple(_parse_one(expression) for expression in expressions))


def _parse_one(expression: str) -> Condition:
    found = _EXPRESSION.match(expression)
    if not found:
        raise FilterRejected(
            f"The filter {expression[:200]!r} is not of the form name=value, name!=value or price<=50."
        )
    name, operator, text = found.groups()
    if len(name) > 1 and name.startswith('"'):
        name = _unescaped(name[1:-1])
    if name.strip().casefold() == "price":
        return _parse_price(operator, text)
    if operator not in ("=", "!="):
        raise FilterRejected(f"{operator} works on price alone, not on {name!r}.")
    return facet_condition(name, _split_values(text), negated=operator == "!=")


def _split_values(text: str) -> list[str]:
    """The values of a list: commas part them, unless in quotes or behind a backslash."""
    values, at = [], 0
    while at <= len(text):
        value, end = _next_value(text, at)
        values.append(value)
        at = end + 1
    return values


def _next_value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at a place, and where it ends. A quote that is not closed is part of the value."""
    if quoted := _QUOTED.match(text, at):
        inner = quoted[1].replace('""', '"') if quoted[1] is not None else quoted[2]
        return _unescaped(inner), quoted.end()
    plain = _PLAIN.match(text, at)
    end = plain.end() if plain else len(text)
    return _unescaped(text[at:end]), end


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _parse_price(operator: str, text: str) -> PriceCondition:
    bound = _amount(text)
    if operator == "!=":
        raise FilterRejected("The price filter takes =, <=, >=, < or >.")
    if operator in "<>":
        bound = math.nextafter(bound, -math.inf if operator == "<" else math.inf)
    return price_condition(None if operator[0] == "<" else bound, None if operator[0] == ">" else bound)


def _amount(text: str) -> float:
    """A price as a feed may write it, in the feed's own currency."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        amount, currency = parse_money(text)
    except ValueError:
        raise FilterRejected(f"The price filter needs a number, not {text[:40]!r}.") from None
    if currency is not None:
        raise FilterRejected(f"The price filter needs a number without {currency}: prices are in the feed's currency.")
    return amount
