"""Prices as shops write them: "49.90 EUR", "EUR 49,90", "1.299,00 €", 49.9."""

from __future__ import annotations

import math
import re

SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN", "Kč": "CZK", "₹": "INR"}
_MONEY = re.compile(r"^(?P<before>[^\d\s.,+-]{1,3})?\s*(?P<amount>\d[\d.,' ]*)\s*(?P<after>[^\d\s.,+-]{1,3})?$")
_CODE = re.compile(r"^[A-Za-z]{3}$")


def parse_money(value: object) -> tuple[float, str | None]:
    """An amount and its currency, if one is named.

    Where a number has one kind of separator, a point is the decimal point (as Google's format has
    it), and a comma is one too unless three digits follow it.

    Raises:
        ValueError: not an amount of money; the message is for a person.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _checked(float(value), value), None
    text = " ".join(str(value).replace("\u00a0", " ").replace("\u202f", " ").split())
    found = _MONEY.match(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not a price; write it as 49.90 EUR")
    marks = [mark for mark in (found["before"], found["after"]) if mark]
    if len(marks) > 1:
        raise ValueError(f"{text[:40]!r} names two currencies; write it as 49.90 EUR")
    return _checked(_amount(found["amount"], text), text), _currency(marks[0]) if marks else None


def _currency(mark: str) -> str:
    if code := SYMBOLS.get(mark):
        return code
    if _CODE.match(mark):
        return mark.upper()
    raise ValueError(f"{mark!r} is not a currency; write the price as 49.90 EUR")


def _amount(digits: str, text: str) -> float:
    plain = digits.replace(" ", "").replace("'", "")
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return float(plain)
    mark = plain[last]
    both, repeated = "." in plain and "," in plain, plain.count(mark) > 1
    thousands = repeated or (mark == "," and not both and len(plain) - last == 4)
    whole, fraction = (plain, "") if thousands else (plain[:last], plain[last + 1 :])
    groups = re.split(r"[.,]", whole)
    if (repeated and both) or any(len(group) != 3 for group in groups[1:]) or (fraction and not fraction.isdigit()):
        raise ValueError(f"{text[:40]!r} is not a price; write it as 49.90 EUR")
    return float("".join(groups) + "." + (fraction or "0"))


def _checked(amount: float, value: object) -> float:
    if not math.isfinite(amount) or amount < 0:
        raise ValueError(f"{value!r} is not a price; a price is 0 or more")
    return amount
