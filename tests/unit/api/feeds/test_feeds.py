"""A feed that is sent: in each of its forms straight into a file, bounded, with its fields; and its job."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.feeds.requests import FileSink
from api.http.uploads import UploadMemory
from api.problems import UploadTooSlow
from api.services import Limits
from engine.jobs import FeedRequest
from tests.fixtures.shop import FakeFeeds, Serve, Shop

Client = TestClient[Litestar]
FEED = b"id,title\n1,Shirt\n"


@pytest.fixture
def feeds(tmp_path: Path) -> FakeFeeds:
    return FakeFeeds(tmp_path)


@pytest.fixture
def client(feeds: FakeFeeds, serve: Serve) -> Client:
    shop = Shop(feeds=feeds, local_token="owner")
    return serve(shop, Limits(max_feed_bytes=3_000_000, upload_memory_bytes=8_000_000))


def raw(content: bytes, kind: str) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind}}


def asked(feeds: FakeFeeds) -> FeedRequest:
    return feeds.jobs["job-0"].request


def test_a_file_with_its_fields(client: Client, feeds: FakeFeeds) -> None:
    """202 with the job and where it is found; text fields are numbers and switches."""
    fields = {"name": "spring", "prune": "true", "limit": "5", "currency": "EUR"}
    answer = client.post("/v1/ingest", files={"feed": ("f.csv", FEED)}, data=fields)
    assert (answer.status_code, answer.headers["location"]) == (202, "/v1/ingest/jobs/job-0")
    job = answer.json()
    assert (job["job_id"], job["state"], job["source"], job["feed"]) == ("job-0", "queued", "upload", "spring")
    request = asked(feeds)
    assert (request.name, request.file_name, request.prune, request.limit) == ("spring", "f.csv", True, 5)
    assert feeds.uploads == [FEED]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("text/csv", "feed.csv"), ("application/zip", "feed.zip"), ("application/octet-stream", "feed"),
     ("text/csv; charset=utf-8", "feed.csv")],
)  # fmt: skip
def test_the_feed_itself_as_the_body(client: Client, feeds: FakeFeeds, kind: str, name: str) -> None:
    """Its kind tells the format, its fields are query parameters."""
    answer = client.post("/v1/ingest?policy=strict&prune_all=1", **raw(FEED, kind))
    assert answer.status_code == 202, answer.text
    assert (asked(feeds).file_name, asked(feeds).policy, asked(feeds).prune_all) == (name, "strict", True)
    assert feeds.uploads == [FEED]


def test_an_address(client: Client, feeds: FakeFeeds) -> None:
    """It is fetched by the job, not while the caller waits."""
    answer = client.post("/v1/ingest", json={"feed_url": "https://shop.example/f.xml", "name": "f"})
    assert (answer.status_code, answer.json()["source"]) == (202, "address")
    assert (asked(feeds).place, asked(feeds).name) == ("https://shop.example/f.xml", "f")


def test_a_path_is_for_the_owners_programs(client: Client, feeds: FakeFeeds) -> None:
    """Without the token there is no such field."""
    body = {"path": "/srv/feed.csv", "limit": 3}
    for header in ({}, {"Authorization": "Bearer other"}, {"Authorization": "owner"}):
        assert client.post("/v1/ingest", json=body, headers=header).status_code == 422
    assert client.post("/v1/ingest", json=body, headers={"Authorization": "Bearer owner"}).status_code == 202
    assert (asked(feeds).source, asked(feeds).place, asked(feeds).limit) == ("path", "/srv/feed.csv", 3)


@pytest.mark.parametrize(
    ("path", "sent", "status", "said"),
    [
        ("", {"files": {"feed": ("f.csv", b"")}}, 422, "empty"),
        ("", {"files": {"file": ("f.csv", FEED)}}, 422, "'feed'"),
        ("", {"files": [("feed", ("a.csv", FEED)), ("feed", ("b.csv", FEED))]}, 422, "exactly one"),
        ("", {"files": {"feed": ("f.csv", FEED)}, "data": {"colour": "red"}}, 422, "colour"),
        ("?limit=2", {"files": {"feed": ("f.csv", FEED)}, "data": {"limit": "3"}}, 422, "limit"),
        ("?colour=red", raw(FEED, "text/csv"), 422, "colour"),
        ("?limit=0", raw(FEED, "text/csv"), 422, "limit"),
        ("?prune=perhaps", raw(FEED, "text/csv"), 422, "prune"),
        ("", raw(b"", "text/csv"), 422, "empty"),
        ("", raw(b"[]", "application/json"), 422, "multipart"),
        ("", raw(b'{"id": "1"}', "application/json"), 422, "id"),
        ("", raw(b"{", "application/json"), 400, "JSON"),
        ("", raw(b" " * 70_000, "application/json"), 413, "multipart"),
        ("", raw(b"broken", "multipart/form-data"), 422, "boundary"),
        ("", {**raw(FEED, "text/csv"), "headers": {"Content-Encoding": "gzip"}}, 415, "Content-Encoding"),
        ("", raw(bytes(3_000_001), "text/csv"), 413, "3,000,000"),
        ("", {"files": {"feed": ("f.csv", bytes(3_000_001))}}, 413, "3,000,000"),
    ],
)
def test_what_is_refused(
    client: Client, feeds: FakeFeeds, tmp_path: Path, path: str, sent: dict[str, Any], status: int, said: str
) -> None:
    """As a problem that says what to do; no job, and no file is left."""
    answer = client.post(f"/v1/ingest{path}", **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert said in answer.json()["detail"]
    assert (feeds.jobs, list(tmp_path.iterdir())) == ({}, [])


def test_a_feed_is_not_held_in_memory(tmp_path: Path) -> None:
    asyncio.run(_sunk(tmp_path))


async def _sunk(tmp_path: Path) -> None:
    """What lies in the file no longer counts; a body that goes to disk may take longer, if it keeps coming."""
    memory = UploadMemory(1_000)

    async def receive() -> Any:
        return {"type": "http.request", "body": bytes(800), "more_body": True}

    upload = memory.begin(receive, 0.05)
    upload.goes_to_disk(60)
    sink = FileSink(tmp_path / "feed", 1_000_000, upload)
    for _ in range(5):
        sink.take((await upload.receive())["body"])
        await sink.drain(1)
        assert memory.held_bytes == 0
    sink.close()
    assert (tmp_path / "feed").stat().st_size == 4_000
    silent = memory.begin(lambda: asyncio.sleep(5), 0.05)  # type: ignore[arg-type]
    silent.goes_to_disk(60)
    with pytest.raises(UploadTooSlow):
        await silent.receive()


def test_jobs(client: Client) -> None:
    """Listed newest first, read, cancelled, started again; what there is not is 404."""
    for _ in range(3):
        client.post("/v1/ingest", **raw(FEED, "text/csv"))
    assert [job["job_id"] for job in client.get("/v1/ingest/jobs?limit=2").json()["jobs"]] == ["job-2", "job-1"]
    assert client.get("/v1/ingest/jobs/job-1").json()["state"] == "queued"
    assert client.post("/v1/ingest/jobs/job-1/retry").status_code == 422
    cancelled = client.delete("/v1/ingest/jobs/job-1")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert client.post("/v1/ingest/jobs/job-1/retry").json()["state"] == "queued"
    for call in (client.get, client.delete):
        assert call("/v1/ingest/jobs/none").json()["code"] == "job-not-found"


def test_a_large_feed_may_take_its_time_to_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking a feed on is no search: it is not cut off by the time that searches have."""
    submit = FakeFeeds.submit

    def slowly(self: FakeFeeds, request: FeedRequest) -> Any:
        time.sleep(0.3)
        return submit(self, request)

    monkeypatch.setattr(FakeFeeds, "submit", slowly)
    with TestClient(Shop(feeds=FakeFeeds(tmp_path)).app(Limits(deadline_s=0.1))) as client:
        assert client.post("/v1/ingest", **raw(FEED, "text/csv")).status_code == 202


def test_servers_that_take_no_feed(client: Client, feeds: FakeFeeds, tmp_path: Path) -> None:
    """503 with plain words and a time to come back."""
    feeds.full = True
    answer = client.post("/v1/ingest", **raw(FEED, "text/csv"))
    assert (answer.status_code, answer.json()["code"]) == (503, "feeds-not-taken")
    assert "16 feeds wait" in answer.json()["detail"]
    assert "retry-after" in answer.headers
    with TestClient(Shop().app()) as other:
        assert "thatlook ingest" in other.post("/v1/ingest", **raw(FEED, "text/csv")).json()["detail"]
        assert other.get("/v1/ingest/jobs").status_code == 503
