"""JSON feeds → rows: an object in each line, a list, objects one after the other, a list inside an object, a table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.errors import FeedUnreadable
from ingest.feeds.columns import KNOWN, column_name, named
from ingest.feeds.json_document import MOST_PARTS, WRAPPED_IN, Element, elements, holds_products
from ingest.feeds.json_tables import in_columns, in_row, names_of
from ingest.feeds.lines import numbered
from ingest.feeds.rows import MOST_OWN, Feed, Row, checked

_LOOKED_AT = 50
"""Lines of a feed's beginning that are looked at for what kind of JSON it is."""
_MANY = ("image_link", "additional_image_link", "product_type", "google_product_category", "category")
"""Fields whose values are joined where two dialects of one name are there."""
_NOTHING: tuple[object, ...] = (None, "", [], {})
_NO_OBJECT = "The line is not a JSON object"


class _BadText(ValueError):
    """What is no product; the message is for the shop's staff."""


def read_json(feed: Feed) -> Iterator[Row]:
    """Every product of a JSON feed.

    Raises:
        FeedUnreadable: a required column is in none of the first rows; the document has no product or no end.
    """
    rows = _lines(feed) if _has_lines(feed.start) else _elements(feed)
    return checked(_ascending(rows), feed.name)


def _ascending(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows by ascending lines: of several in one line each counts as one more."""
    last = 0
    for row in rows:
        last = max(row.line, last + 1)
        yield row if row.line == last else replace(row, line=last)


def _has_lines(start: str) -> bool:
    """Whether each product has a line of its own, so that a broken line costs itself alone."""
    lines = [line for line in start.split("\n") if line.strip("\ufeff \t\r\x1e")][:_LOOKED_AT]
    if not lines or lines[0].strip("\ufeff \t\r\x1e")[:1] not in ("{", "["):
        return True
    first = lines[0].strip("\ufeff \t\r\x1e")
    listed = first.startswith("[")
    if listed:
        lines = [first[1:], *lines[1:]] if first[1:].strip() else lines[1:]
        return bool(lines) and _is_product(lines[0].strip().removesuffix(",").removesuffix("]"))
    if first == "{":
        return False
    return _is_product(first) or any(line.startswith("{") and _is_product(line) for line in lines[1:])


def _is_product(line: str) -> bool:
    value = _parsed(line.strip("\ufeff \t\r\x1e"))
    return isinstance(value, dict) and any(column_name(key) in KNOWN for key in value) and not holds_products(value)


def _lines(feed: Feed) -> Iterator[Row]:
    listed = feed.start.lstrip("\ufeff \t\r\n\x1e").startswith("[")
    opened = closed = False
    for line, content in numbered(feed.text):
        if content is None:
            yield Row(line, {}, "The line is too long for a product.")
            continue
        text = content.strip("\ufeff \t\r\n\x1e")
        text = text if listed else text.removesuffix(",")
        if listed and text:
            text, opened = text if opened else text.removeprefix("[").lstrip(), True
            closed = text.endswith("]")
            text = _element(text)
        if text:
            yield from _rows(line, text)
    if listed and not closed:
        raise FeedUnreadable(f"The feed {feed.name} is cut short, its closing ] is missing; fetch it again.")


def _element(text: str) -> str:
    """A line of a list without what separates it from the others, or ends the list."""
    text = text.removeprefix(",").lstrip()
    if text.endswith("]") and _parsed(text) is None:
        return text.removesuffix("]").rstrip().removesuffix(",")
    return text.removesuffix(",")


def _elements(feed: Feed) -> Iterator[Row]:
    columns: list[str] = []
    unnamed = numbered_from_0 = False
    for element in elements(feed.text, feed.name):
        numbered_from_0 = element.key == "0" if element.place == 0 else numbered_from_0
        if element.text is None:
            yield Row(element.line, {}, "The object is too long for a product.")
        elif not element.text.startswith("["):
            yield from _rows(element.line, element.text, "" if numbered_from_0 else element.key)
        elif not columns:
            columns = names_of(_parsed(element.columns)) or names_of(_parsed(element.text))
            if element.columns and columns:
                yield _in_row(element, columns)
            unnamed = not columns
        else:
            yield _in_row(element, columns)
    if unnamed and not columns:
        raise FeedUnreadable(
            f"The feed {feed.name} has rows of values without names; write the columns' names before them."
        )


def _in_row(element: Element, columns: list[str]) -> Row:
    """A row of a table."""
    try:
        cells = _load(element.text or "")
    except (ValueError, RecursionError) as error:
        return Row(element.line, {}, f"The row cannot be read ({error}).")
    if len(cells) > len(columns):
        return Row(element.line, {}, f"The row has {len(cells)} values, the columns are {len(columns)}.")
    return _named(element.line, in_row(columns, cells))


def _rows(line: int, text: str, key: str = "") -> Iterator[Row]:
    """The product that a text is, or those that it holds in columns; a key under which it stands is its id."""
    try:
        value = _read(text)
    except _BadText as error:
        yield Row(line, {}, str(error))
        return
    if products := in_columns(value):
        yield from (_named(line, pairs) for pairs in products)
        return
    pairs = value.pairs if isinstance(value, _Twice) else list(value.items())
    if key and "id" not in named(value):
        pairs.append(("id", key))
    yield _named(line, pairs)


def _read(text: str) -> dict[str, Any]:
    """An object from its text.

    Raises:
        _BadText: it is none, or too much for one.
    """
    if text.count(",") > MOST_PARTS:
        raise _BadText(
            f"The object has more than {MOST_PARTS:,} parts, which is too much for a product; "
            "write an object in each line."
        )
    try:
        value = _load(text)
    except json.JSONDecodeError as error:
        raise _BadText(f"{_NO_OBJECT} at character {error.pos + 1}.") from None
    except RecursionError:
        raise _BadText(f"{_NO_OBJECT} that can be read: it is nested too deeply.") from None
    except ValueError as error:
        raise _BadText(f"{_NO_OBJECT} ({error}).") from None
    if not isinstance(value, dict):
        raise _BadText(f"{_NO_OBJECT}.")
    return _unwrapped(value)


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """The product in an object that holds nothing else of it: GraphQL's `node`, a search engine's `_source`."""
    if any(column_name(key) in KNOWN for key in value):
        return value
    inner = next((one for key in WRAPPED_IN if isinstance(one := value.get(key), dict)), None)
    return value if inner is None else inner


def _named(line: int, pairs: list[tuple[str, Any]]) -> Row:
    """Fields by Google's names. A name that is there twice, itself or in two dialects, must say the same."""
    fields: dict[str, object] = {}
    clashes: dict[str, None] = {}
    for key, value in pairs:
        name = column_name(key)
        if name not in KNOWN and len(fields) > MOST_OWN:
            continue
        before = fields.get(name)
        if name not in fields or before in _NOTHING:
            fields[name] = value
        elif name in _MANY and value not in _NOTHING:
            fields[name] = [*_listed(before), *_listed(value)]
        elif name in KNOWN and value not in _NOTHING and value != before:
            clashes[name] = None
    problem = f"The object has {', '.join(clashes)} more than once, with different values." if clashes else None
    return Row(line, fields, problem)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


class _Twice(dict[str, Any]):
    """An object with a key that comes again."""

    pairs: list[tuple[str, Any]]


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = _Twice(found)
    twice.pairs = pairs
    return twice


def _load(text: str) -> Any:
    """JSON with what programs make of it: NaN is nothing, long numbers (ids) keep every digit."""
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=_constant,
        parse_int=_integer,
        parse_float=_fraction,
        strict=False,  # A tab or a line's end inside a text is as clear as it is wrong.
    )


def _parsed(text: str) -> Any:
    try:
        return _load(text)
    except (ValueError, RecursionError):
        return None


def _constant(name: str) -> None:
    if name != "NaN":
        raise ValueError(f"{name} is no number")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _fraction(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) and len(digits) < 19 else digits
