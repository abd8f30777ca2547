"""Periods of a sale, as shops and their programs write them."""

from __future__ import annotations

import pytest

from engine.products.sales import read_period, write_period

DAYS = "2026-11-01T00:00:00+00:00/2026-11-30T23:59:59.999999+00:00"
HOURS = "2026-10-31T23:00:00+00:00/2026-11-30T22:59:00+00:00"


@pytest.mark.parametrize(
    "written",
    ["2026-11-01/2026-11-30", "20261101/20261130", "2026-11-01 and 2026-11-30", "2026-11-01;2026-11-30",
     "2026-11-01|2026-11-30", "2026-11-01 -> 2026-11-30", "2026-11-01 → 2026-11-30", "2026-11-01--2026-11-30",
     "2026–11–01/2026–11–30", "01.11.2026 - 30.11.2026", "1.11.2026-30.11.2026", "01.11.2026/30.11.2026",
     "1. 11. 2026 bis 30. 11. 2026",
     "2026-11-1/2026-11-30", "2026-W44-7/2026-11-30", "2026-11-01 2026-11-30", "2026-11-01–2026-11-30",
     {"start_date": "2026-11-01", "end_date": "2026-11-30"}],
)  # fmt: skip
def test_days(written: object) -> None:
    """Whole days, whatever stands between them and between their parts."""
    assert write_period(read_period(written)) == DAYS


@pytest.mark.parametrize(
    "written",
    ["2026-11-01T00:00+0100/2026-11-30T23:59+0100", "2026-11-01T00:00 CET/2026-11-30T23:59 CET",
     "2026-11-01T00:00 MEZ / 2026-11-30T23:59 MEZ",
     "2026-11-01T00:00+01:00[Europe/Berlin]/2026-11-30T23:59+01:00[Europe/Berlin]",
     "2026-10-31 23:00 UTC - 2026-11-30 22:59 GMT", "2026-10-31 18:00 EST to 2026-11-30 17:59 EST",
     "2026-10-31T23:00Z–2026-11-30T22:59Z", "2026-11-01T00:00+0100 2026-11-30T23:59+0100",
     "2026-11-01T0:00+01:00/2026-11-30T23:59+01:00",
     "31.10.2026 23:00 / 30.11.2026 22:59", "2026-10-31T22:00−0100/2026-11-30T21:59−0100"],
)  # fmt: skip
def test_hours_and_zones(written: str) -> None:
    """Zones by their offset, by their name, by both."""
    assert write_period(read_period(written)) == HOURS


def test_instants_and_lengths() -> None:
    """Seconds and milliseconds since 1970; ISO's lengths."""
    for written in ("1793491200/1796083199", "1793491200000/1796083199000"):
        assert write_period(read_period(written)) == "2026-11-01T00:00:00+00:00/2026-11-30T23:59:59+00:00"
    assert write_period(read_period("2026-11-01/P30D")) == "2026-11-01T00:00:00+00:00/2026-12-01T00:00:00+00:00"
    assert write_period(read_period("2026-11-01/PT36H")) == "2026-11-01T00:00:00+00:00/2026-11-02T12:00:00+00:00"


@pytest.mark.parametrize(
    "written",
    ["11/01/2026 - 11/30/2026", "01/11/2026-30/11/2026", "2026-02-30/2026-03-01", "always", "2026-11-30/2026-11-01",
     "31.02.2026/01.03.2026", "['2026-11-01', '2026-11-30']", "2026-11-01T00:00 XYZ/2026-11-30", {"from": "2026-11-01"},
     "2026-11-01/2026-99-99", "2026-11-01/P9999Y"],
)  # fmt: skip
def test_what_is_no_period(written: object) -> None:
    """What may mean two things, or none, is said to be no period."""
    with pytest.raises(ValueError, match=r"moment|period|startTime|before it begins"):
        read_period(written)
