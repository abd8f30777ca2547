"""Int8 profiles of drawn pictures, by the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.export.material import drawn_pictures
from tests.unit.models.export.test_quantize import profile
from thatlook.cli import thatlook


def test_the_command_prints_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On drawn pictures; the new profile has the name of the old one and `-int8`."""
    monkeypatch.setenv("THATLOOK_THREADS", "1")
    profile(tmp_path / "models" / "tiny")
    call = ["--home", str(tmp_path), "models", "quantize", "tiny", "--count", "36", "--json"]
    result = CliRunner().invoke(thatlook, call, catch_exceptions=False)
    entries = {entry["role"]: entry for entry in json.loads(result.stdout)}
    assert entries["visual"]["agreement"]["mean"] > 0.98
    assert entries["pose"]["agreement"] is None
    assert (tmp_path / "models" / "tiny-int8" / "manifest.json").exists()
    assert result.exit_code == (0 if entries["visual"]["precision"] == "int8" else 1)


def test_drawn_pictures_differ_and_come_again() -> None:
    """Seeded: two runs draw the same, two numbers different ones."""
    first, again = (list(drawn_pictures(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len({p.tobytes() for p in first}) == 4
