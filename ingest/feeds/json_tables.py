"""Tables in JSON → fields of products: a list for each row behind the columns' names, or a column for each field.

So programs for tables write them (pandas' orients, ClickHouse, SQL over HTTP, spreadsheets' APIs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ingest.feeds.columns import KNOWN, REQUIRED, column_name

Pairs: TypeAlias = list[tuple[str, Any]]
_NAMED_BY = ("name", "field", "key", "id", "label", "title")
_KNOWN_NAMES = 3
"""Known names that tell names from a row's values."""


def names_of(value: object) -> list[str]:
    """The columns' names: texts, or objects that have a name; none where too few of them are known."""
    names = [_name(one) for one in value] if isinstance(value, list) else []
    return names if sum(column_name(name) in KNOWN for name in names) >= _KNOWN_NAMES else []


def _name(value: object) -> str:
    if isinstance(value, Mapping):
        return next((one for key in _NAMED_BY if isinstance(one := value.get(key), str)), "")
    return value if isinstance(value, str) else ""


def in_row(names: Sequence[str], cells: Sequence[object]) -> Pairs:
    """A row's values by their columns' names; programs may leave empty ones at its end away."""
    return [(name, cell) for name, cell in zip(names, cells, strict=False) if name]


def in_columns(value: Mapping[str, Any]) -> Iterator[Pairs] | None:
    """The products of an object that has a list, or an object by row, for each field; None where it is one product."""
    columns = {column_name(key): column for key, column in value.items()}
    needed = [columns.get(name) for name in REQUIRED]
    if all(isinstance(column, list) for column in needed):
        rows = _rows_of_lists(value)
    elif all(isinstance(column, Mapping) for column in needed):
        rows = _rows_of_objects(value)
    else:
        return None
    return rows


def _rows_of_lists(value: Mapping[str, Any]) -> Iterator[Pairs] | None:
    lists = {key: column for key, column in value.items() if isinstance(column, list)}
    count = max(map(len, lists.values()))
    if count < 2 or any(len(column) != count for key, column in lists.items() if column_name(key) in REQUIRED):
        return None
    whole = [(key, column) for key, column in lists.items() if len(column) == count]
    return ([(key, column[row]) for key, column in whole] for row in range(count))


def _rows_of_objects(value: Mapping[str, Any]) -> Iterator[Pairs] | None:
    columns = {key: column for key, column in value.items() if isinstance(column, Mapping)}
    rows = list(next(column for key, column in columns.items() if column_name(key) == "id"))
    if not rows or any(column_name(key) in REQUIRED and list(column) != rows for key, column in columns.items()):
        return None
    return ([(key, column.get(row)) for key, column in columns.items()] for row in rows)
