"""A feed → products and the rows that are none."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urljoin

from engine.domain import Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from engine.system.redaction import redacted
from ingest.feeds.formats import reader_of
from ingest.feeds.lines import open_feed
from ingest.feeds.records import BadRow, product_id_of, to_product
from ingest.feeds.rows import Feed, FeedOptions, Row

BAD_ROWS, BAD_FOR_GOOD = 20_000, 100
"""So many bad rows, and so many more for each good one, are told; what has more is not the feed that is meant."""
_START = 1 << 16
_PATH = re.compile(r"/(?!/)")

_Read: TypeAlias = tuple[int, Product | FeedError]
OnNotes: TypeAlias = Callable[[Sequence[str]], None]


def read_feed(
    path: Path, name: str | None = None, options: FeedOptions | None = None, on_notes: OnNotes | None = None
) -> Iterator[_Read]:
    """Every row, in order, with its line: a product, or an error that says why it is none.

    Of rows with one id the first counts. Nothing is held but the ids. `on_notes` hears what was changed in a row.

    Raises:
        FeedUnreadable: before the first row (no such file, a missing column, an unknown format) or
            in the middle (a damaged archive); rows given before are good.
    """
    options = options or FeedOptions()
    name = name or path.name
    seen: dict[str, int] = {}
    bad = 0
    start = _beginning(path, options)
    with open_feed(path, options.encoding) as text:
        feed = Feed(text, path.name, start, options)
        for row in reader_of(path, start)(feed):
            result = _product(row, name, seen, options, on_notes)
            bad += isinstance(result, FeedError)
            yield row.line, result
            if bad > BAD_ROWS + BAD_FOR_GOOD * len(seen):
                raise FeedUnreadable(f"{name} has {bad} bad rows and {len(seen)} good ones: is it the right file?")


def _beginning(path: Path, options: FeedOptions) -> str:
    """The first lines, as far as they can be read."""
    found, left = [], _START
    told = suppress(OSError, EOFError, zlib.error, UnicodeError, FeedUnreadable)  # When it is read in earnest.
    with open_feed(path, options.encoding) as text, told:
        while left > 0 and (line := text.readline(left)):
            found.append(line)
            left -= len(line)
    return "".join(found)


def _product(
    row: Row, feed: str, seen: dict[str, int], options: FeedOptions, on_notes: OnNotes | None = None
) -> Product | FeedError:
    product_id = product_id_of(row.fields)
    if row.problem:
        return FeedError(feed, row.line, redacted(row.problem), product_id)
    try:
        product, notes = _as_said(row.fields, options)
    except BadRow as error:
        return FeedError(feed, row.line, redacted(str(error)), product_id)
    except RecursionError:
        return FeedError(feed, row.line, "the row is nested too deeply.", product_id)
    except Exception as error:  # Whatever one row brings, the others go on.
        return FeedError(feed, row.line, f"the row cannot be read ({type(error).__name__}).", product_id)
    first = seen.setdefault(product.product_id, row.line)
    if first != row.line:
        return FeedError(feed, row.line, f"The id was in line {first} already; the first row counts.", product_id)
    if notes and on_notes:
        on_notes(notes)
    return product


def _as_said(fields: Mapping[str, object], options: FeedOptions) -> tuple[Product, tuple[str, ...]]:
    """A product with what the shop said of all of them: where its paths lead, and the currency where none is named.

    Raises:
        BadRow: something is missing or cannot be understood.
    """
    link = fields.get("link")
    if options.shop_url and isinstance(link, str) and _PATH.match(link.strip()):
        fields = {**fields, "link": urljoin(options.shop_url, link.strip())}
    product, notes = to_product(fields)
    if options.currency and product.price is not None and product.currency is None:
        return to_product({**fields, "currency": options.currency})
    return product, notes
