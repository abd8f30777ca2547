"""Fixtures that need a server live in `tests/fixtures`; each is started by the first test that asks for it."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.milvus", "tests.fixtures.s3", "tests.fixtures.postgres"]
