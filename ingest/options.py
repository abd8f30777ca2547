"""What a shop may say of its feed, checked: the command line and the server take the same."""

from __future__ import annotations

import re

from engine.errors import QueryRejected
from engine.jobs import FeedRequest
from ingest.feeds.lines import charset
from ingest.feeds.rows import FeedOptions


def shop_address(value: str) -> str:
    """The shop's address without a slash at its end.

    Raises:
        QueryRejected: no address.
    """
    address = value if "://" in value else f"https://{value}"
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", address, re.IGNORECASE):
        raise QueryRejected(f"{value!r} is not an address such as https://shop.example.")
    return address.rstrip("/")


def currency_code(value: str) -> str:
    """The currency in capitals.

    Raises:
        QueryRejected: no code.
    """
    if not re.fullmatch(r"[A-Za-z]{3}", value):
        raise QueryRejected(f"{value!r} is not a currency's code such as EUR.")
    return value.upper()


def text_encoding(value: str) -> str:
    """An encoding that is known.

    Raises:
        QueryRejected: none of text.
    """
    if charset(value) is None:
        raise QueryRejected(f"{value!r} is not an encoding of text such as cp1252.")
    return value


def feed_options(request: FeedRequest) -> FeedOptions:
    """What a request says of its feed.

    Raises:
        QueryRejected: something that cannot be.
    """
    return FeedOptions(
        None if request.shop_url is None else shop_address(request.shop_url),
        None if request.currency is None else currency_code(request.currency),
        None if request.encoding is None else text_encoding(request.encoding),
    )
