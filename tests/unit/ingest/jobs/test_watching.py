"""A watched feed: fetched from a real server only when it has changed, with back-off, known again after a restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.errors import FeedUnreadable, QueryRejected
from engine.jobs import WatchedFeed
from engine.remote import RemoteLimits
from ingest.jobs.download import FeedNotServed, Served, download
from ingest.jobs.feed_jobs import HomeFeedJobs
from ingest.jobs.watching import FeedWatch, HomeMemory, WatchRules, seconds_of
from ingest.run.writer import Writer
from tests.fixtures.catalogue import close_parts, open_fake_parts, row


@dataclass
class Site:
    """A shop's server, with what it was asked."""

    body: bytes = b""
    status: int = 200
    location: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append({name.lower(): value for name, value in self.headers.items()})
            tag = f'"{hash(made.body)}"'
            status = 304 if made.status == 200 and self.headers.get("If-None-Match") == tag else made.status
            self.send_response(status)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", "0" if status != 200 else str(len(made.body)))
            if made.location:
                self.send_header("Location", made.location)
            self.end_headers()
            if status == 200:
                self.wfile.write(made.body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[HomeFeedJobs]:
    parts = open_fake_parts(tmp_path / "home")
    yield HomeFeedJobs(parts, tmp_path / "home" / "jobs", Writer(parts))
    close_parts(parts)


def watch_of(jobs: HomeFeedJobs, rules: WatchRules, now: Callable[[], datetime] | None = None) -> FeedWatch:
    def show(feed: WatchedFeed) -> None:
        jobs.watched_feed = feed

    watch = FeedWatch(jobs, rules, HomeMemory(jobs.folder, show), now)
    show(watch.feed)
    return watch


def test_only_what_has_changed_is_taken(jobs: HomeFeedJobs, site: Site) -> None:
    """The second look is answered with 304; a restart remembers that; a password is sent and never kept or shown."""
    now = [datetime(2026, 11, 1, tzinfo=UTC)]
    site.body = json.dumps(row("a")).encode()
    rules = WatchRules(f"http://shop:pass%21word@{site.address}/f.jsonl?x=1", 3600.0, RemoteLimits(), prune=True)
    watch = watch_of(jobs, rules, lambda: now[0])
    first = watch.look()
    (job,) = jobs.latest()
    assert (first.last_job, first.last_changed, first.failures) == (job.job_id, now[0], 0)
    assert (job.feed, job.request.prune, job.request.source) == ("f.jsonl", True, "schedule")
    assert first.next_check == now[0] + timedelta(hours=1)
    assert site.asked[0]["authorization"] == "Basic c2hvcDpwYXNzIXdvcmQ="
    again = watch_of(jobs, rules, lambda: now[0])
    assert again.look().last_job == job.job_id
    assert (len(jobs.latest()), len(site.asked)) == (1, 2)
    assert "if-none-match" in site.asked[1]
    site.body = json.dumps(row("b")).encode()
    assert again.look().last_job != job.job_id
    assert len(jobs.latest()) == 2
    assert not list((jobs.folder / "inbox").iterdir())
    assert not [p for p in jobs.folder.rglob("*.json") if "pass" in p.read_text()]


def test_failures_are_told_and_asked_for_less_often(jobs: HomeFeedJobs, site: Site) -> None:
    """1, 2, 4 minutes …, never longer than between two looks; the first success forgets them."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    site.status = 503
    watch = watch_of(jobs, WatchRules(f"http://{site.address}/f.csv", 200.0, RemoteLimits()), lambda: now)
    waits = [(watch.look().next_check - now).total_seconds() for _ in range(4)]
    assert waits == [60.0, 120.0, 200.0, 200.0]
    assert "503" in (watch.feed.problem or "")
    site.status, site.body = 200, b"id\n"
    assert (watch.look().failures, watch.feed.problem) == (0, None)


def test_where_a_feed_may_lead(site: Site, tmp_path: Path) -> None:
    """Only the operator's own host may be private: not where it redirects, and not what a caller names."""
    private = RemoteLimits(trusted=frozenset({"127.0.0.1"}), ports=frozenset())
    site.body = b"id\n"
    assert download(f"http://{site.address}/a/f.csv", tmp_path / "f", private) == Served(
        True, f'"{hash(site.body)}"', None, "f.csv"
    )
    with pytest.raises(FeedUnreadable, match="more than 2 bytes"):
        download(
            f"http://{site.address}/f.csv", tmp_path / "f", RemoteLimits(2, trusted=private.trusted, ports=frozenset())
        )
    for place in (f"http://localhost:{site.address.partition(':')[2]}/", "http://[::1]/", "file:///etc/passwd"):
        site.status, site.location = 302, place
        with pytest.raises(QueryRejected, match="feed"):
            download(f"http://{site.address}/f.csv", tmp_path / "f", private)
    site.status, site.location = 404, ""
    with pytest.raises(FeedUnreadable, match="404"):
        download(f"http://{site.address}/f.csv", tmp_path / "f", private)
    with pytest.raises(QueryRejected, match="does not lead to a public address; send the feed itself"):
        download("http://127.0.0.1/f.csv", tmp_path / "f", RemoteLimits())
    with pytest.raises(FeedNotServed):
        download("http://127.0.0.1:9/f.csv", tmp_path / "f", private)


def test_times() -> None:
    """As people write them; less than a minute is a mistake."""
    assert [seconds_of(text) for text in ("90", "30m", "6 h", "1d", "1.5h")] == [90, 1800, 21600, 86400, 5400]
    for wrong in ("", "10s", "0", "soon", "1w", "-5m", "1e9h"):
        with pytest.raises(QueryRejected, match="FEED_EVERY"):
            seconds_of(wrong)


def test_it_looks_by_itself(jobs: HomeFeedJobs, site: Site) -> None:
    """At once after a start, since it never looked before."""
    site.body = json.dumps(row("a")).encode()
    watch = watch_of(jobs, WatchRules(f"http://{site.address}/f.jsonl", 3600.0, RemoteLimits()))
    watch.start()
    end = time.monotonic() + 10
    while not jobs.latest():
        assert time.monotonic() < end
        time.sleep(0.01)
    watch.close()
    assert jobs.watched() == watch.feed
