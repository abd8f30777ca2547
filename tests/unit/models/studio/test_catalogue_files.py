"""A drawn shop's folder: its feed is whole or not there, however the drawing ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.studio.output import feed as feeds
from thatlook.demo import _draw_shop

SIZE = (48, 64)


def stopped(draw: Any, jobs: Any, _workers: int) -> Iterator[Any]:
    """Draws one product; then somebody presses Ctrl-C."""
    yield draw(jobs[0])
    raise KeyboardInterrupt


def drawn(shop: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (shop / "feed.jsonl").read_text().splitlines()]


def test_a_drawing_that_is_stopped_leaves_no_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a shop would be taken for the whole one; what was there before stays."""
    with monkeypatch.context() as here:
        here.setattr(feeds, "spread", stopped)
        with pytest.raises(KeyboardInterrupt):
            feeds.write_catalogue(tmp_path, 2, seed=4, size=SIZE)
    assert not (tmp_path / "feed.jsonl").exists()
    feeds.write_catalogue(tmp_path, 2, seed=4, size=SIZE)
    assert len(drawn(tmp_path)) == 2
    assert not list(tmp_path.glob("*.part"))


def test_the_demo_draws_anew_what_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop of fewer rows than products was left by a demo that was stopped while it drew."""

    def small(folder: Path, products: int, seed: int, *, workers: int) -> Path:
        return feeds.write_catalogue(folder, products, seed, SIZE, workers=min(workers, 1))

    monkeypatch.setattr("thatlook.demo.write_catalogue", small)
    console = Console(quiet=True)
    (tmp_path / "feed.jsonl").write_text("")
    feed = _draw_shop(console, tmp_path, 2, 4)
    assert len(drawn(tmp_path)) == 2
    before = feed.stat().st_mtime_ns
    assert _draw_shop(console, tmp_path, 2, 4).stat().st_mtime_ns == before
