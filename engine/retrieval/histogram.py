"""Where prices lie: round ranges of equal width with how many products each holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

BUCKETS = 12
_OUTLIERS = 0.95
"""The share of the prices that decides the width; the last range takes what lies beyond."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A range: from `low` up to, and without, `high`; the last one has its `high` within."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The lowest and highest price, and how many products cost what."""

    low: float
    high: float
    currency: str | None
    buckets: tuple[Bucket, ...]


def price_range(prices: Sequence[float], currency: str | None = None, most: int = BUCKETS) -> PriceRange:
    """At most so many ranges, of a round width.

    Args:
        prices: at least one.
    """
    ordered = sorted(prices)
    low, high = ordered[0], ordered[-1]
    usual = ordered[min(len(ordered) - 1, floor(_OUTLIERS * len(ordered)))]
    width = _round_width((usual - low) / max(1, most - 1))
    start = floor(low / width) * width
    n = min(most, max(1, ceil((high - start) / width)), max(1, ceil((usual - start) / width) + 1))
    edges = [round(start + at * width, 6) for at in range(n + 1)]
    edges[-1] = max(edges[-1], high)
    counts = [0] * n
    for price in ordered:
        counts[min(n - 1, bisect_right(edges, price) - 1)] += 1
    return PriceRange(low, high, currency, tuple(map(Bucket, edges, edges[1:], counts)))


def _round_width(least: float) -> float:
    """1, 2 or 5 times a power of ten, no less than this."""
    if least <= 0:
        return 1.0
    unit: float = 10.0 ** floor(log10(least))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= least * (1 - 1e-9))
