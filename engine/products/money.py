"""Prices as shops write them: "49.90 EUR", "$1,299.00 USD", "R$ 49,90", "1,29,900 INR", "CHF 49.–", Google's micros.

Babel reads the numbers and knows the currencies; what stands here is how shops put both together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from unicodedata import category, decimal

from engine.products.currency_signs import SIGNS

if TYPE_CHECKING:
    from decimal import Decimal

_AMOUNT = re.compile(
    r"(?P<before>[^\d]*?)(?P<amount>\d(?:[\d., ']*\d)?|(?<![^\W\d_])[.,]\d{1,2})"
    r"(?P<dash>[.,:]\s?[-=]{1,2}|\s?/-)?[.,]?(?P<after>[^\d]*)"
)
"""An amount among signs; a dash for no cents ("49.–", "49,-", "49:-", "1,299/-") and a full stop may end it."""
_TAXES = "vat|mwst|ust|tax|taxes|gst|btw|moms|iva|tva"
_TAX = re.compile(
    rf"[\s(,]*\b(?:(?:incl?|inkl|including|inclusive|inklusive)[.\s]*(?:of )?(?:{_TAXES})"
    rf"|(?:{_TAXES}) (?:incl|comp)\w+|ttc)\b[.)]*$",
    re.IGNORECASE,
)
"""What says that the tax is in the price."""
_PARTS = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*|[^\w\s.]")
_SPACED = re.compile(r"(\d{1,3})(?:[ '](\d{3}))+(?:[.,]\d+)?")
_SIGN_FOR_POINT = re.compile(r"(\d{1,6})\s?([€£])\s?(\d\d)")
"""In "49€90"."""
_LONGEST = 64
_HINT = "write it as 49.90 EUR"
_MARKS = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # East Asian forms of ASCII's characters.
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("’‘`´ʼ", "'"),
        **{"٫": ".", "·": ".", "٬": ",", "،": ","},
        **dict.fromkeys('"“”„«»[];|', " "),  # They only set an amount or its currency apart.
    }
)
"""Marks of other scripts and of typography → the ones on a keyboard."""
_COMMA_BEFORE_THREE = frozenset({"TND"})
"""Currencies of three decimals in countries that write these behind a comma."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, and the currencies that its sign or code may mean, likeliest first; "" where none can be told."""

    amount: float
    currencies: tuple[str, ...] = ()


def parse_money(value: object) -> tuple[float, str | None]:
    """An amount and its currency, if one is named.

    Raises:
        ValueError: not an amount of money; the message is for a person.
    """
    money = read_money(value)
    return money.amount, (money.currencies[0] or None) if money.currencies else None


def read_money(value: object, known: tuple[str, ...] = ()) -> Money:
    """An amount from a number, a text, or an API's `{"amountMicros": …, "currencyCode": …}` or `{"value": …}`.

    Where a number has one kind of separator, a point is the decimal point (as Google's format has it) unless the
    currency has no three decimals that could follow it ("1.299 €"), and a comma is one too unless three digits follow.

    Args:
        known: the currencies that it can be in, where something else tells.
    Raises:
        ValueError: not an amount of money; the message is for a person.
    """
    if isinstance(value, Mapping):
        return _from_parts({_key(name): part for name, part in value.items()})
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Money(_number(value))
    text = _TAX.sub("", _keyboard(str(value))).rstrip("* ")
    if cents := _SIGN_FOR_POINT.fullmatch(text):
        text = f"{cents[1]}.{cents[3]} {cents[2]}"
    found = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a price; {_HINT}")
    marks = f"{found['before']} {found['after']}"
    if re.search(r"[-+]\s*$", found["before"]):
        raise ValueError(f"{text!r} is not a price; a price is 0 or more")
    currencies = _currencies(marks, text)
    amount = _amount(found["amount"], currencies or known, text, whole=bool(found["dash"]))
    return Money(_checked(float(amount), text), currencies)


def currencies_of(text: str) -> tuple[str, ...]:
    """The currencies that a code or sign may mean.

    Raises:
        ValueError: it is none.
    """
    return _currencies(_keyboard(text), _keyboard(text))


def _from_parts(parts: Mapping[str, object]) -> Money:
    amount = parts.get("value", parts.get("amount", parts.get("price")))
    named = parts.get("currencycode", parts.get("currency", parts.get("pricecurrency")))
    whole = _from_whole_numbers(parts)
    if whole is None and (amount is None or isinstance(amount, Mapping)):
        raise ValueError(f"it has neither a value nor amountMicros; {_HINT}")
    money = read_money(amount) if whole is None else Money(whole)
    if named is None or not str(named).strip():
        return money
    meant = common(money.currencies, currencies_of(str(named)))
    if meant is None:
        raise ValueError(f"it names two currencies; {_HINT}")
    return Money(money.amount, meant)


def _from_whole_numbers(parts: Mapping[str, object]) -> float | None:
    """An amount without a decimal point: in millionths, in units and nanos (google.type.Money), or in cents."""
    if (micros := parts.get("amountmicros")) is not None:
        return _whole("amountMicros", micros) / 1_000_000
    if (cents := parts.get("centamount")) is not None:
        digits = _whole("fractionDigits", parts.get("fractiondigits", 2))
        return _whole("centAmount", cents) / float(10 ** min(digits, 6))
    if (units := parts.get("units")) is not None:
        return _whole("units", units) + _whole("nanos", parts.get("nanos", 0)) / 1_000_000_000
    return None


def common(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...] | None:
    """The currencies that two names may both mean; an empty name may mean all, and None says that there is none."""
    if not first or not second:
        return first or second
    return tuple(code for code in first if code and code in second) or None


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,18}", str(value)):
        raise ValueError(f"{name} is not a whole number")
    return int(str(value))


def _number(value: float) -> float:
    try:
        return _checked(float(value), value)
    except OverflowError:
        raise ValueError("it is not a price; the number is too large") from None


def _keyboard(text: str) -> str:
    """The same text in ASCII's digits, spaces and marks, without what cannot be seen."""
    plain = text[: 4 * _LONGEST].translate(_MARKS)
    kept = (str(decimal(each)) if each.isdecimal() else each for each in plain if category(each) not in ("Cf", "Cc"))
    return " ".join("".join(kept).split()).removeprefix("'")


def _currencies(marks: str, text: str) -> tuple[str, ...]:
    """What all the marks around an amount may mean together: "$ … USD" is the American dollar."""
    meant: tuple[str, ...] = ()
    for mark in _marks(marks, text):
        both = common(meant, _meant(mark))
        if both is None:
            raise ValueError(f"{text[:40]!r} names two currencies; {_HINT}")
        meant = both
    return meant


def _marks(marks: str, text: str) -> list[str]:
    """The names of currencies in what stands around an amount."""
    found: list[str] = []
    words = ["".join(marks.split())] if _meant("".join(marks.split())) else marks.split()
    for word in words:
        if _meant(word):
            found.append(word)
            continue
        parts = _PARTS.findall(word)
        wrong = next((part for part in parts if not _meant(part)), None)
        if wrong is not None or (not parts and word.strip(".,")):
            raise ValueError(f"{text[:40]!r} is not a price: {(wrong or word)[:20]!r} is not a currency; {_HINT}")
        found += parts
    return found


def _meant(mark: str) -> tuple[str, ...]:
    key = mark.casefold().replace(".", "")
    if key in _signs():
        return _signs()[key]
    return (key.upper(),) if len(key) == 3 and key.upper() in _codes() else ()


def _amount(digits: str, currencies: tuple[str, ...], text: str, *, whole: bool) -> Decimal:
    """The number, by the habits of those who write it: which mark is the decimal one, and how digits are grouped."""
    from babel.numbers import NumberFormatError, parse_decimal

    grouped = _SPACED.fullmatch(digits)
    plain = re.sub("[ ']", "", digits) if grouped else digits
    last = max(plain.rfind("."), plain.rfind(","))
    comma = last >= 0 and (plain[last] == ",") is not (whole or _groups(plain, last, currencies))
    for locale in ("de",) if comma else ("en", "en_IN"):
        try:
            return parse_decimal(f"0{plain}" if last == 0 else plain, locale=locale, strict=True)
        except NumberFormatError:
            continue
    raise ValueError(f"{text[:40]!r} is not a price; {_HINT}")


def _groups(plain: str, last: int, currencies: tuple[str, ...]) -> bool:
    """Whether the last mark separates thousands."""
    mark, behind = plain[last], len(plain) - last - 1
    if plain.count(mark) > 1:
        return True
    if {".", ","} <= set(plain) or behind != 3 or plain[:last].strip("0") == "":
        return False
    if mark == "," and currencies and _COMMA_BEFORE_THREE.issuperset(currencies):
        return False
    return mark == "," or (bool(currencies) and all(_decimals(code) < 3 for code in currencies if code))


@lru_cache(maxsize=1)
def _signs() -> Mapping[str, tuple[str, ...]]:
    rows = (line.split(" : ") for line in SIGNS.splitlines() if line.strip())
    codes = {signs: tuple(code.strip("-") for code in row.split()) for signs, row in rows}
    return MappingProxyType({sign.casefold(): meant for signs, meant in codes.items() for sign in signs.split()})


@lru_cache(maxsize=256)
def _decimals(code: str) -> int:
    from babel.numbers import get_currency_precision

    return get_currency_precision(code)


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies())


def _key(name: object) -> str:
    return str(name).replace("_", "").casefold()


def _checked(amount: float, value: object) -> float:
    if not math.isfinite(amount) or amount < 0:
        raise ValueError(f"{value!r} is not a price; a price is 0 or more")
    return amount
