"""The settings of a feed on a schedule: what would fail at every look is refused at the start."""

from __future__ import annotations

import pytest

from engine.errors import QueryRejected
from ingest.bootstrap import watch_rules
from models.settings import Settings

URL = "https://shop.example/feed.xml"


def settings(**given: object) -> Settings:
    return Settings.model_validate({"feed_url": URL} | given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"feed_url": "shop.example/feed.xml"}, "THATLOOK_FEED_URL is no http"),
        ({"feed_url": "file:///etc/passwd"}, "THATLOOK_FEED_URL is no http"),
        ({"feed_url": "https://[::1"}, "THATLOOK_FEED_URL is no http"),
        ({"feed_url": "https://shop.example:99999/"}, "THATLOOK_FEED_URL is no http"),
        ({"feed_every": "soon"}, "THATLOOK_FEED_EVERY is 'soon'"),
        ({"feed_every": "nan"}, "THATLOOK_FEED_EVERY is 'nan'"),
        ({"feed_shop_url": "not a shop"}, "THATLOOK_FEED_SHOP_URL cannot be used"),
        ({"feed_currency": "euro"}, "THATLOOK_FEED_CURRENCY cannot be used"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, object], words: str) -> None:
    with pytest.raises(QueryRejected, match=words):
        watch_rules(settings(**given))


def test_what_is_written_loosely_is_taken() -> None:
    rules = watch_rules(settings(feed_currency="eur", feed_shop_url="shop.example/", feed_every=" 6H "))
    assert rules is not None
    assert (rules.currency, rules.shop_url, rules.every_s, rules.url) == ("EUR", "https://shop.example", 21_600, URL)
