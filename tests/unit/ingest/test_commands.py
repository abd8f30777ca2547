"""The commands: what goes to stdout, what to stderr, and with which status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.domain import Product
from engine.seams import IngestState
from ingest import commands
from ingest.intake import Intake
from ingest.parts import IngestParts
from models.bootstrap import Settings
from tests.fixtures.catalogue import ALONE, BACK, close_parts, open_fake_parts, picture, row, write_feed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands with fake models, in a home of their own."""

    @contextmanager
    def opened(settings: Settings) -> Iterator[IngestParts]:
        parts = open_fake_parts(settings.home)
        try:
            yield parts
        finally:
            close_parts(parts)

    monkeypatch.setattr(commands, "open_ingest", opened)
    return tmp_path / "home"


def call(home: Path, *arguments: str) -> Result:
    command = commands.worker if arguments[0] == "worker" else commands.ingest
    return CliRunner().invoke(command, arguments[1:], obj={"home": home}, catch_exceptions=False)


def test_json_is_one_document_and_nothing_else(home: Path, tmp_path: Path) -> None:
    """Scripts read stdout; counts, reasons and bad rows are all there."""
    (tmp_path / "back.png").write_bytes(picture(BACK))
    feed = write_feed(tmp_path, [row("a"), row("b", "back.png"), row("c", price="?")])
    told = json.loads(call(home, "ingest", str(feed), "--json").stdout)
    assert told["products"] == {
        "read": 2, "indexed": 1, "updated": 0, "unchanged": 0, "refused": 1, "failed": 0, "pruned": 0,
    }  # fmt: skip
    assert told["images_refused"] == {"The person is seen from the back.": 1}
    assert told["errors"] == [
        {"line": 3, "id": "c", "reason": "price: '?' is not a price; write it as 49.90 EUR."},
    ]
    assert (told["bad_rows"], told["complete"], told["feed"]) == (1, True, "feed.jsonl")


def test_people_see_tables_on_stderr(home: Path, tmp_path: Path) -> None:
    """Without --json stdout stays empty."""
    (tmp_path / "a.png").write_bytes(picture(ALONE))
    feed = write_feed(tmp_path, [row("a"), row("b", price="?")])
    result = call(home, "ingest", str(feed), "--policy", "strict")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No person in the picture." in result.stderr
    assert "is not a price" in result.stderr


def test_prune_and_limit(home: Path, tmp_path: Path) -> None:
    """The options reach the pipeline."""
    call(home, "ingest", str(write_feed(tmp_path, [row(i) for i in "abc"])))
    feed = write_feed(tmp_path, [row("a"), row("b")])
    assert json.loads(call(home, "ingest", str(feed), "--json", "--limit", "1").stdout)["complete"] is False
    assert json.loads(call(home, "ingest", str(feed), "--json", "--prune").stdout)["products"]["pruned"] == 1
    assert call(home, "ingest", str(feed), "--limit", "0").exit_code == 2
    assert call(home, "ingest", str(feed), "--policy", "loose").exit_code == 2


def test_the_worker_indexes_what_is_pending(home: Path, tmp_path: Path) -> None:
    """Products that an API has taken on in another process, or before a restart."""
    parts = open_fake_parts(home)
    Intake(parts).submit([Product("a", "Shirt", "https://shop.example/a", ("a.png",))])
    close_parts(parts)
    result = call(home, "worker", "--once")
    assert (result.exit_code, result.stdout, "1 products settled" in result.stderr) == (0, "", True)
    parts = open_fake_parts(home)
    assert parts.ledger.counts()[IngestState.FAILED] == 1
    close_parts(parts)
