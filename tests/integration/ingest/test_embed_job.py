"""A feed through a Ray cluster of this machine: actors and the driver are killed, and the catalogue is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ingest.bulk.load import load_parts
from ingest.bulk.place import open_place
from ingest.pipeline import ingest_feed
from models.settings import Settings
from tests.fixtures.catalogue import BACK, GROUP, close_parts, open_fake_parts, picture, row, state_of, write_feed

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
PRODUCTS = int(os.environ.get("THATLOOK_EMBED_PRODUCTS", "900"))


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[Path]:
    """Ray's own folder: its sockets' paths must be short."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def start(ray_folder: Path, feed: Path, place: Path, images: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.ingest.embed_job", feed, place, images, str(pause_s)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(ray_folder), "RAY_USAGE_STATS_ENABLED": "0"}
    with (place.parent / "driver.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert process.poll() is None, "the driver ended"
        assert time.monotonic() < deadline, "the job does not go on"
        time.sleep(0.05)


def test_a_job_survives_the_loss_of_an_actor_and_of_its_driver(tmp_path: Path, ray_folder: Path) -> None:
    """What was embedded is kept, nothing is doubled, and the catalogue is the one that an ingest makes, by value."""
    pytest.importorskip("ray", reason="Ray (extra ray) is not installed")
    shop, place, home = tmp_path / "shop", tmp_path / "place", tmp_path / "loaded"
    shop.mkdir()
    for name, view in (("back", BACK), ("group", GROUP)):
        (shop / f"{name}.png").write_bytes(picture(view))
    rows = [row(f"p{n}", f"{n % 50}.png") for n in range(PRODUCTS - 3)]
    rows += [row("back", "back.png"), row("group", "group.png"), row("gone", "gone.png"), row("", "0.png")]
    feed = write_feed(shop, rows)
    (shop / "gone.png").unlink()

    def done() -> int:
        return len(list((place / "rows").glob("*.parquet")))

    driver = start(ray_folder, feed, place, home / "images", 0.4)
    try:
        wait_for(lambda: done() >= 1, driver)
        actors = [int(each.name) for each in (place / "actors").iterdir()]
        os.kill(actors[0], signal.SIGKILL)
        before = done()
        wait_for(lambda: done() > before, driver)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
    kept = {path.name: path.stat().st_mtime_ns for path in (place / "rows").glob("*.parquet")}
    assert 2 <= len(kept) < -(-PRODUCTS // 256)

    with start(ray_folder, feed, place, home / "images", 0.0) as again:
        summary = json.loads(again.communicate()[0])
    assert (summary["done_before"], summary["products"], summary["bad_rows"]) == (len(kept), PRODUCTS, 1)
    assert {name: (place / "rows" / name).stat().st_mtime_ns for name in kept} == kept

    loaded, plain = open_fake_parts(home), open_fake_parts(tmp_path / "plain")
    try:
        where = open_place(str(place), Settings(home=home))
        first = load_parts(lambda: loaded, where)
        assert first.states == {"indexed": PRODUCTS - 3, "refused": 2, "failed": 1}
        ingest_feed(plain, feed)
        assert state_of(loaded) == state_of(plain)
        assert load_parts(lambda: loaded, where).unchanged == PRODUCTS
        assert ingest_feed(loaded, feed).unchanged == PRODUCTS
    finally:
        close_parts(loaded)
        close_parts(plain)
