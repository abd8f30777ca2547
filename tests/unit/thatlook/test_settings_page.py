"""The page of settings is made of the code, and is complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.settings import Settings
from thatlook.cli import thatlook
from thatlook.settings_commands import GROUPS, page

ROOT = Path(__file__).parents[3]
CONTAINERS = {
    "THATLOOK_BIND",
    "THATLOOK_FEED",
    "THATLOOK_FEEDS",
    "THATLOOK_NAME",
    "THATLOOK_WORKERS",
    "THATLOOK_QUEUE_DSN",
}
"""What containers read by themselves, and a name that stands for any."""


def test_the_page_is_the_one_that_the_code_makes() -> None:
    """After a change: thatlook settings --markdown > docs/settings.md."""
    assert (ROOT / "docs" / "settings.md").read_text() == page()


def test_every_setting_stands_once_with_its_meaning() -> None:
    """Under one heading; with a sentence."""
    for name, field in Settings.model_fields.items():
        assert [heading for heading, _, names in GROUPS if re.fullmatch(names, name)].__len__() == 1, name
        assert field.description, name
        assert page().count(f"| `THATLOOK_{name.upper()}` |") == 1


def test_settings_named_anywhere_in_the_docs_are_there() -> None:
    """A page that names a setting which the code does not have is out of date."""
    known = (
        {f"THATLOOK_{name.upper()}" for name in Settings.model_fields} | {"THATLOOK_DEBUG", "THATLOOK_KEY"} | CONTAINERS
    )
    pages = [
        ROOT / "README.md",
        ROOT / "docker-compose.yml",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs/ops").iterdir(),
    ]
    for path in filter(Path.is_file, pages):
        named = set(re.findall(r"THATLOOK_[A-Z0-9_]+[A-Z0-9]", path.read_text()))
        assert named <= known, path


def test_what_is_set_here_is_shown_and_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Values and whether they are the defaults; of a secret only that it is set."""
    monkeypatch.setenv("THATLOOK_HOME", str(tmp_path))
    monkeypatch.setenv("THATLOOK_DRAIN_S", "7")
    monkeypatch.setenv("THATLOOK_S3_SECRET_KEY", "hunter2")
    told = CliRunner().invoke(thatlook, ["settings", "--json"])
    rows = {row["name"]: row for row in json.loads(told.stdout)["settings"]}
    assert (rows["THATLOOK_DRAIN_S"]["value"], rows["THATLOOK_DRAIN_S"]["is_default"]) == (7.0, False)
    assert rows["THATLOOK_S3_SECRET_KEY"]["value"] == "***"
    assert rows["THATLOOK_PORT"] == {
        "name": "THATLOOK_PORT", "value": 8080, "default": "8080", "is_default": True,
        "meaning": "The port to listen on; 0 takes any that is free.",
    }  # fmt: skip
    assert "hunter2" not in told.stdout + CliRunner().invoke(thatlook, ["settings"]).stdout
