"""Prices that are no single amount but from one on: "10.00 - 20.00 EUR", "from 19.99", an API's least and greatest.

The least is what a shop shows for them ("from …"), and what a buyer pays at least.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.products.money import Money, common, read_money

_FROM = re.compile(
    r"(?:from|starting (?:at|from)|as low as|ab|à partir d[eu]|a partir d[eo]|dès|desde|da|a partire da|vanaf|från|fra"
    r"|od|от|від|alkaen|alk)\b[.:]?\s*(?=\S)",
    re.IGNORECASE,
)
_AND_MORE = re.compile(r"\s*(?:[~〜～]|起|から|이상|and up)\s*\Z", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\s+-\s+|\s*[‐‑‒–—―−~〜～]\s*|\s*\.{2,3}\s*|\s*…\s*|(?<=\d)\s+(?:to|bis|à|al?|tot|do|til|till|до)\s+(?=\S)|(?<=\d)-(?=[^\s\d]?\d)|(?<=[^\s\d.,])-(?=\S)",
    re.IGNORECASE,
)
_LONGEST = 128
_LEAST = ("min", "minprice", "minvariantprice", "low", "lowprice", "minimum", "from", "minimumprice")
_MOST = ("max", "maxprice", "maxvariantprice", "high", "highprice", "maximum", "to", "maximumprice")
_CURRENCY = ("currency", "currencycode", "pricecurrency")


def lowest(value: object, known: tuple[str, ...] = ()) -> Money | None:
    """The least price of a range; None where it is none, or cannot be told.

    Args:
        known: the currencies that it can be in, where something else tells.
    """
    try:
        if isinstance(value, Mapping):
            return _of_parts({str(key).replace("_", "").casefold(): part for key, part in value.items()}, known)
        return _of_text(str(value), known) if isinstance(value, str) and len(value) <= _LONGEST else None
    except ValueError:
        return None


def _of_parts(parts: Mapping[str, object], known: tuple[str, ...]) -> Money | None:
    least, most = (next((parts[key] for key in keys if key in parts), None) for keys in (_LEAST, _MOST))
    if least is None:
        return None
    if currency := next((parts[key] for key in _CURRENCY if parts.get(key)), None):
        least, most = ({"value": end, "currency": currency} if end is not None else None for end in (least, most))
    return _least(read_money(least, known), read_money(most if most is not None else least, known))


def _of_text(text: str, known: tuple[str, ...]) -> Money | None:
    text = " ".join(text.split())
    bare = _AND_MORE.sub("", _FROM.sub("", text, count=1) if _FROM.match(text) else text)
    ends = [match for match in _BETWEEN.finditer(bare) if match.start() and match.end() < len(bare)]
    if not ends:
        return _least(*[read_money(bare, known)] * 2) if bare != text else None
    if len(ends) > 1 or _may_be_cents(bare, ends[0]):
        return None
    most = read_money(bare[ends[0].end() :], known)
    return _least(read_money(bare[: ends[0].start()], most.currencies or known), most)


def _may_be_cents(text: str, between: re.Match[str]) -> bool:
    """Whether "49-90" may be 49.90, as some write it."""
    return re.match(r"\d-\d\d(?![\d.,])", text[between.start() - 1 :]) is not None


def _least(least: Money, most: Money) -> Money | None:
    meant = common(least.currencies, most.currencies)
    return None if meant is None or not 0 < least.amount <= most.amount else Money(least.amount, meant)
