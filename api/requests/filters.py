"""Filters as JSON → the engine's filter value.

`{"brand": ["acme"], "color": "navy", "price": {"min": 10, "max": 50},
"not": {"color": ["red"]}, "attributes": {"sole": "rubber"}}`: all conditions must hold;
several values of one facet mean any of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from api.http.documents import told
from engine.errors import FilterRejected
from engine.filters import ATTRIBUTE_PREFIX, Condition, Filter, facet_condition, price_condition

FilterDocument = Mapping[str, object]
MAX_FILTER_VALUES, MAX_FILTER_TEXT = 1_000, 500


def filter_of(document: FilterDocument | None) -> Filter:
    """Translate a caller's filters.

    Raises:
        FilterRejected: an unknown filter, or a value that it cannot take.
    """
    document = document or {}
    _check_size(document)
    return Filter(tuple(_conditions(document)))


def _check_size(document: FilterDocument) -> None:
    """Count before anything is done with the values."""
    values = list(_leaves(document, MAX_FILTER_VALUES + 1))
    if len(values) > MAX_FILTER_VALUES:
        raise FilterRejected(f"The filters have more than {MAX_FILTER_VALUES:,} values and names; send fewer.")
    for value in values:
        if isinstance(value, str) and len(value) > MAX_FILTER_TEXT:
            raise FilterRejected(
                f"A filter's value or name has {len(value):,} characters; the most is {MAX_FILTER_TEXT}: {told(value)}"
            )


def _leaves(document: object, most: int) -> Iterator[object]:
    """Names and values, and lists that are empty or too deep to be either; at most so many."""
    waiting: deque[object] = deque([document])
    while waiting and most > 0:
        node = waiting.popleft()
        if isinstance(node, Mapping):
            children: Iterable[object] = (part for pair in node.items() for part in pair)
        elif isinstance(node, list):
            children = node
        else:
            most -= 1
            yield node
            continue
        waiting.extend(islice(children, 2 * most))


def _conditions(document: FilterDocument) -> Iterator[Condition]:
    for name, value in document.items():
        if name == "price":
            yield _price(value)
        elif name == "not":
            yield from _facets(_mapping(name, value), negated=True)
        else:
            yield from _facets({name: value}, negated=False)


def _facets(document: FilterDocument, *, negated: bool) -> Iterator[Condition]:
    for name, value in document.items():
        if name in ("price", "not"):
            raise FilterRejected(f"The filter {name!r} cannot be used inside 'not'.")
        if name == "attributes":
            for attribute, values in _mapping(name, value).items():
                yield facet_condition(ATTRIBUTE_PREFIX + attribute, _values(attribute, values), negated=negated)
        else:
            yield facet_condition(name, _values(name, value), negated=negated)


def _price(value: object) -> Condition:
    bounds = _mapping("price", value)
    if unknown := bounds.keys() - {"min", "max"}:
        raise FilterRejected(f"The price filter has no {sorted(unknown)[0]!r}; it takes 'min' and 'max'.")
    return price_condition(_bound(bounds, "min"), _bound(bounds, "max"))


def _bound(bounds: FilterDocument, name: str) -> float | None:
    value = bounds.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FilterRejected(f"The price filter's {name!r} must be a number, not {told(value)}.")
    if value < 0:
        raise FilterRejected(f"The price filter's {name!r} is {told(value)}; prices are 0 or more.")
    try:
        return float(value)
    except OverflowError:
        raise FilterRejected(f"The price filter's {name!r} is a number of more digits than any price has.") from None


def _mapping(name: str, value: object) -> FilterDocument:
    if not isinstance(value, Mapping):
        raise FilterRejected(f"The filter {name!r} takes an object, not {told(value)}.")
    return value


def _values(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise FilterRejected(f"The filter {name!r} takes a text or a list of texts, not {told(one)}.")
    return [str(one) for one in values]
