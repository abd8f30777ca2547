"""What a soak says: errors, latency, and the slope of memory without the warm-up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.load import Sample
from benchmarks.speed.soak import photos_in, slope_of, summary, told
from benchmarks.speed.soak_feed import FeedTaken
from engine.errors import QueryRejected


def test_the_slope_is_not_moved_by_single_jumps() -> None:
    """A MiB each 10 s is 360 an hour, also where one reading in ten is off by 50."""
    rows = np.array([(10.0 * n, n + (50.0 if n % 10 == 5 else 0.0)) for n in range(60)])
    assert 3600 * slope_of(rows) == pytest.approx(360, rel=0.05)
    assert slope_of(rows[:1]) == 0


def test_what_failed_and_how_memory_went() -> None:
    """Statuses that were no 200, percentiles of those that were, memory from the end of the warm-up on."""
    samples = [Sample(200, 10.0 * n) for n in range(1, 101)] + [Sample(503, 1.0), Sample(0, 30_000.0)]
    readings = [(float(s), 500.0 + (8 * s if s < 12 else 96)) for s in range(0, 61, 2)]
    found = summary(samples, readings, minutes=1.0, capacity=20.0, rate=10.0)
    assert (found.requests, found.errors, found.shed, found.statuses) == (102, 1, 1, {503: 1, 0: 1})
    assert (found.p50_ms, found.p99_ms) == (505.0, 990.1)
    assert (found.memory_mb, found.slope_mb_h) == ((596.0, 596.0), 0.0)
    assert "errors: 1 × no answer; turned away in time: 1" in told(found)


def test_a_feed_that_was_taken_meanwhile_is_told() -> None:
    found = summary([Sample(200, 10.0)], [(0.0, 500.0)], minutes=1.0, capacity=2.0, rate=1.0)
    assert "feed" not in told(found)
    taken = FeedTaken(products=500, indexed=498, failed=2, seconds=61.5)
    assert told(replace(found, feed=taken)).endswith("\nfeed: 500 products in 61.5 s, 2 failed")


def test_photos_are_those_of_the_home(tmp_path: Path) -> None:
    """JPEGs, however deep; where there are none it is said what to do."""
    with pytest.raises(QueryRejected, match="--photos"):
        photos_in(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"\xff\xd8photo")
    (tmp_path / "c.jpg").write_bytes(b"no photo")
    assert photos_in(tmp_path) == [b"\xff\xd8photo"]
