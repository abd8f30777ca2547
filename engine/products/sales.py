"""When a sale price holds: Google Merchant's `sale_price_effective_date`, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time

_SEPARATOR = re.compile(r"\s*[/,]\s*|\s+(?:to|until|bis|[-–—])\s+", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}/\d{2}/\d{2}")
_EPOCH = re.compile(r"\d{10}")
"""Seconds since 1970."""
_LOOSE_ZONE = re.compile(r"(?<=\d)\s+(?=[+-]\d{2}:?\d{2}$|Z$|UTC$|GMT$)", re.IGNORECASE)
_NAMED_ZONE = re.compile(r"(?:UTC|GMT|(?<=\d)z)$", re.IGNORECASE)
_MIDNIGHT = re.compile(r"[T ]24:00(?::00)?")
_UNBOUNDED = ("0000", "0001", "9999")
"""Years that programs write for an end that is open."""
_OPEN = ("", "..", "-", "null", "none")

Period = tuple[datetime | None, datetime | None]
"""First and last moment, both inclusive; None where that end is open."""


def read_period(value: object) -> Period:
    """The period of a text such as "2026-11-01T00:00+0100/2026-11-30T23:59+0100", or of startTime and endTime.

    Either end may be open. A day without a time is meant as a whole; a time without a zone is UTC's.

    Raises:
        ValueError: no period, or one that ends before it begins; the message is for a person.
    """
    first, last = _ends(value)
    start, end = _moment(first, end_of_day=False), _moment(last, end_of_day=True)
    if start is not None and end is not None and end < start:
        raise ValueError(f"{_told(value)} ends before it begins")
    return start, end


def write_period(period: Period) -> str | None:
    """A period as Google's text; None for one without ends."""
    return None if period == (None, None) else "/".join("" if end is None else end.isoformat() for end in period)


def _ends(value: object) -> tuple[str, str]:
    if isinstance(value, Mapping):
        named = {str(key).replace("_", "").casefold(): str(text or "") for key, text in value.items()}
        if not named.keys() & {"starttime", "start", "endtime", "end"}:
            raise ValueError("it has neither a startTime nor an endTime")
        return named.get("starttime", named.get("start", "")), named.get("endtime", named.get("end", ""))
    text = str(value).strip()
    if re.fullmatch(_DAY, text):
        return text, ""
    parts = _SEPARATOR.split(text)
    if len(parts) == 6:  # Days written with slashes: 2026/11/01 - 2026/11/30 has two separators in each.
        parts = ["-".join(parts[:3]), "-".join(parts[3:])]
    if len(parts) > 2:
        raise ValueError(f"{_told(value)} is not a period; write it as 2026-11-01T00:00Z/2026-11-30T23:59Z")
    return parts[0], parts[1] if len(parts) == 2 else ""


def _moment(text: str, *, end_of_day: bool) -> datetime | None:
    plain = _MIDNIGHT.sub("T23:59:59", _LOOSE_ZONE.sub("", text.strip()))
    if plain.casefold() in _OPEN or plain.startswith(_UNBOUNDED):
        return None
    try:
        if _EPOCH.fullmatch(plain):
            return datetime.fromtimestamp(int(plain), UTC)
        if _DAY.fullmatch(plain):
            day = date.fromisoformat(plain.replace("/", "-"))
            return datetime.combine(day, time.max if end_of_day else time.min, UTC)
        moment = datetime.fromisoformat(_NAMED_ZONE.sub("+00:00", plain).replace(" ", "T", 1))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a moment; write it as 2026-11-30T23:59Z") from None


def _told(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:80]
