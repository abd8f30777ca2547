"""Prices that stand in words: "under 50 euro", "between 20 and 40", "80€ or less", "unter 50 Euro"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from engine.products.money import read_money

_CURRENCIES = {
    "EUR": "€ eur euro euros", "USD": "us$ $ usd dollar dollars buck bucks", "GBP": "£ gbp pound pounds quid",
    "CHF": "chf franken francs", "JPY": "¥ jpy yen", "PLN": "zł pln złoty zloty", "SEK": "sek", "DKK": "dkk",
    "NOK": "nok", "CZK": "kč czk", "INR": "₹ inr rupees", "CAD": "cad ca$", "AUD": "aud a$",
}  # fmt: skip
_CODES = {word: code for code, words in _CURRENCIES.items() for word in words.split()}
_MARKS = "|".join(
    rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" if word.isalpha() else re.escape(word)
    for word in sorted(_CODES, key=len, reverse=True)
)
_NUMBER = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?|\d{1,9}(?:[.,]\d{1,2})?"
_NO_MONEY = (
    r"(?!\s*(?:%|cm\b|mm\b|m\b|in\b\.?\s|inch|den\b|kg\b|g\b|years?\b|yrs?\b|jahre|ans\b|months?\b|mois\b|pack|er\b))"
)


def _money(name: str) -> str:
    """An amount, its currency before or behind it."""
    return rf"(?P<{name}b>{_MARKS})?\s?(?P<{name}>{_NUMBER})(?:\s?(?P<{name}a>{_MARKS}))?(?!\w){_NO_MONEY}"


_MOST = (
    r"under|below|beneath|less than|cheaper than|lower than|no more than|not more than|not over|not above|at most"
    r"|up to|upto|max(?:imum)?(?: of)?\.?|maximal|within|nothing over|nothing above|a budget of|budget(?: of)?|<=?|≤"
    r"|until|till|unter|bis zu|bis|höchstens|hoechstens|weniger als|günstiger als|billiger als|nicht über|kleiner als"
    r"|nicht mehr als|moins de|jusqu'à|jusqu'a|au plus|pas plus de|menos de|hasta|como máximo"
    r"|meno di|sotto(?: i)?|fino a|al massimo"
)
_LEAST = (
    r"over|above|more than|at least|no less than|not less than|not under|starting at|starting from"
    r"|min(?:imum)?(?: of)?\.?|>=?|≥|über|mindestens|mehr als|größer als|plus de|au moins|à partir de|más de|al menos"
    r"|più di|almeno|oltre"
)
_FROM = r"from|ab|von|de|desde|da|a partir de"
_ABOUT = r"around|about|roughly|approximately|circa|ca\.?|~|for|at|etwa|ungefähr|für|um die|environ|pour|unos|circa"
_RANGE = re.compile(
    rf"(?P<word>\b(?:between|zwischen|entre|tra|fra|from|von|de|da)\s+)?{_money('low')}"
    rf"\s*(?P<to>and|to|-|und|bis|et|à|a|y|e)\s*{_money('high')}"
)
_ONE_SIDE = re.compile(rf"(?:(?P<most>(?<!\w)(?:{_MOST}))|(?P<least>(?<!\w)(?:{_LEAST})))\s*{_money('n')}")
_BEHIND = re.compile(
    rf"{_money('n')}\s*(?:(?P<most>max(?:imum)?\b\.?|or less|or under|or below|and under|and below|at most"
    r"|oder weniger|ou moins|o menos|o meno)|(?P<least>\+|or more|and up|and above|and over|or above"
    r"|oder mehr|ou plus|o más|o più))"
)
_LOOSE = re.compile(rf"(?:(?P<least>(?<!\w)(?:{_FROM}))|(?<!\w)(?:{_ABOUT}))\s*{_money('n')}")
_NAKED = re.compile(_money("n"))
_NUMBERS = {
    "ten": "10", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60",
    "seventy": "70", "eighty": "80", "ninety": "90", "a hundred": "100", "one hundred": "100", "two hundred": "200",
}  # fmt: skip
_COUNTED = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})\b")
_SIZE = re.compile(r"(?:size|sizes|größe|groesse|grösse|gr\.?|taille|talla|taglia|eu|uk|us|waist|length)\s*:?\s*$")
_ABOUT_SHARE = 0.2
_MOST_PRICES = 3
_MOST_DIGITS = 40
"""A text with more is a list of numbers, and no price."""


@dataclass(frozen=True, slots=True)
class Price:
    """Bounds, inclusive; the words that gave them; a currency where these name one."""

    minimum: float
    maximum: float
    words: str
    currency: str | None = None


def take_prices(text: str) -> tuple[str, list[Price]]:
    """A text without its prices, and these: "below 100 but above 50" names two."""
    found: list[Price] = []
    while len(found) < _MOST_PRICES:
        text, price = take_price(text)
        if price is None:
            break
        found.append(price)
    return text, found


def take_price(text: str) -> tuple[str, Price | None]:
    """A text without its price, and the price; the text is plain (see `engine.words.plain`)."""
    digits = sum(character.isdigit() for character in text)
    if digits > _MOST_DIGITS:
        return text, None
    if not digits:
        counted = _COUNTED.sub(lambda word: _NUMBERS[word[0]], text)
        left, price = take_price(counted) if counted != text else (text, None)
        return (left, price) if price else (text, None)
    for pattern, read in (
        (_RANGE, _range),
        (_ONE_SIDE, _one_side),
        (_BEHIND, _one_side),
        (_LOOSE, _loose),
        (_NAKED, _loose),
    ):
        for found in pattern.finditer(text):
            if not _SIZE.search(text[: found.start()]) and (price := read(found)):
                return f"{text[: found.start()]} {text[found.end() :]}", price
    return text, None


def _range(found: re.Match[str]) -> Price | None:
    currency = _currency(found, "low") or _currency(found, "high")
    word, to = (found["word"] or "").strip(), found["to"]
    if currency is None and (word not in ("between", "zwischen", "entre", "tra", "fra") or to == "-"):
        return None
    low, high = sorted(_amount(found[end], currency) for end in ("low", "high"))
    return Price(low, high, found[0].strip(), currency)


def _one_side(found: re.Match[str]) -> Price:
    currency = _currency(found, "n")
    amount = _amount(found["n"], currency)
    low, high = (-math.inf, amount) if found["most"] else (amount, math.inf)
    return Price(low, high, found[0].strip(), currency)


def _loose(found: re.Match[str]) -> Price | None:
    """ "From 50 euro" is a bound, "around 50 euro" a range; both want a currency, as "from 38" may be a size."""
    currency = _currency(found, "n")
    amount = _amount(found["n"], currency)
    if currency is None:
        return None
    if found.groupdict().get("least"):
        return Price(amount, math.inf, found[0].strip(), currency)
    return Price(amount * (1 - _ABOUT_SHARE), amount * (1 + _ABOUT_SHARE), found[0].strip(), currency)


def _amount(digits: str, currency: str | None) -> float:
    """A number; "1.000" is a thousand, for nobody asks for tenths of a cent."""
    try:
        return read_money(digits, (currency or "EUR",)).amount
    except ValueError:
        return float(re.sub(r"[^\d]", "", digits))


def _currency(found: re.Match[str], name: str) -> str | None:
    mark = found[f"{name}b"] or found[f"{name}a"]
    return _CODES.get(mark) if mark else None
