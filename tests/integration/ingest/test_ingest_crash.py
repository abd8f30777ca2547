"""Killed at any moment and run again: nothing lost, nothing twice, the same as if nothing had happened."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from tests.fixtures.catalogue import BACK, close_parts, open_fake_parts, picture, row, state_of, write_feed

SMALL = {"ingest.run.stage_runner.BATCH": 3, "ingest.pipeline.CHUNK": 4}
DURABLE = (
    ("ledger", "put"), ("ledger", "replace"), ("ledger", "delete"), ("ledger", "update_run"), ("objects", "put"),
    ("objects", "delete"),
    ("store", "upsert"), ("store", "delete_products"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small commits, so that there are many moments to be killed at."""
    for name, size in SMALL.items():
        monkeypatch.setattr(name, size)


@contextmanager
def opened(home: Path, *, lite: bool = False) -> Iterator[IngestDependencies]:
    parts = open_fake_parts(home, lite=lite)
    try:
        yield parts
    finally:
        close_parts(parts)


def run(home: Path, feed: Path) -> dict[str, Any]:
    with opened(home) as parts:
        ingest_feed(parts, feed, prune=True)
        return state_of(parts)


def killed(home: Path, feed: Path, operation: int, *, after: bool) -> bool:
    """Run in a process that is killed before or after its n-th durable operation; whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            with opened(home) as parts:
                _arm(parts, operation, after=after)
                ingest_feed(parts, feed, prune=True)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status != 0


def _arm(parts: IngestDependencies, operation: int, *, after: bool) -> None:
    counter = itertools.count(1)

    def deadly(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            now = next(counter)
            if now == operation and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if now == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for part, name in DURABLE:
        target = getattr(parts, part)
        setattr(target, name, deadly(getattr(target, name)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop whose feed changes in every way: `first.jsonl`, then `second.jsonl`."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "back.png").write_bytes(picture(BACK))
    (folder / "other.png").write_bytes(picture(color=(9, 99, 199)))
    rows = {name: row(name) for name in ("same", "price", "image", "class", "refused", "gone")}
    write_feed(folder, list(rows.values()), "first.jsonl")
    changed = {
        **rows,
        "price": row("price", price="3 EUR"),
        "image": row("image", "other.png"),
        "class": row("class", product_type="Jackets"),
        "refused": row("refused", "back.png"),
        "new": row("new"),
    }
    del changed["gone"]
    write_feed(folder, list(changed.values()), "second.jsonl")
    return folder


def prepared(shop: Path, home: Path) -> dict[str, Any]:
    """A catalogue after the first feed; both feeds go by one name."""
    shutil.copy(shop / "first.jsonl", shop / "feed.jsonl")
    return run(home, shop / "feed.jsonl")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_durable_operation(shop: Path, tmp_path: Path, after: bool) -> None:
    """At each one in turn, the next run ends where an uninterrupted one does; so does going back to the old feed."""
    first = prepared(shop, tmp_path / "whole")
    shutil.copy(shop / "second.jsonl", shop / "feed.jsonl")
    second = run(tmp_path / "whole", shop / "feed.jsonl")
    assert second["products"].keys() == {"same", "price", "image", "class", "refused", "new"}
    base = tmp_path / "base"
    assert prepared(shop, base) == first
    for operation in itertools.count(1):
        for feed, wanted in (("second.jsonl", second), ("first.jsonl", first)):
            home = tmp_path / f"home-{operation}-{feed}"
            shutil.copytree(base, home)
            shutil.copy(shop / "second.jsonl", shop / "feed.jsonl")
            happened = killed(home, shop / "feed.jsonl", operation, after=after)
            shutil.copy(shop / feed, shop / "feed.jsonl")
            found = run(home, shop / "feed.jsonl")
            for what in wanted:
                assert found[what] == wanted[what], f"after a kill at operation {operation}, then {feed}"
            shutil.rmtree(home)
        if not happened:
            assert operation > 15
            return


PROGRAM = """
import sys, time
from pathlib import Path
import ingest.run.stage_runner, ingest.pipeline
from ingest.pipeline import ingest_feed
from tests.fixtures.catalogue import FakePipeline, close_parts, open_fake_parts
ingest.run.stage_runner.BATCH, ingest.pipeline.CHUNK = 5, 8
class Slow(FakePipeline):
    def scene(self, image):
        time.sleep(0.002)
        return super().scene(image)
parts = open_fake_parts(Path(sys.argv[1]), Slow(), lite=sys.argv[3] == "lite")
print("started", flush=True)
summary = ingest_feed(parts, Path(sys.argv[2]))
close_parts(parts)
print(summary.indexed, summary.unchanged, flush=True)
"""


def start(home: Path, feed: Path, store: str = "exact") -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), str(feed), store], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=root, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize("store", ["exact", "lite"])
def test_killed_again_and_again_at_random(tmp_path: Path, store: str) -> None:
    """kill -9 of a real process at random moments: each run takes up what is left, none begins anew."""
    feed = write_feed(tmp_path / "shop", [row(f"p{i:03}") for i in range(150)])
    wanted = run(tmp_path / "whole", feed)
    home, chance, kept = tmp_path / "home", random.Random(5), [0]
    for _ in range(4):
        process = start(home, feed, store)
        time.sleep(chance.uniform(0.05, 0.4))
        process.kill()
        process.communicate()
        with opened(home, lite=store == "lite") as parts:
            kept.append(sum(1 for _ in parts.ledger.ids()))
    assert kept == sorted(kept)
    process = start(home, feed, store)
    told, problem = process.communicate(timeout=120)
    assert process.returncode == 0, problem
    assert sum(map(int, told.split())) == 150
    with opened(home, lite=store == "lite") as parts:
        assert state_of(parts) == wanted


def wait_for_the_first_product(ledger: Path, patience_s: float = 60) -> None:
    """Until another process has written down a product; how long it takes to start is the machine's matter."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as file:
            if file.execute("SELECT count(*) FROM products").fetchone()[0]:
                return
        time.sleep(0.005)
    raise AssertionError(f"No product was written to {ledger} within {patience_s} s.")


ROWS = 1600
"""So many that they are not all written before the signal comes."""


def test_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    """SIGINT: no half-written batch, everything that the ledger calls indexed is there, and the process ends soon."""
    feed = write_feed(tmp_path / "shop", [row(f"p{i:03}") for i in range(ROWS)])
    process = start(tmp_path / "home", feed)
    wait_for_the_first_product(tmp_path / "home" / "ledger.db")
    process.send_signal(signal.SIGINT)
    _, problem = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in problem
    with opened(tmp_path / "home") as parts:
        states = [entry.state for entry in parts.ledger.page(limit=ROWS)]
        assert states
        assert set(states) == {"indexed"}
        assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == len(states) < ROWS
        assert ingest_feed(parts, feed).unchanged == len(states)
