"""Feeds sent to the API of a catalogue in servers, over a real PostgreSQL: read by a worker, told, taken over."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from engine.domain import Crop, Embeddings, Space
from engine.errors import StoreUnavailable
from engine.generations.record import GenerationChanged
from engine.jobs import FeedJob, FeedRequest, FeedsNotTaken, JobNotFound, JobNotStartable, JobState
from engine.ledger import queue_worker
from engine.ledger.queue import JobQueue
from engine.objects.s3_settings import S3Settings
from engine.remote import RemoteLimits
from engine.seams import IngestState
from ingest.images import s3_pictures
from ingest.jobs.accepting import FeedRules
from ingest.jobs.shared_feed_jobs import LANE, SharedFeedJobs
from ingest.jobs.shared_watching import SharedFeedWatch
from ingest.jobs.watching import WatchRules, looking
from ingest.pipeline import ingest_feed
from ingest.queue.work_orders import FEED, PRODUCTS
from ingest.run.dependencies import IngestDependencies
from ingest.scale import feed_reader
from ingest.scale.drift import all_drift
from ingest.scale.feed_reader import FeedReader
from ingest.scale.job_worker import JobWorker
from ingest.scale.withdrawal import withdrawn
from tests.fixtures.catalogue import FakePipeline, close_parts, picture, row, write_feed
from tests.fixtures.postgres import emptied, fresh_database
from tests.fixtures.workers import in_child, open_worker_parts, work_until_done

RULES = FeedRules(remote=RemoteLimits(max_bytes=1 << 20, ports=frozenset(), allowed=lambda _: True))

BAD = row("bad", title="")


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    return fresh_database(postgres_url)


@pytest.fixture
def parts(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[IngestDependencies]:
    monkeypatch.setattr(feed_reader, "AWAY_S", (0.1, 0.2))
    monkeypatch.setattr(feed_reader, "TURN_S", 0.1)
    monkeypatch.setattr(feed_reader, "POLL_S", 0.05)
    made = open_worker_parts(tmp_path, emptied(database))
    made = replace(made, sources=replace(made.sources, root=None))
    yield made
    close_parts(made)


@pytest.fixture
def jobs(tmp_path: Path, parts: IngestDependencies) -> SharedFeedJobs:
    assert parts.work is not None
    return SharedFeedJobs(parts.work.feeds, parts.ledger, parts.objects, tmp_path / "api", RULES)


def reader(parts: IngestDependencies, stopping: Event) -> FeedReader:
    assert parts.work is not None
    return FeedReader(parts, parts.work, RULES, "bucket", Path(parts.objects._root).parent / "worker", stopping)  # type: ignore[attr-defined]


def worked(parts: IngestDependencies, until: Callable[[], bool], *, lease_s: float = 30.0) -> None:
    """One worker's lanes, until something is so."""
    assert parts.work is not None
    stopping = Event()
    products, feeds = JobWorker(parts, stopping), reader(parts, stopping)

    def do(claim: queue_worker.Claim) -> None:
        (feeds.do if claim.lane == LANE else products.do)(claim)

    lanes = queue_worker.Lanes((PRODUCTS, FEED, LANE), do, lambda: None, lease_s, poll_s=0.1)
    thread = threading.Thread(target=queue_worker.work, args=(parts.work.dsn, lanes, stopping))
    thread.start()
    end = time.monotonic() + 30
    try:
        while not until():
            assert time.monotonic() < end, "it does not come to that"
            time.sleep(0.05)
    finally:
        stopping.set()
        thread.join()


def ended(jobs: SharedFeedJobs, job_id: str) -> Callable[[], bool]:
    return lambda: jobs.get(job_id).state.has_ended


def sent(jobs: SharedFeedJobs, data: bytes, file_name: str = "shop.jsonl", **options: object) -> FeedJob:
    path = jobs.inbox()
    path.write_bytes(data)
    job = jobs.submit(FeedRequest("upload", str(path), file_name=file_name, **options))  # type: ignore[arg-type]
    assert not path.exists()
    return job


def lines(*rows: dict[str, object]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in rows).encode()


def archive(feed: bytes, **pictures: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("shop/feed.jsonl", feed)
        for name, data in pictures.items():
            packed.writestr(f"shop/img/{name}.png", data)
    return buffer.getvalue()


class InFolder:
    """Stands for S3 where the pictures of an archive are read again: the tests' object store is a folder."""

    root = Path()

    def __init__(self, *_: object) -> None:
        pass

    def fetch(self, bucket: str, key: str) -> bytes:
        assert bucket == "bucket"
        return (self.root / key).read_bytes()

    def stamp(self, bucket: str, key: str) -> str:
        return str((self.root / key).stat().st_size) if (self.root / key).exists() else f"absent from {bucket}"


@pytest.fixture
def pictures_in_s3(parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch) -> IngestDependencies:
    monkeypatch.setattr(InFolder, "root", parts.objects._root)  # type: ignore[attr-defined]
    monkeypatch.setattr(s3_pictures, "S3Pictures", InFolder)
    return replace(parts, sources=replace(parts.sources, s3=S3Settings("s3:9000", "a", "b")))


def test_an_archive_is_taken_by_a_worker(pictures_in_s3: IngestDependencies, jobs: SharedFeedJobs) -> None:
    """Its pictures reach every worker; a bad row is told; sent again nothing is looked at anew, new words are."""
    parts = pictures_in_s3
    feed = lines(row("a", "img/a.png"), row("b", "img/b.png"), row("gone", "img/gone.png"), BAD)
    job = sent(jobs, archive(feed, a=picture(), b=picture(color=(0, 0, 200))), "shop.zip", name="shop")
    assert (job.state, job.feed, [each.job_id for each in jobs.latest()]) == (JobState.QUEUED, "shop", [job.job_id])
    worked(parts, ended(jobs, job.job_id))
    done = jobs.get(job.job_id)
    assert (done.state, done.error, done.done) == (JobState.DONE, None, 4)
    assert done.summary is not None
    assert (done.summary["products"]["indexed"], done.summary["products"]["failed"], done.summary["taken"]) == (2, 1, 2)
    assert done.summary["bad_rows"] == 1
    assert [error.line for error in parts.ledger.errors(done.run_id or 0)] == [4]
    assert (done.counts["indexed"], done.counts["read"]) == (2, 3)
    assert list(all_drift(parts)) == []
    looked = parts.pipeline.scenes  # type: ignore[attr-defined]
    feed = lines(row("a", "img/a.png", price="9.00 EUR"), row("b", "img/b.png"))
    again = sent(jobs, archive(feed, a=picture(), b=picture(color=(0, 0, 200))), "shop.zip", name="shop", prune=True)
    worked(parts, ended(jobs, again.job_id))
    summary = jobs.get(again.job_id).summary
    assert summary is not None
    told = {name: summary["products"][name] for name in ("updated", "unchanged", "pruned", "indexed")}
    assert told == {"updated": 1, "unchanged": 1, "pruned": 1, "indexed": 0}
    assert parts.pipeline.scenes == looked  # type: ignore[attr-defined]
    assert not [key for key in parts.objects.keys("uploads/") if not key.startswith("uploads/pictures/")]


def test_jobs_that_end_otherwise(parts: IngestDependencies, jobs: SharedFeedJobs) -> None:
    """A feed that cannot be read, one of bad rows, one that is cancelled: each says so, and may be started again."""
    broken, empty = sent(jobs, b"id,title\n", "broken.csv"), sent(jobs, lines(BAD), "empty.jsonl")
    cancelled = sent(jobs, lines(row("a")), "later.jsonl")
    assert jobs.cancel(cancelled.job_id).state is JobState.CANCELLED
    worked(parts, lambda: all(job.state.has_ended for job in jobs.latest()))
    errors = {job.feed: job.error and job.error[0] for job in jobs.latest()}
    assert errors == {"broken.csv": "feed-unreadable", "empty.jsonl": "nothing-taken", "later.jsonl": None}
    assert jobs.get(broken.job_id).state is jobs.get(empty.job_id).state is JobState.FAILED
    with pytest.raises(JobNotFound):
        jobs.get("none")
    again = jobs.retry(cancelled.job_id)
    assert (again.state, again.finished) == (JobState.QUEUED, None)
    worked(parts, ended(jobs, again.job_id))
    assert jobs.get(again.job_id).summary is not None
    parts.objects.delete(list(parts.objects.keys("uploads/")))
    with pytest.raises(JobNotStartable, match="no longer stored"):
        jobs.retry(broken.job_id)
    with pytest.raises(FeedsNotTaken, match="thatlook ingest"):
        jobs.submit(FeedRequest("path", "/etc/passwd"))


def test_a_feed_is_cancelled_while_it_is_read(parts: IngestDependencies, jobs: SharedFeedJobs) -> None:
    """Reading stops; new products that wait are taken back, others are brought up to date; nothing waits for ever."""
    worked(parts, ended(jobs, sent(jobs, lines(row("p0"))).job_id))
    job = sent(jobs, lines(*(row(f"p{n}", title="New words") for n in range(3000))))

    def reading() -> bool:
        if parts.ledger.counts()[IngestState.PENDING] > 100:
            jobs.cancel(job.job_id)
        return jobs.get(job.job_id).state.has_ended

    worked(parts, reading)
    found = jobs.get(job.job_id)
    assert found.state is JobState.CANCELLED
    assert found.error is not None
    assert found.error[0] == "cancelled"
    assert "new products that waited for a worker were withdrawn" in found.error[1]
    work_until_done(parts)
    entries = parts.ledger.page(limit=5000)
    assert 0 < len(entries) < 3000
    assert IngestState.PENDING not in {entry.state for entry in entries}
    assert parts.ledger.get(["p0"])["p0"].product.title == "New words"
    assert list(all_drift(parts)) == []


def test_what_a_worker_looks_at_may_be_taken_back(
    parts: IngestDependencies, jobs: SharedFeedJobs, tmp_path: Path
) -> None:
    """A product whose feed is cancelled between its embedding and its first row leaves nothing behind."""
    assert parts.work is not None
    work, said, since = parts.work, list[str](), datetime.now(UTC)
    feed = write_feed(tmp_path, [row("a"), row("b")])

    class Cancelled(FakePipeline):
        def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
            said.append(withdrawn(parts.ledger, work, feed.name, since))
            return super().embed(crops)

    ingest_feed(parts, feed, queued=True)
    work_until_done(replace(parts, pipeline=Cancelled()))
    assert "2 new products" in said[0]
    assert parts.ledger.page() == []
    assert list(all_drift(parts)) == []


def test_feeds_of_one_name_keep_their_order(parts: IngestDependencies, jobs: SharedFeedJobs, tmp_path: Path) -> None:
    """The later one's words stand in the end, whoever reads them; no more wait than may."""
    assert parts.work is not None
    rows = parts.work.feeds
    few = SharedFeedJobs(rows, parts.ledger, parts.objects, tmp_path / "few", replace(RULES, most_waiting=2))
    first, second = sent(few, lines(row("a", title="Old"))), sent(few, lines(row("a", title="New")))
    with pytest.raises(FeedsNotTaken, match="2 feeds wait"):
        sent(few, lines(row("a")))
    worked(parts, lambda: all(job.state.has_ended for job in jobs.latest()))
    assert parts.ledger.get(["a"])["a"].product.title == "New"
    first, second = jobs.get(first.job_id), jobs.get(second.job_id)
    assert first.finished is not None
    assert second.started is not None
    assert first.finished <= second.started
    assert len(list(parts.objects.keys("uploads/"))) == sum(job.state is not JobState.DONE for job in jobs.latest())


def test_a_reader_that_is_killed_is_followed_by_another(
    parts: IngestDependencies, jobs: SharedFeedJobs, tmp_path: Path, database: str
) -> None:
    """Killed with -9 in the middle of a feed, the job goes on elsewhere, and nothing is lost or doubled."""
    job = sent(jobs, lines(*(row(f"p{n:03}") for n in range(200))))

    def die() -> None:
        mine = open_worker_parts(tmp_path, database)
        work = mine.work
        assert work is not None
        enqueue = JobQueue.enqueue

        def dying(self: JobQueue, connection: Any, queued: Sequence[Any]) -> None:
            enqueue(self, connection, queued)
            if queued:
                os.kill(os.getpid(), signal.SIGKILL)

        JobQueue.enqueue = dying  # type: ignore[assignment, method-assign]
        threading.Timer(30.0, os._exit, [1]).start()
        stopping = Event()
        lanes = queue_worker.Lanes((LANE,), reader(mine, stopping).do, lambda: None, 1.0, poll_s=0.1)
        queue_worker.work(work.dsn, lanes, stopping)

    assert in_child(die) == signal.SIGKILL
    assert jobs.get(job.job_id).state is JobState.RUNNING
    worked(parts, ended(jobs, job.job_id), lease_s=1.0)
    done = jobs.get(job.job_id)
    assert (done.state, done.counts["read"]) == (JobState.DONE if done.error is None else JobState.FAILED, 200)
    assert sum(parts.ledger.counts().values()) == 200


def test_a_feed_sent_twice_at_once_is_one_job(
    parts: IngestDependencies, jobs: SharedFeedJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same key, while the first is still being stored; nothing of the second is kept."""
    put_file, both = type(parts.objects).put_file, threading.Barrier(2)

    def slowly(self: Any, *arguments: Any) -> None:
        put_file(self, *arguments)
        both.wait(10)

    monkeypatch.setattr(type(parts.objects), "put_file", slowly)
    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(lambda _: sent(jobs, lines(row("a")), key="k").job_id, range(2)))
    assert taken[0] == taken[1]
    assert [job.job_id for job in jobs.latest()] == [taken[0]]
    assert [key.split("/")[1] for key in parts.objects.keys("uploads/")] == [taken[0]]


def test_what_nobody_expected_ends_the_job(
    parts: IngestDependencies, jobs: SharedFeedJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is told at the job, and the next feed of its name is not held up by it."""
    monkeypatch.setattr(FeedReader, "_settle", lambda *_: 1 / 0)
    first = sent(jobs, lines(row("a")))
    worked(parts, ended(jobs, first.job_id))
    assert jobs.get(first.job_id).error == ("unexpected", "unexpected failure (ZeroDivisionError).")
    monkeypatch.undo()
    second = sent(jobs, lines(row("a")))
    worked(parts, ended(jobs, second.job_id))
    assert jobs.get(second.job_id).summary is not None


def test_a_feed_is_read_for_the_models_that_serve(
    parts: IngestDependencies, jobs: SharedFeedJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where other models come to serve in the middle, the feed is read again for them."""
    asked: list[int] = []

    def changing(self: FeedReader, *arguments: Any) -> Any:
        asked.append(1)
        if len(asked) == 1:
            raise GenerationChanged
        return ingest(self, *arguments)

    ingest = FeedReader._ingest
    monkeypatch.setattr(FeedReader, "_ingest", changing)
    job = sent(jobs, lines(BAD))
    worked(parts, ended(jobs, job.job_id))
    assert (len(asked), (jobs.get(job.job_id).error or ("",))[0]) == (2, "nothing-taken")


def test_servers_that_are_away_are_waited_for(
    parts: IngestDependencies, jobs: SharedFeedJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object store that fails twice delays the job; one that never answers fails it, with its words."""
    job, get_file, left = sent(jobs, lines(BAD)), type(parts.objects).get_file, [2]

    def failing(self: Any, key: str, path: Path) -> None:
        if left[0]:
            left[0] -= 1
            raise StoreUnavailable("S3 is away.")
        get_file(self, key, path)

    monkeypatch.setattr(type(parts.objects), "get_file", failing)
    worked(parts, ended(jobs, job.job_id))
    assert (jobs.get(job.job_id).error or ("",))[0] == "nothing-taken"
    monkeypatch.setattr(feed_reader, "MOST_TRIES", 2)
    left[0] = 100
    jobs.retry(job.job_id)
    worked(parts, ended(jobs, job.job_id))
    assert jobs.get(job.job_id).error == ("store-unavailable", "S3 is away.")


def test_of_many_workers_one_watches(parts: IngestDependencies, jobs: SharedFeedJobs, tmp_path: Path) -> None:
    """Two watches of one address ask once; the API knows of it; a failure is told to all."""
    asked: list[str] = []
    work = parts.work
    assert work is not None
    rules = WatchRules("http://127.0.0.1:9/feed.jsonl", 3600.0, RULES.remote)
    first, second = (SharedFeedWatch(jobs, rules, parts.ledger, work) for _ in range(2))
    assert first.look().failures == 1
    assert second.look().failures == 1
    asked += [each.problem or "" for each in (first.feed, second.feed)]
    assert asked[0] == asked[1] != ""
    with looking(SharedFeedWatch(jobs, rules, parts.ledger, work)):
        time.sleep(0.05)  # It begins, sees that nothing is due, and ends when it is asked to.
    watched = jobs.watched()
    assert watched is not None
    assert (watched.feed_url, watched.failures) == (rules.url, 1)
