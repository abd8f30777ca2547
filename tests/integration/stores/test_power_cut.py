"""The embedded home and a power cut: at any moment of an ingest, whatever of the unflushed writes the disk kept.

A run is recorded once, call by call (`tests.fixtures.power_cut`). Each state that a cut could have left is made on the
disk and opened. `THATLOOK_POWER_CUT=all` tries every moment instead of an even choice of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.seams import IngestState
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from tests.fixtures.catalogue import close_parts, open_fake_parts, state_of
from tests.fixtures.power_cut import CUTS, Recording, record
from tests.integration.stores.power_cut_writer import FEEDS, write_feeds

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
MOMENTS = 40
SPACES = ("visual", "semantic")
Prices = dict[str, float]
"""Product → price."""


def recorded_or_skip(command: list[str], root: Path, trace: Path) -> Recording:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt-get install strace)")
    if subprocess.run(["strace", "-o", str(trace), "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process may be traced here (ptrace)")
    return record(command, root, trace, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds")
    write_feeds(folder)
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, feeds: Path) -> Recording:
    folder = tmp_path_factory.mktemp("recorded")
    command = [sys.executable, "-m", "tests.integration.stores.power_cut_writer", str(folder / "home"), str(feeds)]
    return recorded_or_skip(command, folder / "home", folder / "trace")


def check(parts: IngestDependencies, acknowledged: Prices, under_way: Prices) -> None:
    """What the last acknowledged feed brought is there, or what the next one is about to make of it.

    Whatever the ledger calls indexed has its rows in both collections.
    """
    entries = {entry.product.product_id: entry for entry in parts.ledger.page(limit=1000)}
    prices: Prices = {}
    for product_id, entry in entries.items():
        for supercategory, item_id in entry.items if entry.state is IngestState.INDEXED else ():
            visual, semantic = (parts.store.items_of(f"{supercategory}_{space}", product_id) for space in SPACES)
            assert visual == semantic
            assert [item.item_id for item in visual] == [item_id], f"the rows of {product_id} are gone"
            prices[product_id] = visual[0].price or 0.0
    for product_id, price in acknowledged.items():
        if under_way.get(product_id) == price:
            assert prices.get(product_id) == price, product_id
        elif product_id in under_way:
            assert product_id in entries
            assert prices.get(product_id, price) in (price, under_way[product_id]), product_id


def prices_of(feeds: Path, name: str) -> Prices:
    rows = [json.loads(line) for line in (feeds / f"{name}.jsonl").read_text("utf-8").splitlines()]
    return {row["id"]: float(row["price"].split()[0]) for row in rows}


def test_no_acknowledged_row_is_lost_whenever_the_power_is_cut(
    recording: Recording, feeds: Path, tmp_path: Path
) -> None:
    """The home opens without a repair, holds what was acknowledged, and the next runs bring it to the same end."""
    steps = [{}, *(prices_of(feeds, name) for name in FEEDS)]
    ends = {}
    every = 1 if os.environ.get("THATLOOK_POWER_CUT") == "all" else max(1, recording.moments // MOMENTS)
    tried = 0
    for number, (moment, printed, disk) in enumerate(recording.states()):
        if number % every:
            continue
        done = len(printed)
        for cut in CUTS:
            home = tmp_path / "home"
            disk.write_to(home, cut, seed=moment)
            parts = open_fake_parts(home, lite=True)
            try:
                check(parts, steps[done], steps[min(done + 1, len(FEEDS))])
                if tried % 7 == 0:
                    for name in FEEDS[max(done - 1, 0) :]:
                        ingest_feed(parts, feeds / f"{name}.jsonl", name="shop", prune=True)
                    ends[moment, cut] = state_of(parts)
            finally:
                close_parts(parts)
            tried += 1
    assert tried >= MOMENTS
    first = next(iter(ends.values()))
    assert [place for place, end in ends.items() if end != first] == []


def test_a_write_that_was_not_flushed_is_noticed(tmp_path: Path) -> None:
    """The recording itself: bytes that a program did not flush are lost in a cut, and names come with a later flush."""
    program = """if True:
        import os, sys
        a, b = (open(f"{sys.argv[1]}/{name}", "wb", 0) for name in "ab")
        a.write(b"lost")
        b.write(b"kept")
        os.fsync(b.fileno())
        b.write(b" and more")
        os.rename(b.name, b.name + "2")
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    recorded = recorded_or_skip([sys.executable, "-c", program, str(folder)], folder, tmp_path / "trace")
    found = {}
    for _, _, disk in recorded.states():
        for cut in CUTS[:4]:
            disk.write_to(tmp_path / "after", cut)
            found[cut] = {path.name: path.read_text() for path in sorted((tmp_path / "after").iterdir())}
    assert found == {
        "all": {"a": "lost", "b2": "kept and more"},
        "flushed": {"a": "", "b": "kept"},
        "names": {"a": "", "b2": "kept"},
        "bytes": {"a": "lost", "b": "kept and more"},
    }
