"""Everything that the `full` profile of docker-compose starts, as processes on real servers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx

import thatlook
from engine.objects.s3_settings import S3Settings
from tests.e2e.test_feed_while_serving import archive, ended, price_of, written
from tests.fixtures.cluster import cluster_settings, emptied_milvus, program, working
from tests.fixtures.program import Server, start, stop
from tests.fixtures.tiny_models import write_tiny_profile


def test_a_feed_over_http_is_taken_by_workers(
    tmp_path: Path, milvus_server: str, postgres_url: str, s3_settings: S3Settings
) -> None:
    """The API with two processes and two workers: an archive is sent, found in searches, changed, and all agrees."""
    home = tmp_path / "home"
    write_tiny_profile(home / "models" / "tiny")
    settings = cluster_settings(milvus_server, postgres_url, s3_settings)
    written(tmp_path / "shop", 10, 6)
    (tmp_path / "shop.zip").write_bytes(archive(tmp_path / "shop"))
    with emptied_milvus(milvus_server), working(home, settings) as first, working(home, settings) as second:
        server = start(home, home / "serve.log", "--workers", "2", settings=settings)
        try:
            all_processes_ready(server)
            with thatlook.Client(str(server.client.base_url)) as shop:
                fed(shop, tmp_path)
            deep = program(home, settings, "doctor", "--deep")
            assert deep.returncode == 0, deep.stdout + deep.stderr
            assert json.loads(program(home, settings, "queue", "--json").stdout)["lanes"] == []
        finally:
            status = stop(server)
        assert status == 0
        for each in (first, second):
            each.terminate()
            assert each.wait(30) == 0


def all_processes_ready(server: Server) -> None:
    """One of them may answer while another still loads its models."""
    in_a_row, end = 0, time.monotonic() + 60
    while in_a_row < 20:
        assert time.monotonic() < end, server.log.read_text()
        with httpx.Client(base_url=server.client.base_url) as client:  # Any process may take a new connection.
            in_a_row = in_a_row + 1 if client.get("/readyz").status_code == 200 else 0
        time.sleep(0.05)


def fed(shop: thatlook.Client, folder: Path) -> None:
    """An archive, the same with new prices, and a feed whose pictures are not there."""
    job = ended(shop, shop.start_ingest(folder / "shop.zip", name="shop").job_id)
    assert job.state == "done", job
    assert job.summary is not None
    assert (job.summary["products"]["indexed"], job.summary["taken"], job.counts["read"]) == (6, 6, 6)
    assert price_of(shop, "red-0") == 10.0
    written(folder / "shop", 12, 6)
    (folder / "shop.zip").write_bytes(archive(folder / "shop"))
    again = ended(shop, shop.start_ingest(folder / "shop.zip", name="shop").job_id)
    assert again.summary is not None
    assert (again.summary["products"]["updated"], again.summary["products"]["indexed"]) == (6, 0)
    assert price_of(shop, "red-0") == 12.0
    plain = shop.start_ingest(folder / "shop" / "feed.jsonl", name="plain")
    failed = ended(shop, plain.job_id)
    assert (failed.state, failed.error and failed.error.code) == ("failed", "nothing-taken")
    assert [each.state for each in shop.ingest_jobs()] == ["failed", "done", "done"]
    assert shop.cancel_ingest(plain.job_id).state == "failed"
    assert [run.feed for run in shop.ingest_runs()] == ["plain", "shop", "shop"]
