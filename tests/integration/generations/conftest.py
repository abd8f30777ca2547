"""A catalogue that is there before its models change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.pipeline import ingest_feed
from tests.fixtures.catalogue import row, write_feed
from tests.fixtures.fake_generations import IDS, Shop, opened_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop of these products, indexed."""
    with opened_shop(tmp_path / "home") as made:
        ingest_feed(made.parts(), write_feed(tmp_path / "feed", [row(each) for each in IDS]))
        yield made
