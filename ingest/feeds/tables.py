"""Tables → rows with Google's column names: a Merchant feed's own, or an export of Shopify's or WooCommerce's."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from ingest.feeds.columns import KNOWN, column_name, may_stand_in, missing, stand_ins
from ingest.feeds.delimited import Cells, Table, knows, plain_cell, read_table
from ingest.feeds.exports.shopify import is_shopify, read_shopify, shopify_names
from ingest.feeds.exports.woocommerce import is_woocommerce, read_woocommerce, woocommerce_names
from ingest.feeds.rows import MOST_OWN, Feed, Row, check_columns

_NUMBERS = frozenset({"id", "item_group_id", "gtin", "mpn", "sku"})
"""Columns where `'00123` means the same; elsewhere it may be a name ('47)."""
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
"""What a spreadsheet shows where a formula has no value."""


def read_delimited(feed: Feed) -> Iterator[Row]:
    """A header and rows.

    Raises:
        FeedUnreadable: no header, or a required column is missing.
    """
    table = read_table(feed, known=_is_known, optional=lambda cell: column_name(cell) not in KNOWN)
    merchant = not missing({column_name(cell) for cell in table.header})
    if is_shopify(table.header) and not merchant:
        return read_shopify(table, feed)
    if is_woocommerce(table.header) and not merchant:
        return read_woocommerce(table, feed)
    return _merchant(table, feed)


def has_header(start: str) -> bool:
    """Whether a text begins with a table's header."""
    try:
        return knows(start.partition("\n")[0], _is_known)
    except csv.Error:
        return False


def _is_known(cell: str) -> bool:
    return column_name(cell) in KNOWN or may_stand_in(cell) or shopify_names(cell) or woocommerce_names(cell)


def _merchant(table: Table, feed: Feed) -> Iterator[Row]:
    written = [column_name(cell) for cell in table.header]
    instead = stand_ins(written)
    columns = [instead.get(column, column) for column in written]
    check_columns(columns, feed.name)
    for row in table.rows:
        yield Row(row.line, _fields(columns, row), row.problem)


def _fields(columns: Sequence[str], row: Cells) -> dict[str, object]:
    """Cells by column; a column that is there several times (pictures) becomes a list. Empty ones of no known name
    are left out: a feed may have thousands."""
    fields: dict[str, object] = {}
    own = 0
    for name, cell in zip(columns, row.cells, strict=False):
        if not cell.strip() or cell.strip() in _ERRORS:
            if name in KNOWN:
                fields.setdefault(name, "")
            continue
        own += name not in KNOWN
        if own > MOST_OWN and name not in KNOWN:
            continue
        value = plain_cell(cell, number=name in _NUMBERS)
        before = fields.get(name)
        fields[name] = value if not before else [*before, value] if isinstance(before, list) else [before, value]
    return fields
