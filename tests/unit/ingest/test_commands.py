"""The commands: what goes to stdout, what to stderr, and with which status."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.domain import Pixels, Product, Scene
from engine.errors import FeedUnreadable, QueryRejected
from engine.seams import IngestState
from ingest import commands
from ingest.intake import Intake
from ingest.run.dependencies import IngestDependencies
from ingest.scale import queue_commands, worker_commands
from models.settings import Settings
from tests.fixtures.catalogue import ALONE, BACK, FakePipeline, close_parts, open_fake_parts, picture, row, write_feed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands with fake models, in a home of their own."""

    @contextmanager
    def opened(settings: Settings, *, repairing: bool = False) -> Iterator[IngestDependencies]:
        assert not repairing
        parts = open_fake_parts(settings.home)
        try:
            yield parts
        finally:
            close_parts(parts)

    @contextmanager
    def opened_live(settings: Settings) -> Iterator[Callable[[], IngestDependencies]]:
        with opened(settings) as parts:
            yield lambda: parts

    monkeypatch.setattr(commands, "open_ingest", opened)
    monkeypatch.setattr(worker_commands, "open_live_ingest", opened_live)
    return tmp_path / "home"


def call(home: Path, *arguments: str) -> Result:
    command = worker_commands.worker if arguments[0] == "worker" else commands.ingest
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
    feed = write_feed(tmp_path, [row("a"), row("b", price="?"), row("c")])
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


def test_a_worker_that_is_told_to_end_writes_what_it_has_looked_at(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM in the middle of an embedded home's products: some are written, the rest waits; nothing has failed."""
    looked = FakePipeline.scene

    def told_meanwhile(self: FakePipeline, image: Pixels) -> Scene:
        if self.scenes == 2:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.2)  # Signals are heard by the main thread, which waits for this one.
        return looked(self, image)

    @contextmanager
    def opened_live(settings: Settings) -> Iterator[Callable[[], IngestDependencies]]:
        parts = open_fake_parts(settings.home)
        yield lambda: replace(parts, sources=replace(parts.sources, root=tmp_path), threads=1)
        close_parts(parts)

    monkeypatch.setattr(worker_commands, "open_live_ingest", opened_live)
    monkeypatch.setattr(FakePipeline, "scene", told_meanwhile)
    parts = open_fake_parts(home)
    for name in (names := [f"p{n:02}" for n in range(30)]):
        (tmp_path / f"{name}.png").write_bytes(picture())
    Intake(parts).submit([Product(name, "Shirt", "https://shop.example/", (f"{name}.png",)) for name in names])
    close_parts(parts)
    assert call(home, "worker").exit_code == 0
    parts = open_fake_parts(home)
    counts = parts.ledger.counts()
    assert counts[IngestState.INDEXED] >= 1
    assert counts[IngestState.PENDING] >= 1
    assert counts[IngestState.INDEXED] + counts[IngestState.PENDING] == len(names)
    close_parts(parts)


def test_the_queue_is_for_servers(home: Path) -> None:
    """An embedded home has none; the command says what a queue needs."""
    with pytest.raises(QueryRejected, match="PostgreSQL"):
        CliRunner().invoke(queue_commands.queue, [], obj={"home": home}, catch_exceptions=False)


def test_a_workers_health_is_when_it_was_last_in_touch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Well for a minute after it was in touch with the queue; else status 1, with a word on stderr."""
    alive = tmp_path / "alive"
    monkeypatch.setattr(worker_commands, "_alive_file", lambda: alive)
    told = CliRunner().invoke(worker_commands.worker, ["--health"], obj={})
    assert (told.exit_code, "no worker" in told.stderr) == (1, True)
    alive.touch()
    assert CliRunner().invoke(worker_commands.worker, ["--health"], obj={}).exit_code == 0
    os.utime(alive, (1.0, 1.0))
    assert CliRunner().invoke(worker_commands.worker, ["--health"], obj={}).exit_code == 1


def test_an_id_that_looks_like_markup_is_shown_as_it_is(home: Path, tmp_path: Path) -> None:
    """A bad row's id and reason reach the table whatever they hold; the work is done, so the status is 0."""
    odd = ["[/red]", "[bold]", "a[/]b", ":smile:", "\x1b[31m", "\u202ed"]
    rows = [row(name, "x.png", title="") for name in odd] + [row("[/red]2", "x.png")]
    result = call(home, "ingest", str(write_feed(tmp_path, rows)))
    assert result.exit_code == 0
    assert all(name in result.stderr for name in odd[:4])
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([row("a"), row("b", price="?")], 0),
        ([row("a", price="?")], 1),
        ([row("a", "http://127.0.0.1/x.png"), row("b", "http://127.0.0.1/x.png")], 1),
        ([row("a", "back.png")], 1),
        ([row("a", "back.png"), row("b", title=""), row("c", "http://127.0.0.1/x.png")], 1),
        ([row("a"), row("b", "back.png")], 0),
        ([], 0),
    ],
)
def test_a_feed_of_which_nothing_could_be_taken_fails(
    home: Path, tmp_path: Path, rows: list[dict[str, object]], status: int
) -> None:
    """Status 1 where every row is bad, refused or failed, in every later run too; an empty feed is none."""
    (tmp_path / "back.png").write_bytes(picture(BACK))
    feed = write_feed(tmp_path, rows)
    if not rows:
        feed = tmp_path / "empty.csv"
        feed.write_text("id,title,link,image_link\n")
    for _ in range(2):
        result = call(home, "ingest", str(feed), "--json")
        told = json.loads(result.stdout)
        assert (result.exit_code, told["taken"] > 0 or not rows) == (status, status == 0)
        assert ("none of the" in result.stderr) == bool(status)


def test_a_feed_that_breaks_off_is_one_document_with_what_was_taken(home: Path, tmp_path: Path) -> None:
    """Its error is in the summary; nothing is pruned."""
    call(home, "ingest", str(write_feed(tmp_path, [row("a"), row("b")])), "--name", "shop")
    feed = tmp_path / "cut.json"
    feed.write_text(json.dumps([row("a")])[:-1])
    with pytest.raises(FeedUnreadable, match="cut short"):
        call(home, "ingest", str(feed), "--json", "--prune-all", "--name", "shop")
    shown = CliRunner().invoke(
        commands.ingest, [str(feed), "--json", "--prune-all", "--name", "shop"], obj={"home": home}
    )
    told = json.loads(shown.stdout)
    assert (told["complete"], told["taken"], told["products"]["pruned"]) == (False, 1, 0)
    assert "cut short" in told["error"]["message"]


def test_no_password_of_an_address_is_shown(home: Path, tmp_path: Path) -> None:
    """In the tables, the JSON document and the ledger's errors."""
    rows = [row("a", "https://me:secret@127.0.0.1/a.png"), row("b", link="ftp://me:secret@x.example/b"), row("c")]
    feed = write_feed(tmp_path, rows)
    for result in (call(home, "ingest", str(feed)), call(home, "ingest", str(feed), "--json")):
        assert "secret" not in result.output
    parts = open_fake_parts(home)
    errors = [error for run in parts.ledger.runs() for error in parts.ledger.errors(run.run_id)]
    assert errors
    assert not any("secret" in error.reason for error in errors)
    close_parts(parts)


@pytest.mark.parametrize(
    "arguments", [["--encoding", "punycode"], ["--encoding", "none"], ["--shop-url", "a b"], ["--currency", "Euro"]]
)
def test_what_is_said_of_a_feed_is_checked(home: Path, arguments: list[str]) -> None:
    """Before anything is opened."""
    assert call(home, "ingest", "feed.csv", *arguments).exit_code == 2


def test_a_file_whose_name_is_no_text_is_a_feed_too(home: Path, tmp_path: Path) -> None:
    """Its name is told with escapes, and two such names stay apart."""
    feed = write_feed(tmp_path, [row("a")])
    for odd in (b"caf\xe9.jsonl", b"caf\xe8.jsonl"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + odd))
        path.write_bytes(feed.read_bytes())
        result = call(home, "ingest", str(path), "--json")
        assert (result.exit_code, json.loads(result.stdout)["feed"]) == (0, f"caf\\udc{odd[3]:x}.jsonl")
