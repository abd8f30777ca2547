"""A feed → products and the rows that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from engine.domain import Product
from engine.seams import FeedError
from ingest.feeds.formats import FORMATS, Reader, Row, sniff
from ingest.feeds.lines import open_feed
from ingest.feeds.records import BadRow, product_id_of, to_product


def read_feed(path: Path, name: str | None = None) -> Iterator[tuple[int, Product | FeedError]]:
    """Every row, in order, with its line: a product, or an error that says why it is none.

    Of rows with one id the first counts. Nothing is held but the ids.

    Raises:
        FeedUnreadable: before the first row (no such file, a missing column, an unknown format) or
            in the middle (a damaged archive); rows given before are good.
    """
    name = name or path.name
    seen: dict[str, int] = {}
    with open_feed(path) as text:
        for row in _reader(path, text)(text, path.name):
            yield row.line, _product(row, name, seen)


def _reader(path: Path, text: TextIO) -> Reader:
    suffixes = [s.casefold() for s in path.suffixes]
    suffix = next((s for s in reversed(suffixes) if s != ".gz"), "")
    if suffix in FORMATS:
        return FORMATS[suffix]
    start = text.read(4096)
    text.seek(0)
    return sniff(start)


def _product(row: Row, feed: str, seen: dict[str, int]) -> Product | FeedError:
    product_id = product_id_of(row.fields)
    if row.problem:
        return FeedError(feed, row.line, row.problem, product_id)
    try:
        product = to_product(row.fields)
    except BadRow as error:
        return FeedError(feed, row.line, str(error), product_id)
    first = seen.setdefault(product.product_id, row.line)
    if first != row.line:
        return FeedError(feed, row.line, f"The id was in line {first} already; the first row counts.", product_id)
    return product
