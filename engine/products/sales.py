"""When a sale price holds: Google Merchant's `sale_price_effective_date`, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

_SEPARATOR = re.compile(r"\s*(?:[/,;|~]|->|--)\s*|\s+(?:to|and|until|till|bis|au|hasta|al|a|-)\s+", re.IGNORECASE)
_LOCAL_DAYS = re.compile(r"(\d{1,2}\.\d{1,2}\.\d{4})\s*-\s*(?=\d{1,2}\.)")
"""Days as "1.11.2026" are told apart by a bare hyphen too."""
_BETWEEN = re.compile(r"(?<=[\dZ])(?:\s*[–—]\s*|\s+)(?=\d{4}-\d{1,2}-\d{1,2}(?!\d))")
"""A long dash or a blank alone between two moments."""
_SHORT = re.compile(r"(?<=\d{4}-)(?=\d-)|(?:(?<=\d{4}-\d-)|(?<=\d{4}-\d\d-))(?=\d(?!\d))|(?<=[T ])(?=\d:)")
"""Where a zero is missing: "2026-11-1T9:30"."""
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}/\d{2}/\d{2}")
_LOCAL = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
"""Day, month and year, as everybody means who writes them with points."""
_EPOCH = re.compile(r"(\d{10})(?:\d{3})?")
"""Seconds or milliseconds since 1970."""
_LENGTH = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:\d{1,5}S)?)?"
)
"""ISO 8601's "2026-11-01/P30D"."""
_REGION = re.compile(r"(?<=[\dZ])\[[A-Za-z_/+\-]{1,40}\]")
"""Java's "+01:00[Europe/Berlin]" says the same twice."""
_LOOSE_ZONE = re.compile(r"(?<=\d)\s+(?=[+-]\d{2}:?\d{2}$)")
_ZONES = {
    "utc": "+00:00", "gmt": "+00:00", "z": "+00:00", "wet": "+00:00", "bst": "+01:00", "cet": "+01:00", "mez": "+01:00",
    "cest": "+02:00", "mesz": "+02:00", "eet": "+02:00", "eest": "+03:00", "msk": "+03:00", "jst": "+09:00",
    "est": "-05:00", "edt": "-04:00", "cst": "-06:00", "cdt": "-05:00", "mst": "-07:00", "mdt": "-06:00",
    "pst": "-08:00", "pdt": "-07:00", "aest": "+10:00", "aedt": "+11:00",
}  # fmt: skip
_NAMED_ZONE = re.compile(rf"(?<=\d)\s*({'|'.join(_ZONES)})$", re.IGNORECASE)
_TYPOGRAPHIC = str.maketrans({**dict.fromkeys("‐‑‒–—―−", "-"), "→": "-", "\u00a0": " ", "\u202f": " "})
_MIDNIGHT = re.compile(r"[T ]24:00(?::00)?")
_LEAP = re.compile(r"(?<=:\d\d):60")
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
    if length := _LENGTH.fullmatch(last.strip().upper()):
        start = _moment(first, end_of_day=False)
        return start, None if start is None else _later(start, length)
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
        if not named.keys() & {"starttime", "start", "startdate", "endtime", "end", "enddate"}:
            raise ValueError("it has neither a startTime nor an endTime")
        first, last = (
            next((text for name in (f"{end}time", end, f"{end}date") if (text := named.get(name))), "")
            for end in ("start", "end")
        )
        return first, last
    text = _LOCAL_DAYS.sub(r"\1 - ", _REGION.sub("", _BETWEEN.sub("/", str(value).strip()).translate(_TYPOGRAPHIC)))
    if re.fullmatch(_DAY, text):
        return text, ""
    parts = _SEPARATOR.split(text)
    if len(parts) == 6:  # Days written with slashes: 2026/11/01 - 2026/11/30 has two separators in each.
        parts = ["-".join(parts[:3]), "-".join(parts[3:])]
    if len(parts) > 2:
        raise ValueError(f"{_told(value)} is not a period; write it as 2026-11-01T00:00Z/2026-11-30T23:59Z")
    return parts[0], parts[1] if len(parts) == 2 else ""


def _moment(text: str, *, end_of_day: bool) -> datetime | None:
    plain = _LEAP.sub(":59", _MIDNIGHT.sub("T23:59:59", _LOOSE_ZONE.sub("", _SHORT.sub("0", text.strip()))))
    if plain.casefold() in _OPEN or plain.startswith(_UNBOUNDED):
        return None
    try:
        if epoch := _EPOCH.fullmatch(plain):
            return datetime.fromtimestamp(int(epoch[1]), UTC)
        plain = _LOCAL.sub(lambda day: f"{date(int(day[3]), int(day[2]), int(day[1]))}", plain, count=1)
        if _DAY.fullmatch(plain):
            day = date.fromisoformat(plain.replace("/", "-"))
            return datetime.combine(day, time.max if end_of_day else time.min, UTC)
        moment = datetime.fromisoformat(
            _NAMED_ZONE.sub(lambda zone: _ZONES[zone[1].casefold()], plain).replace(" ", "T", 1)
        )
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a moment; write it as 2026-11-30T23:59Z") from None


def _later(start: datetime, length: re.Match[str]) -> datetime:
    """The end of "P30D"; a month has 30 days there, and a year 365."""
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in length.groups())
    try:
        return start + timedelta(days=365 * years + 30 * months + 7 * weeks + days, hours=hours, minutes=minutes)
    except OverflowError:
        raise ValueError(f"{length[0]!r} is no period that ends") from None


def _told(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:80]
