"""What every reader of a format takes and gives: a feed's text, and numbered rows with Google's column names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TextIO, TypeAlias

from engine.errors import FeedUnreadable
from engine.system.printing import printable
from ingest.feeds.columns import column_name, missing, named, repeated, stand_ins

PEEK, PEEK_CHARACTERS = 100, 4_000_000
"""Rows of a JSON or XML feed that are looked at before a column is called missing."""

MOST_OWN = 1_000
"""Columns of a row's own that are handed on; a product keeps far fewer as attributes."""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What a shop says of its feed, as the feed itself does not.

    Attributes:
        shop_url: the shop's address, for links that are paths, and for those that an export of a shop program lacks.
        currency: of prices that name none, as ISO 4217's code.
        encoding: of the text, where it is neither UTF-8 nor marked.
    """

    shop_url: str | None = None
    currency: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that is open. `start` is the beginning of its text, for telling what it is."""

    text: TextIO
    name: str
    start: str = ""
    options: FeedOptions = field(default_factory=FeedOptions)


@dataclass(frozen=True, slots=True)
class Row:
    """One row at its first line: fields, or why there are none."""

    line: int
    fields: Mapping[str, object]
    problem: str | None = None


Reader: TypeAlias = Callable[[Feed], Iterator[Row]]


def checked(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The rows, if the first of them have the columns that are required, or others that stand for them.

    Raises:
        FeedUnreadable: a required column is in none of them.
    """
    first: list[Row] = []
    found: dict[str, None] = {}
    characters = 0
    for row in rows:
        first.append(row)
        found |= dict.fromkeys(named(row.fields))
        characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
        if not missing(found) or len(first) >= PEEK or characters > PEEK_CHARACTERS:
            break
    instead = stand_ins(found)
    if found:
        check_columns([instead.get(column, column) for column in found], name)
    for row in chain(first, rows):
        yield _renamed(row, instead) if instead else row


def _renamed(row: Row, instead: Mapping[str, str]) -> Row:
    return replace(row, fields={instead.get(column_name(key), key): value for key, value in row.fields.items()})


def check_columns(columns: Sequence[str], name: str) -> None:
    """Raise FeedUnreadable where a required column is missing, or a known one is there twice."""
    if gone := missing(set(columns)):
        if not any(columns):
            raise FeedUnreadable(f"The feed {name} is empty: it has no column {', '.join(gone)} and no product.")
        told = ", ".join(" ".join(printable(column[:60]).split()) for column in sorted(set(columns))[:40])
        raise FeedUnreadable(f"The feed {name} has no column {', '.join(gone)}. Columns found: {told}.")
    if twice := repeated(columns):
        raise FeedUnreadable(f"The feed {name} has the column {', '.join(twice)} more than once; keep one of them.")
