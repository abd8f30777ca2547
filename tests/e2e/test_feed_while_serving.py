"""A feed is taken by the running server while searches go on: sent over HTTP, and by `thatlook ingest` beside it."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import thatlook
from tests.e2e.test_api_program import COLORS, photo
from tests.fixtures.program import PROGRAM, Server, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_tiny_profile(tmp_path / "home" / "models" / "tiny")
    return tmp_path / "home"


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    running = start(home, home / "serve.log")
    yield running
    running.client.close()
    if running.process.poll() is None:
        stop(running)


def rows(price: int, count: int = 3) -> list[dict[str, object]]:
    names = list(COLORS)
    return [
        {"id": f"{names[n % 3]}-{n}", "title": f"{names[n % 3]} shirt", "link": "https://shop.example/p",
         "brand": "Acme", "image_link": f"img/{names[n % 3]}.jpg", "price": f"{price}.00 EUR"}
        for n in range(count)
    ]  # fmt: skip


def written(folder: Path, price: int, count: int = 3) -> Path:
    (folder / "img").mkdir(exist_ok=True, parents=True)
    for name, color in COLORS.items():
        if not (folder / "img" / f"{name}.jpg").exists():
            (folder / "img" / f"{name}.jpg").write_bytes(photo(color))
    path = folder / "feed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(price, count)))
    return path


def archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for path in sorted(folder.rglob("*.*")):
            packed.write(path, path.relative_to(folder))
    return buffer.getvalue()


def ended(shop: thatlook.Client, job_id: str) -> thatlook.IngestJob:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        job = shop.ingest_job(job_id)
        if job.state not in ("queued", "running"):
            return job
        time.sleep(0.1)
    raise AssertionError(f"{job_id} does not end")


def ingest(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "ingest", *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)


def price_of(shop: thatlook.Client, product_id: str) -> float | None:
    found = shop.search_text("shirt", k=100, group="none")
    return next((hit.price for g in found.garments for hit in g.hits if hit.product_id == product_id), None)


def test_a_feed_beside_searches(server: Server, home: Path, tmp_path: Path) -> None:
    """An archive over HTTP, then new prices by the program: no search fails meanwhile, and no restart is needed."""
    written(tmp_path / "shop", 10)
    (tmp_path / "shop.zip").write_bytes(archive(tmp_path / "shop"))
    with thatlook.Client(str(server.client.base_url), retries=0) as shop:
        answers: list[Any] = []
        done = threading.Event()

        def search() -> None:
            while not done.wait(0.2):
                answers.append(server.client.post("/v1/search/text", json={"text": "red shirt"}).status_code)

        searching = threading.Thread(target=search)
        searching.start()
        job = ended(shop, shop.start_ingest(tmp_path / "shop.zip", name="shop").job_id)
        assert job.state == "done", job
        assert job.summary is not None
        assert (job.summary["products"]["indexed"], job.counts["read"], job.source) == (3, 3, "upload")
        assert price_of(shop, "red-0") == 10.0
        result = ingest(home, str(written(tmp_path / "shop", 12)), "--name", "shop", "--json")
        done.set()
        searching.join()
        assert result.returncode == 0, result.stderr
        summary = json.loads(result.stdout)
        assert summary["products"]["read"] == 3
        assert summary["products"]["failed"] == summary["bad_rows"] == 0
        assert "holds this home" in result.stderr
        assert price_of(shop, "red-0") == 12.0
        assert set(answers) == {200}
        assert [each.source for each in shop.ingest_jobs()] == ["path", "upload"]
        assert [run.feed for run in shop.ingest_runs()] == ["shop", "shop"]
        broken = tmp_path / "broken.csv"
        broken.write_text("id,title\n")
        result = ingest(home, str(broken), "--json")
        assert (result.returncode, json.loads(result.stdout)["error"]["code"]) == (1, "feed-unreadable")
        assert "no column" in result.stderr
        assert ingest(home, str(broken), "--repair").returncode == 1
        control = home / "control.json"
        assert stat.S_IMODE(control.stat().st_mode) == 0o600
        assert json.loads(control.read_text())["token"] not in server.log.read_text()
    assert stop(server) == 0
    assert not control.exists()


def test_a_server_that_is_killed_in_a_feed(server: Server, home: Path, tmp_path: Path) -> None:
    """The job is told as interrupted; started again it does the rest: nothing lost, nothing twice."""
    with thatlook.Client(str(server.client.base_url)) as shop:
        job_id = shop.start_ingest(written(tmp_path / "shop", 10, 60)).job_id
        while shop.ingest_job(job_id).state == "queued":
            time.sleep(0.05)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    again = start(home, home / "again.log")
    try:
        with thatlook.Client(str(again.client.base_url)) as shop:
            job = shop.ingest_job(job_id)
            if job.state != "done":  # A quick machine may have ended it.
                assert (job.state, job.error and job.error.code) == ("interrupted", "interrupted")
                assert shop.retry_ingest(job_id).state in ("queued", "running")
            assert ended(shop, job_id).state == "failed"  # The pictures did not come with the feed.
            assert shop.ingest_status().products["failed"] == 60
    finally:
        stop(again)


def test_a_backup_of_a_running_server(server: Server, home: Path, tmp_path: Path) -> None:
    """Taken while it serves, restored elsewhere, found well by the doctor, answering the same; strangers get none."""
    assert ingest(home, str(written(tmp_path / "shop", 10))).returncode == 0
    backup, again = tmp_path / "backup", tmp_path / "again"
    assert program(home, "backup", str(backup)).returncode == 0
    assert "is there already" in program(home, "backup", str(backup)).stderr
    assert server.client.post("/v1/backup", json={"path": str(tmp_path / "x")}).status_code == 404
    assert not [path for path in backup.rglob("*") if path.name in ("control.json", "address", "pid")]
    assert stop(server) == 0
    assert program(again, "restore", str(backup)).returncode == 0
    assert program(again, "doctor").returncode == 0
    found = json.loads(program(again, "search", "--text", "red shirt", "--json").stdout)
    assert found["garments"][0]["hits"][0]["product_id"] == "red-0"


def program(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)
