"""JSON feeds → rows: an object in each line, a list, objects one after the other, a list inside an object, a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from engine.errors import FeedUnreadable
from ingest.feeds.columns import KNOWN, column_name, named
from ingest.feeds.exports.shopify_json import ShopifyProducts
from ingest.feeds.json_document import MOST_PARTS, WRAPPED_IN, Element, elements, holds_products
from ingest.feeds.json_tables import in_columns, in_row, names_of
from ingest.feeds.json_text import Twice, load_json, parsed
from ingest.feeds.lines import numbered
from ingest.feeds.rows import MOST_OWN, Feed, Row, checked

_LOOKED_AT = 50
"""Lines of a feed's beginning that are looked at for what kind of JSON it is."""
_MANY = ("image_link", "additional_image_link", "product_type", "google_product_category", "category")
"""Fields whose values are joined where two dialects of one name are there."""
_NOTHING: tuple[object, ...] = (None, "", [], {})
_AROUND = "\ufeff \t\r\n\x1e"
_COMMENT = re.compile(r"/\*.*?\*/\s*")
_PROGRAM = re.compile(r"\)\]\}'|(?:(?:var|let|const|export default)\s+)?[\w.$]{1,80}\s*[(=]")
"""What programs in browsers write before JSON: a variable or a function that takes it, and what keeps it from them."""
_NO_OBJECT = "The line is not a JSON object"


class _BadText(ValueError):
    """What is no product; the message is for the shop's staff."""


def read_json(feed: Feed) -> Iterator[Row]:
    """Every product of a JSON feed.

    Raises:
        FeedUnreadable: a required column is in none of the first rows; the document has no product or no end.
    """
    shopify = ShopifyProducts(feed)
    rows = _lines(feed, shopify) if _has_lines(feed.start) else _elements(feed, shopify)
    return checked(_ascending(rows), feed.name)


def _ascending(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows by ascending lines: of several in one line each counts as one more."""
    last = 0
    for row in rows:
        last = max(row.line, last + 1)
        yield row if row.line == last else replace(row, line=last)


def _has_lines(start: str) -> bool:
    """Whether each product has a line of its own, so that a broken line costs itself alone."""
    lines = _telling(start)
    if not lines or lines[0][0] not in "{[":
        return not (lines and _PROGRAM.match(lines[0]))
    first = lines[0]
    if first.startswith("["):
        lines = [first[1:], *lines[1:]] if first[1:].strip() else lines[1:]
        return bool(lines) and _is_product(lines[0].strip().removesuffix(",").removesuffix("]"))
    if first == "{":
        return False
    return _is_product(first) or any(line.startswith("{") and _is_product(line) for line in lines[1:])


def _telling(start: str) -> list[str]:
    """The first lines of a feed's beginning that hold something, without blanks and comments."""
    lines = (_without_comment(line.strip(_AROUND)) for line in start.split("\n"))
    return [line for line in lines if line][:_LOOKED_AT]


def _without_comment(line: str) -> str:
    """A line of no object without the comments that it begins with; "" where it is nothing else."""
    line = _COMMENT.sub("", line) if line.startswith("/*") else line
    return "" if line.startswith(("//", "#", "/*", "*")) else line


def _is_product(line: str) -> bool:
    value = parsed(line.strip(_AROUND))
    return isinstance(value, dict) and any(column_name(key) in KNOWN for key in value) and not holds_products(value)


def _lines(feed: Feed, shopify: ShopifyProducts) -> Iterator[Row]:
    listed = any(line.startswith("[") for line in _telling(feed.start)[:1])
    opened = closed = False
    for line, content in numbered(feed.text):
        if content is None:
            yield Row(line, {}, "The line is too long for a product.")
            continue
        text = _without_comment(content.strip(_AROUND))
        text = text if listed else text.removesuffix(",")
        if listed and text:
            text, opened = text if opened else text.removeprefix("[").lstrip(), True
            closed = text.endswith("]")
            text = _element(text)
        if text:
            yield from _rows(shopify, line, text)
    if listed and not closed:
        raise FeedUnreadable(f"The feed {feed.name} is cut short, its closing ] is missing; fetch it again.")


def _element(text: str) -> str:
    """A line of a list without what separates it from the others, or ends the list."""
    text = text.removeprefix(",").lstrip()
    if text.endswith("]") and parsed(text) is None:
        return text.removesuffix("]").rstrip().removesuffix(",")
    return text.removesuffix(",")


def _elements(feed: Feed, shopify: ShopifyProducts) -> Iterator[Row]:
    columns: list[str] = []
    unnamed = numbered_from_0 = False
    for element in elements(feed.text, feed.name):
        numbered_from_0 = element.key == "0" if element.place == 0 else numbered_from_0
        if element.text is None:
            yield Row(element.line, {}, "The object is too long for a product.")
        elif not element.text.startswith("["):
            yield from _rows(shopify, element.line, element.text, "" if numbered_from_0 else element.key)
        elif not columns:
            columns = names_of(parsed(element.columns)) or names_of(parsed(element.text))
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
        cells = load_json(element.text or "")
    except (ValueError, RecursionError) as error:
        return Row(element.line, {}, f"The row cannot be read ({error}).")
    if len(cells) > len(columns):
        return Row(element.line, {}, f"The row has {len(cells)} values, the columns are {len(columns)}.")
    return _named(element.line, in_row(columns, cells))


def _rows(shopify: ShopifyProducts, line: int, text: str, key: str = "") -> Iterator[Row]:
    """The product that a text is, or those that it holds in columns or as variants; its key, if any, is its id."""
    try:
        value = _read(text)
    except _BadText as error:
        yield Row(line, {}, str(error))
        return
    if products := in_columns(value):
        yield from (_named(line, pairs) for pairs in products)
        return
    if (variants := shopify.rows(line, value)) is not None:
        yield from variants
        return
    pairs = value.pairs if isinstance(value, Twice) else list(value.items())
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
        value = load_json(text)
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
