"""A minute's soak of a real server: nothing fails under half of what it can do, also while it takes a feed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from models.studio.output.feed import write_catalogue
from tests.fixtures.program import PROGRAM, environment
from tests.fixtures.tiny_models import write_tiny_profile

pytestmark = pytest.mark.integration


def test_a_server_under_half_of_its_load_for_a_minute(tmp_path: Path) -> None:
    """No error; memory stays within a few MiB; a feed that comes meanwhile is taken whole; all in one JSON document."""
    write_tiny_profile(tmp_path / "models" / "tiny")
    feed = write_catalogue(tmp_path / "shop", 6, seed=4, size=(120, 160))
    subprocess.run([*PROGRAM, "ingest", str(feed)], env=environment(tmp_path), check=True, capture_output=True)
    late = write_catalogue(tmp_path / "late", 9, seed=5, size=(120, 160))
    command = [*PROGRAM, "bench", "soak", "--minutes", "1", "--load", "0.5", "--feed", str(late), "--json"]
    command += ["--most-shed", "1"]  # Other programs of this machine may take what it could do a minute ago.
    done = subprocess.run(command, check=False, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == 0
    assert (found["feed"]["products"], found["feed"]["failed"]) == (9, 0)
    assert found["requests"] > 20
    assert found["rate_s"] == pytest.approx(found["capacity_s"] / 2, rel=0.1)
    before, after = found["memory_mb"]
    assert after - before < 30
