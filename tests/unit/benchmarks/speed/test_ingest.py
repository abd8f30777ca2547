"""What watches an ingest: clocks around its parts, and the feed's pictures by product."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.speed.suites.ingest import Timed, _pictures


class Part:
    name = "a part"

    def slow(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def quick(self) -> str:
        return "untimed"


def test_a_clock_adds_up_over_threads_and_passes_the_rest_on() -> None:
    """Only the named methods count, errors included, and their values come back."""
    part = Timed(Part(), ("slow",))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(part.slow, [0.02] * 4)) == [0.02] * 4
    assert 0.08 <= part.seconds < 1
    before = part.seconds
    assert (part.quick(), part.name) == ("untimed", "a part")
    assert part.seconds == before


def test_a_feeds_pictures_come_by_product(tmp_path: Path) -> None:
    rows = [{"image_link": "a.jpg", "additional_image_link": ["b.jpg"]}, {"image_link": "c.jpg"}]
    feed = tmp_path / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(_pictures(feed)) == [[tmp_path / "a.jpg", tmp_path / "b.jpg"], [tmp_path / "c.jpg"]]
