"""A catalogue into which fake models ingest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.run.dependencies import IngestDependencies
from tests.fixtures.catalogue import FakePipeline, close_parts, open_fake_parts


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def parts(tmp_path: Path, pipeline: FakePipeline) -> Iterator[IngestDependencies]:
    made = open_fake_parts(tmp_path / "home", pipeline)
    yield made
    close_parts(made)
