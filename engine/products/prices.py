"""A product's prices read together: list price, sale price, when that holds, and their one currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from engine.products.money import Money, common, currencies_of, read_money
from engine.products.price_ranges import lowest
from engine.products.sales import Period, read_period
from engine.products.text import plain
from engine.products.values import is_empty, is_placeholder, text_of

_LONGEST_NAME = 40
_WITH_CURRENCY = re.compile(
    r"(?:g:)?(?P<name>sale[ _-]price|price)\s*(?:[(\[]\s*(?P<sign>[^()\[\]]{1,5}?)\s*[)\]]"
    r"|[ _-](?:in[ _-])?(?P<code>(?!all\b|top\b|cup\b)[a-z]{3}|[€$£¥]))",
    re.IGNORECASE,
)
"""Names of columns; codes that are words as well (all, top, cup) count in brackets alone."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What is asked for a product, why it cannot be read (`reasons`), and what was left out (`notes`)."""

    price: float | None = None
    sale_price: float | None = None
    currency: str | None = None
    sale_start: datetime | None = None
    sale_end: datetime | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_prices(fields: Mapping[str, object]) -> Prices:
    """Prices from `price`, `sale_price`, `sale_price_effective_date` and `currency`.

    A sale price of 0 or not below the price is no sale, and neither is one whose period cannot be told.
    """
    reasons: list[str] = []
    notes: list[str] = []
    known = _currency(fields.get("currency"), reasons)
    price = _money("price", _given(fields, "price"), known, reasons, notes)
    sale = _money("sale_price", _given(fields, "sale_price"), known, reasons, notes)
    if price is not None and price.amount == 0:
        reasons.append("price: 0 is no price; leave it empty where there is none.")
    meant = known
    for money in (price, sale):
        both = common(meant, money.currencies) if money else meant
        if both is None:
            reasons.append("price, sale_price and currency are in different currencies.")
            break
        meant = both
    if reasons:
        return Prices(reasons=tuple(reasons))
    found = _with_sale(price, sale, meant[0] or None if meant else None, fields.get("sale_price_effective_date"))
    return replace(found, notes=(*notes, *found.notes))


def _with_sale(price: Money | None, sale: Money | None, currency: str | None, dates: object) -> Prices:
    asked = None if price is None else price.amount
    if sale is None:
        return Prices(asked, None, currency)
    if sale.amount == 0 or (asked is not None and sale.amount >= asked):
        return Prices(asked, None, currency, notes=("sale_price is 0 or not below the price, so it is no sale",))
    try:
        start, end = _period(dates)
    except ValueError as error:
        note = f"sale_price_effective_date: {error}; the sale price was left out"
        return Prices(asked, None, currency, notes=(note,))
    return Prices(asked, sale.amount, currency, start, end)


def _given(fields: Mapping[str, object], name: str) -> object:
    """A price, also from a column that has its currency in its name: "Price (EUR)", `price_eur`."""
    value = fields.get(name)
    if not is_empty(value):
        return value
    for written, amount in fields.items():
        named = _WITH_CURRENCY.fullmatch(str(written)[:_LONGEST_NAME])
        if named and not _says_nothing(amount) and re.sub("[ -]", "_", named["name"]).casefold() == name:
            with suppress(ValueError):
                code = currencies_of(named["sign"] or named["code"])[0]
                return f"{amount} {code}" if isinstance(amount, str) else {"value": amount, "currency": code}
    return value


def _money(name: str, value: object, known: tuple[str, ...], reasons: list[str], notes: list[str]) -> Money | None:
    if _says_nothing(value):
        return None
    try:
        written = value if isinstance(value, int | float | Mapping) else plain(text_of(value), markup=True)
        return read_money(written, known)
    except ValueError as error:
        if least := lowest(plain(value) if isinstance(value, str) else value, known):
            notes.append(f"{name} was a range, of which the lowest price was kept")
        else:
            reasons.append(f"{name}: {error}.")
        return least


def _says_nothing(value: object) -> bool:
    """Whether a program wrote only that there is no price: nothing, "N/A", `{"value": null, "currency": "EUR"}`."""
    if isinstance(value, Mapping) and value:
        amounts = [one for name, one in value.items() if "currency" not in str(name).casefold()]
        return bool(amounts) and all(is_empty(one) for one in amounts)
    return is_empty(value) or is_placeholder(value)


def _currency(value: object, reasons: list[str]) -> tuple[str, ...]:
    if is_empty(value):
        return ()
    try:
        return currencies_of(plain(text_of(value)))
    except ValueError as error:
        reasons.append(f"currency: {error}.")
        return ()


def _period(value: object) -> Period:
    if is_empty(value) or is_placeholder(value):
        return None, None
    return read_period(value if isinstance(value, Mapping) else plain(text_of(value)))
