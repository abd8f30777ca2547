"""Feeds as jobs of a server: taken beside everything else, cancelled, interrupted, started again, nothing twice."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from engine.errors import QueryRejected
from engine.jobs import FeedJob, FeedRequest, FeedsNotTaken, JobNotFound, JobNotStartable, JobState
from engine.seams import IngestState
from engine.traffic import Traffic
from ingest.jobs.accepting import FeedRules, error_of
from ingest.jobs.feed_jobs import HomeFeedJobs, running_feeds
from ingest.jobs.giving_way import GivingWay
from ingest.jobs.job_files import JobFiles
from ingest.run.dependencies import IngestDependencies
from ingest.run.writer import Writer
from tests.fixtures.catalogue import FakePipeline, picture, row, state_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "jobs"


def feed_of(tmp_path: Path, *ids: str, price: str = "10.00 EUR", name: str = "feed.jsonl") -> Path:
    for each in [each for each in ids if not (tmp_path / f"{each}.png").exists()]:
        (tmp_path / f"{each}.png").write_bytes(picture())
    path = tmp_path / name
    path.write_text("".join(json.dumps(row(each, price=price)) + "\n" for each in ids))
    return path


def by_path(path: Path, **more: object) -> FeedRequest:
    return FeedRequest("path", str(path), **more)  # type: ignore[arg-type]


def ended(jobs: HomeFeedJobs, job_id: str) -> FeedJob:
    wait_for(lambda: jobs.get(job_id).state.has_ended)
    return jobs.get(job_id)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def test_a_feed_and_the_price_that_it_changes(parts: IngestDependencies, folder: Path, tmp_path: Path) -> None:
    """The job's report is the ingest's; a second feed with another price asks no model."""
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        first = ended(jobs, jobs.submit(by_path(feed_of(tmp_path, "a", "b"))).job_id)
        assert (first.state, first.feed, first.done, first.total) == (JobState.DONE, "feed.jsonl", 2, 2)
        assert first.summary is not None
        assert first.summary["products"]["indexed"] == 2
        assert parts.ledger.runs(1)[0].run_id == first.run_id
        pipeline = parts.pipeline
        assert isinstance(pipeline, FakePipeline)
        looks = pipeline.scenes
        second = ended(jobs, jobs.submit(by_path(feed_of(tmp_path, "a", "b", price="7.00 EUR"))).job_id)
        assert second.summary is not None
        assert (second.summary["products"]["updated"], pipeline.scenes) == (2, looks)
        assert parts.store.items_of("upper_wear_visual", "a")[0].price == 7.0
        assert [job.job_id for job in jobs.latest()] == [second.job_id, first.job_id]


def test_an_upload_is_stored_until_it_is_taken(parts: IngestDependencies, folder: Path, tmp_path: Path) -> None:
    """An archive with its pictures; when it is done only the job's document is left; sent again, nothing is new."""
    feed = feed_of(tmp_path, "a")
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        for count in ("indexed", "unchanged"):
            inbox = jobs.inbox()
            with zipfile.ZipFile(inbox, "w") as archive:
                archive.write(feed, "shop/feed.jsonl")
                archive.writestr(zipfile.ZipInfo("shop/a.png", time.localtime()[:6]), picture())
            job = ended(jobs, jobs.submit(FeedRequest("upload", str(inbox), file_name="shop.zip")).job_id)
            assert job.summary is not None
            assert job.summary["products"][count] == 1, job
            assert sorted(p.name for p in (folder / job.job_id).rglob("*") if p.is_file()) == ["job.json"]
        assert list((folder / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        (lambda folder: by_path(folder / "missing.csv"), "feed-unreadable"),
        (lambda folder: by_path(feed_of(folder, name="empty.xyz")), "feed-unreadable"),
        (lambda folder: FeedRequest("address", "http://127.0.0.1/feed.csv"), "query-rejected"),
        (lambda folder: FeedRequest("address", "http://[::ffff:10.0.0.1]/feed.csv"), "query-rejected"),
    ],
)
def test_what_cannot_be_taken_is_told(
    parts: IngestDependencies, folder: Path, tmp_path: Path, request_of: Callable[[Path], FeedRequest], code: str
) -> None:
    """The next job is not held up by it."""
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        job = ended(jobs, jobs.submit(request_of(tmp_path)).job_id)
        assert (job.state, job.error and job.error[0]) == (JobState.FAILED, code)
        assert "image_url" not in (job.error or ("", ""))[1]
        assert ended(jobs, jobs.submit(by_path(feed_of(tmp_path, "a"))).job_id).state is JobState.DONE


def test_rows_of_which_none_is_taken_are_a_failure(parts: IngestDependencies, folder: Path, tmp_path: Path) -> None:
    """As the command's exit status says; the report is there all the same."""
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id": "a", "title": "x"}\n')
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        job = ended(jobs, jobs.submit(by_path(path)).job_id)
    assert (job.state, job.error and job.error[0]) == (JobState.FAILED, "feed-unreadable")
    path.write_text(json.dumps({**row("a"), "link": "nowhere"}) + "\n")
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        job = ended(jobs, jobs.submit(by_path(path)).job_id)
    assert (job.state, job.error and job.error[0]) == (JobState.FAILED, "nothing-taken")
    assert job.summary is not None
    assert job.summary["bad_rows"] == 1


class Slow(FakePipeline):
    """Looks at the third picture only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = Event(), Event()

    def scene(self, image):  # type: ignore[no-untyped-def]
        if self.scenes == 2:
            self.reached.set()
            self.go_on.wait(20)
        return super().scene(image)


@pytest.fixture
def slow(parts: IngestDependencies) -> tuple[IngestDependencies, Slow]:
    pipeline = Slow()
    return replace(parts, pipeline=pipeline), pipeline


def test_cancelled_and_started_again(slow: tuple[IngestDependencies, Slow], folder: Path, tmp_path: Path) -> None:
    """What waits is cancelled at once, what runs soon; started again, the rest is done and nothing twice."""
    parts, pipeline = slow
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        job = jobs.submit(by_path(feed_of(tmp_path, *"abcdef")))
        waiting = jobs.submit(by_path(feed_of(tmp_path, "x", name="other.jsonl")))
        assert pipeline.reached.wait(20)
        assert jobs.cancel(waiting.job_id).state is JobState.CANCELLED
        assert jobs.cancel(job.job_id).cancelling
        with pytest.raises(JobNotStartable):
            jobs.retry(job.job_id)
        pipeline.go_on.set()
        assert ended(jobs, job.job_id).state is JobState.CANCELLED
        assert jobs.cancel(job.job_id).state is JobState.CANCELLED
        before = pipeline.scenes
        assert jobs.retry(job.job_id).job_id == job.job_id
        assert ended(jobs, job.job_id).state is JobState.DONE
        assert pipeline.scenes - before <= 6
        with pytest.raises(JobNotStartable):
            jobs.retry(job.job_id)
    assert parts.ledger.counts()[IngestState.INDEXED] == 6
    assert sum(parts.store.count(name) for name in parts.store.collections()) == 12


def test_a_server_that_ends_interrupts_its_job(
    slow: tuple[IngestDependencies, Slow], folder: Path, tmp_path: Path
) -> None:
    """What waits goes on by itself after a restart; what ran is interrupted, and can be started again."""
    parts, pipeline = slow
    jobs = HomeFeedJobs(parts, folder, Writer(parts))
    jobs.start()
    running = jobs.submit(by_path(feed_of(tmp_path, *"abcdef")))
    waiting = jobs.submit(by_path(feed_of(tmp_path, "x", name="other.jsonl")))
    assert pipeline.reached.wait(20)
    pipeline.go_on.set()
    jobs.close()
    assert jobs.get(running.job_id).state is JobState.INTERRUPTED
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        assert ended(jobs, waiting.job_id).state is JobState.DONE
        assert jobs.get(running.job_id).state is JobState.INTERRUPTED
        jobs.retry(running.job_id)
        assert ended(jobs, running.job_id).state is JobState.DONE
    state = state_of(parts)
    assert (len(state["products"]), len(state["rows"])) == (7, 14)


def test_a_killed_servers_job(parts: IngestDependencies, folder: Path, tmp_path: Path) -> None:
    """It stands as running in its document; whoever reads that next calls it interrupted. Half an upload is gone."""
    files = JobFiles(folder)
    job = files.new(by_path(feed_of(tmp_path, "a")), "feed.jsonl")
    files.save(replace(job, state=JobState.RUNNING, started=datetime.now(UTC)))
    files.inbox().write_bytes(b"half an upl")
    (folder / "20260101T000000-damaged1").mkdir()
    (folder / "20260101T000000-damaged1" / "job.json").write_bytes(b"00000000 {}\n")
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        (found,) = jobs.latest()
        assert (found.state, found.error and found.error[0]) == (JobState.INTERRUPTED, "interrupted")
        assert list((folder / "inbox").iterdir()) == []
        jobs.retry(found.job_id)
        assert ended(jobs, found.job_id).state is JobState.DONE


def test_what_is_refused_at_once(parts: IngestDependencies, folder: Path, tmp_path: Path) -> None:
    """Options that cannot be, addresses that are none, too many feeds, jobs that are not there."""
    jobs = HomeFeedJobs(parts, folder, Writer(parts), FeedRules(most_waiting=1))
    feed = feed_of(tmp_path, "a")
    for wrong in ({"currency": "EURO"}, {"encoding": "klingon"}, {"shop_url": "not an address"}):
        with pytest.raises(QueryRejected):
            jobs.submit(by_path(feed, **wrong))
    for address in ("ftp://shop.example/f", "http://user:secret@shop.example/f", "https://shop.example:22/f", "x"):
        with pytest.raises(QueryRejected) as error:
            jobs.submit(FeedRequest("address", address))
        assert "secret" not in str(error.value)
    with pytest.raises(JobNotFound):
        jobs.get("../../etc/passwd")
    jobs.submit(by_path(feed))
    with pytest.raises(FeedsNotTaken):
        jobs.submit(by_path(feed))


def test_searches_go_first(parts: IngestDependencies) -> None:
    """While a search is under way the models are left to it for a moment; embeddings are the same in small batches."""
    pipeline = parts.pipeline
    busy = [1]
    traffic = Traffic(lambda: busy[0], patience_s=0.05)
    polite = GivingWay(pipeline, traffic)
    start = time.monotonic()
    polite.scene(pipeline_picture())
    assert 0.05 <= time.monotonic() - start < 2
    busy[0] = 0
    start = time.monotonic()
    polite.scene(pipeline_picture())
    assert time.monotonic() - start < 0.05
    crops = [crop_of(shade) for shade in range(9)]
    for space in ("visual", "semantic"):
        assert (polite.embed(crops)[space] == pipeline.embed(crops)[space]).all()  # type: ignore[index]


def pipeline_picture():  # type: ignore[no-untyped-def]
    from engine.vision.images import decode

    return decode(picture())


def crop_of(shade: int):  # type: ignore[no-untyped-def]
    import numpy as np

    from engine.vision.crops import whole

    return whole(np.full((32, 32, 3), shade, np.uint8))


def test_a_request_that_comes_again_with_its_key_is_the_same_job(
    parts: IngestDependencies, folder: Path, tmp_path: Path
) -> None:
    """An upload too, whose second copy is not kept; after a restart; another request may not use the key."""
    feed = feed_of(tmp_path, "a")
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        first = ended(jobs, jobs.submit(by_path(feed, key="k1")).job_id)
        assert jobs.submit(by_path(feed, key="k1")) == first
        assert jobs.submit(by_path(feed, key="k2")).job_id != first.job_id
        with pytest.raises(QueryRejected, match="another request"):
            jobs.submit(by_path(feed, key="k1", prune=True))
        sent = []
        for _ in range(2):
            inbox = jobs.inbox()
            inbox.write_bytes(feed.read_bytes())
            sent.append(jobs.submit(FeedRequest("upload", str(inbox), file_name="feed.jsonl", key="k3")))
            assert not inbox.exists()
        assert sent[0].job_id == sent[1].job_id
        assert len(jobs.latest()) == 3
    with running_feeds(parts, folder, Writer(parts)) as jobs:
        assert jobs.submit(by_path(feed, key="k1")).job_id == first.job_id


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RuntimeError("can't start new thread"), "unavailable", "The system refuses it: no more threads may be begun"),
        (MemoryError(), "unavailable", "The system refuses it: there is not enough memory."),
        (ZeroDivisionError(), "unexpected", "unexpected failure (ZeroDivisionError)."),
    ],
)
def test_a_job_tells_what_the_system_refused(error: Exception, code: str, told: str) -> None:
    """A limit of the machine is no defect of ours."""
    assert error_of(error)[0] == code
    assert error_of(error)[1].startswith(told)
