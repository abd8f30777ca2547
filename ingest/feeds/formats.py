"""Formats of feeds → numbered rows with Google's column names. `FORMATS` is the table to add one to."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO, TypeAlias

from engine.errors import FeedUnreadable
from ingest.feeds.columns import KNOWN, column_name, missing, repeated
from ingest.feeds.lines import numbered
from ingest.feeds.merchant_xml import BadItem, fields_of, items

PEEK = 100
"""Rows of a JSONL or XML feed that are looked at before a column is called missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row at its first line: fields, or why there are none."""

    line: int
    fields: Mapping[str, object]
    problem: str | None = None


Reader: TypeAlias = Callable[[TextIO, str], Iterator[Row]]


def read_jsonl(text: TextIO, name: str) -> Iterator[Row]:
    """One JSON object per line.

    Raises:
        FeedUnreadable: a required column is in none of the first rows.
    """
    return _checked(_json_rows(text), name)


def _json_rows(text: TextIO) -> Iterator[Row]:
    for line, content in numbered(text):
        if content is None:
            yield Row(line, {}, "The line is too long for a product.")
        elif content.strip():
            yield _json_row(line, content)


def _json_row(line: int, content: str) -> Row:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return Row(line, {}, f"The line is not a JSON object{where}.")
    if not isinstance(value, dict):
        return Row(line, {}, "The line is not a JSON object.")
    return Row(line, {column_name(key): field for key, field in value.items()})


def read_xml(text: TextIO, name: str) -> Iterator[Row]:
    """Google Merchant's XML: an item is a row, at the line where it begins.

    Raises:
        FeedUnreadable: a required field is in none of the first items; no item at all, or the feed is cut short.
    """
    return _checked(_xml_rows(text, name), name)


def _xml_rows(text: TextIO, name: str) -> Iterator[Row]:
    for line, item in items(text, name):
        if item is None:
            yield Row(line, {}, "The item is too long for a product.")
            continue
        try:
            yield Row(line, fields_of(item))
        except BadItem as error:
            yield Row(line, {}, str(error))


def _checked(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The rows, if the first of them have the columns that are required."""
    first = [row for _, row in zip(range(PEEK), rows, strict=False)]
    if any(row.fields for row in first):
        _check_columns(list({column for row in first for column in row.fields}), name)
    yield from first
    yield from rows


def read_delimited(text: TextIO, name: str) -> Iterator[Row]:
    """A header and rows, separated by tab, comma, semicolon or bar: whichever gives the header most known names.

    Raises:
        FeedUnreadable: no header, or a required column is missing.
    """
    source = _Replayed(numbered(text))
    header_line = source.first()
    delimiter = max("\t,;|", key=lambda mark: sum(c in KNOWN for c in _columns(header_line, mark)))
    columns = _columns(header_line, delimiter)
    _check_columns(columns, name)
    reader = csv.reader(source, delimiter=delimiter)
    while True:
        source.begin()
        try:
            cells = next(reader)
            problem = _cells_problem(cells, columns)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], f"The row cannot be read ({error})."
        if problem and source.put_back():  # A stray quote swallowed lines: they are rows of their own again.
            reader = csv.reader(source, delimiter=delimiter)
            problem += " A quotation mark may be left open in it."
        if problem or any(cell.strip() for cell in cells):
            yield Row(source.line, {} if problem and not cells else _fields(columns, cells), problem)


def _columns(header: str, delimiter: str) -> list[str]:
    return [column_name(cell) for cell in next(csv.reader([header], delimiter=delimiter), [])]


def _cells_problem(cells: list[str], columns: list[str]) -> str | None:
    if not cells or len(cells) == len(columns):
        return None
    if len(cells) < len(columns) and not any(name in KNOWN for name in columns[len(cells) :]):
        return None  # Programs leave empty cells at a row's end away.
    if len(cells) > len(columns) and not any(cell.strip() for cell in cells[len(columns) :]):
        return None
    return f"The row has {len(cells)} cells, the header {len(columns)}."


def _fields(columns: list[str], cells: list[str]) -> dict[str, object]:
    """Cells by column; a column that is there several times (pictures) becomes a list."""
    fields: dict[str, object] = {}
    for name, cell in zip(columns, cells, strict=False):
        if name in fields and cell.strip():
            before = fields[name]
            fields[name] = [*before, cell] if isinstance(before, list) else [before, cell]
        else:
            fields.setdefault(name, cell)
    return fields


class _Replayed:
    """Lines for a csv.reader that remembers those of the row in hand, and can give all but the first again."""

    def __init__(self, lines: Iterator[tuple[int, str | None]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str | None]] = deque()
        self._row: list[tuple[int, str | None]] = []
        self.line = 0

    def first(self) -> str:
        """The first line with something in it, for the header."""
        for _, content in self._lines:
            if content is not None and content.strip():
                return content
        return ""

    def begin(self) -> None:
        """A new row starts with the next line."""
        self._row = []

    def put_back(self) -> bool:
        """Give the row's lines but the first again; whether there were any."""
        self._again.extendleft(reversed(self._row[1:]))
        return len(self._row) > 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, content = self._again.popleft() if self._again else next(self._lines)
        if not self._row:
            self.line = number
        self._row.append((number, content))
        if content is None:
            raise csv.Error("a line is too long for a product")
        return content


def _check_columns(columns: list[str], name: str) -> None:
    if gone := missing(columns):
        found = ", ".join(sorted(set(columns))[:40]) or "none"
        raise FeedUnreadable(f"The feed {name} has no column {', '.join(gone)}. Columns found: {found}.")
    if twice := repeated(columns):
        raise FeedUnreadable(f"The feed {name} has the column {', '.join(twice)} more than once; keep one of them.")


FORMATS: dict[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".xml": read_xml,
    ".rss": read_xml,
}
"""Reader by suffix; `.gz` behind it is looked through."""


def sniff(start: str) -> Reader:
    """The reader for a feed whose name says nothing.

    Raises:
        FeedUnreadable: a format that no reader knows.
    """
    first = start.lstrip("\ufeff \t\r\n")[:1]
    if first == "{":
        return read_jsonl
    if first == "<":
        return read_xml
    if first == "[":
        raise FeedUnreadable("The feed is a JSON list, which is not read; write it as JSONL, an object in each line.")
    return read_delimited
