"""The worker's side of feeds sent to the API: reads one, queues its products, and says in the end what became of them.

A job is done at least once, like every job of the queue: a worker that dies while it reads is followed by another,
which begins the feed anew and finds what is queued already.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import msgspec

from engine.errors import StoreUnavailable, ThatLookError
from engine.generations.record import GenerationChanged
from engine.jobs import FeedJob, JobState
from engine.ledger.feed_jobs import StoredJob
from engine.ledger.queue_worker import Claim, TryLater
from engine.ledger.work import SharedWork
from engine.seams import IngestState
from engine.system.redaction import redacted
from ingest.jobs.accepting import KEPT, KEPT_WITH_FEED, FeedRules, error_of, log_fields, nothing_taken
from ingest.jobs.archives import is_archive, unpacked
from ingest.jobs.download import DownloadStopped, download
from ingest.jobs.job_files import safe_name
from ingest.jobs.portable_pictures import PortablePictures
from ingest.options import feed_options
from ingest.pipeline import RunStopped, ingest_feed
from ingest.progress import summary_json
from ingest.queue.feed_queue import counts_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.summary import FeedBrokenOff, Progress, Summary
from ingest.scale.withdrawal import withdrawn

MOST_LOSSES = 3
"""A feed whose reader died so often is not read again."""
MOST_TRIES = 20
AWAY_S = (2.0, 60.0)
TURN_S = 2.0
"""Until a feed is looked at again that waits for an earlier one of its name."""
SETTLE_S, INLINE_S, LOOK_S = (2.0, 60.0), 10.0, 0.3
POLL_S = 1.0
_log = logging.getLogger(__name__)


class FeedReader:
    """Does jobs of the lane `read-feed`. Safe to call from several threads."""

    def __init__(
        self,
        parts: IngestDependencies,
        work: SharedWork,
        rules: FeedRules,
        bucket: str,
        folder: Path,
        stopping: Event,
        current: Callable[[], IngestDependencies] | None = None,
    ) -> None:
        """`folder` holds feeds while they are read; `bucket` is the object store's.

        Args:
            current: the parts of the generation that serves at present.
        """
        self._current = current or (lambda: parts)
        self._parts, self._work, self._rows = parts, work, work.feeds
        self._rules, self._bucket, self._folder, self._stopping = rules, bucket, folder, stopping

    def do(self, claim: Claim) -> None:
        """Do a job as far as it goes now.

        Raises:
            TryLater: it is not at its end.
        """
        job_id = claim.payload.decode()
        try:
            with self._work.alone(f"feed job {job_id}") as mine:
                if not mine:
                    raise TryLater(TURN_S, "another worker is at this feed")
                self._do_or_fail(claim, job_id)
        except StoreUnavailable as error:
            raise TryLater(AWAY_S[0], error.message) from error

    def _do_or_fail(self, claim: Claim, job_id: str) -> None:
        try:
            self._do(claim, job_id)
        except (TryLater, StoreUnavailable):
            raise
        except Exception as error:  # Nobody else would end this job, and later feeds of its name wait for that.
            _log.exception("A feed job failed unexpectedly")
            if (stored := self._rows.get(job_id)) is not None and not stored.job.state.has_ended:
                self._end(stored, JobState.FAILED, error_of(error))

    def _do(self, claim: Claim, job_id: str) -> None:
        stored = self._rows.get(job_id)
        if stored is None or stored.job.state.has_ended:
            return
        if claim.losses >= MOST_LOSSES:
            self._end(stored, JobState.FAILED, ("crashed", "The worker ended each time that it read this feed."))
        elif self._rows.has_earlier(stored.job):
            raise TryLater(TURN_S, "an earlier feed of this name is not done")
        elif stored.job.cancelling:
            self._end_cancelled(stored)
        elif "since" not in stored.notes:
            self._read(stored)
        else:
            self._settle(stored)

    def _read(self, stored: StoredJob) -> None:
        begun = self._rows.change(stored.job.job_id, _begun)
        if begun is None or begun.job.state is not JobState.RUNNING:
            return
        job = begun.job
        _log.info("feed job begins", extra={"fields": log_fields(job)})
        try:
            with self._watched_stop(job.job_id) as stopping:
                notes = self._queued(job, stopping)
        except (RunStopped, DownloadStopped) as error:
            if self._stopping.is_set():
                raise TryLater(0.0, "the worker is stopping") from error
            self._end_cancelled(begun)
        except GenerationChanged as error:
            raise TryLater(TURN_S, error.message) from error
        except StoreUnavailable as error:
            self._wait_or_fail(begun, error)
        except Exception as error:
            if not isinstance(error, ThatLookError):
                _log.exception("A feed job failed unexpectedly")
            self._end(begun, JobState.FAILED, error_of(error))
        else:
            read = self._rows.change(job.job_id, lambda found: StoredJob(found.job, notes))
            if read is not None:
                self._settle(read)

    def _queued(self, job: FeedJob, stopping: Event) -> dict[str, Any]:
        """Read the feed and queue its products; what is to be known of that later."""
        broken: FeedBrokenOff | None = None
        with self._feed_of(job, stopping) as (feed, origin, portable):
            try:
                summary = self._ingest(job, feed, origin, portable, stopping)
            except FeedBrokenOff as error:
                broken, summary = error, error.summary
            else:
                if portable is not None and job.request.prune and summary.complete and summary.note is None:
                    portable.drop_others()
        return {
            "since": (job.started or job.created).timestamp(),
            "summary": msgspec.to_builtins(summary),
            "error": None if broken is None else error_of(broken),
        }

    @contextmanager
    def _feed_of(self, job: FeedJob, stopping: Event) -> Iterator[tuple[Path, str, PortablePictures | None]]:
        """The feed's file, fetched and unpacked if need be, where it comes from, and the pictures that came with it."""
        request = job.request
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="feed-", dir=self._folder) as scratch:
            path = Path(scratch) / "feed" / safe_name(request.file_name or job.feed)
            path.parent.mkdir()
            if request.is_stored:
                self._parts.objects.get_file(request.place, path)
            else:
                download(request.place, path, self._rules.remote, stopping=stopping)
            origin = "an upload" if request.is_stored else redacted(request.place)
            if not is_archive(path):
                yield path, origin, None
                return
            feed = unpacked(path, Path(scratch) / "unpacked", job.feed)
            pictures = PortablePictures(self._parts.objects, self._bucket, job.feed, feed.parent)
            pictures.store()
            yield feed, origin, pictures

    def _ingest(
        self, job: FeedJob, feed: Path, origin: str, portable: PortablePictures | None, stopping: Event
    ) -> Summary:
        request = job.request

        def waits(why: str | None) -> None:
            if why and stopping.is_set():
                raise RunStopped("The run was stopped before the end of its feed; what was written is kept.")

        return ingest_feed(
            self._current(),
            feed,
            request.policy or self._rules.policy,
            prune=request.prune,
            prune_all=request.prune_all,
            limit=request.limit,
            name=job.feed,
            named=request.name is not None,
            options=feed_options(request),
            progress=partial(self._progress, job.job_id),
            origin=origin,
            stopping=stopping,
            queued=True,
            waits=waits,
            portable=portable or (lambda reference: reference),
        )

    def _settle(self, stored: StoredJob) -> None:
        """End a job whose products are done with; wait for a moment, then leave it for later."""
        read = msgspec.convert(stored.notes["summary"], Summary)
        since = datetime.fromtimestamp(stored.notes["since"], UTC)
        give_up = time.monotonic() + INLINE_S
        while True:
            states = self._work.states(read.feed, since)
            if not states.get(IngestState.PENDING):
                break
            counts = {**stored.job.counts, **counts_of(states, read.queued_words)}
            shown = self._rows.change(stored.job.job_id, partial(_counted, counts))
            if shown is None or shown.job.cancelling:
                break
            if time.monotonic() > give_up or self._stopping.wait(LOOK_S):
                age_s = (datetime.now(UTC) - since).total_seconds()
                raise TryLater(max(SETTLE_S[0], min(SETTLE_S[1], age_s / 20)), "its products are not done")
        self._conclude(stored, read, since)

    def _conclude(self, stored: StoredJob, read: Summary, since: datetime) -> None:
        found = self._rows.get(stored.job.job_id)
        if found is not None and found.job.cancelling:
            self._end_cancelled(found)
            return
        summary = self._whole(read, since)
        broken = stored.notes.get("error")
        error = (str(broken[0]), str(broken[1])) if broken else nothing_taken(summary)
        self._end(stored, JobState.FAILED if error else JobState.DONE, error, summary)

    def _whole(self, read: Summary, since: datetime) -> Summary:
        """The summary with what became of the products that were queued."""
        standing = self._work.standing(read.feed, since)
        counts = counts_of(standing.states, read.queued_words)
        return replace(
            read,
            indexed=counts["indexed"],
            updated=counts["updated"],
            refused=max(read.refused, counts["refused"]),
            failed=max(read.failed, counts["failed"]),
            products_refused={**read.products_refused, **standing.products},
            images_refused={**read.images_refused, **standing.images},
            taken=read.taken - read.queued + standing.states.get(IngestState.INDEXED, 0),
            seconds=round((datetime.now(UTC) - since).total_seconds(), 3),
        )

    def _progress(self, job_id: str, progress: Progress) -> None:
        with suppress(StoreUnavailable):  # The ledger's run has it, too.
            self._rows.change(job_id, partial(_progressed, progress))

    def _wait_or_fail(self, stored: StoredJob, error: StoreUnavailable) -> None:
        """Put a job back whose servers or disk are away, for a while."""
        tries = int(stored.notes.get("tries", 0)) + 1
        if tries >= MOST_TRIES:
            self._end(stored, JobState.FAILED, error_of(error))
            return
        self._rows.change(stored.job.job_id, lambda found: StoredJob(found.job, {"tries": tries}))
        raise TryLater(min(AWAY_S[1], AWAY_S[0] * 2.0 ** min(tries - 1, 10)), error.message) from error

    def _end_cancelled(self, stored: StoredJob) -> None:
        """End a job that was cancelled: its new products that wait are taken back."""
        job = stored.job
        said = withdrawn(self._parts.ledger, self._work, job.feed, job.started or job.created)
        self._end(stored, JobState.CANCELLED, ("cancelled", said))

    def _end(
        self, stored: StoredJob, state: JobState, error: tuple[str, str] | None = None, summary: Summary | None = None
    ) -> None:
        document = summary_json(summary) if summary else None

        def ended(found: StoredJob) -> StoredJob:
            job = replace(
                found.job, state=state, finished=datetime.now(UTC), cancelling=False, error=error, summary=document,
                run_id=summary.run_id if summary else found.job.run_id,
                counts=_final(found.job, summary),
            )  # fmt: skip
            return StoredJob(job)

        found = self._rows.change(stored.job.job_id, ended)
        if found is not None:
            _log.info("feed job ended", extra={"fields": log_fields(found.job)})
        with suppress(ThatLookError):  # What is not forgotten now is forgotten the next time.
            self._forget(stored.job if state is JobState.DONE else None)

    def _forget(self, done: FeedJob | None) -> None:
        """Remove feeds that nobody can start again, and jobs of long ago."""
        ended = [each.job for each in self._rows.latest(2 * KEPT) if each.job.state.has_ended]
        startable = [job for job in ended if job.state is not JobState.DONE]
        gone = [*ended[KEPT:], *startable[KEPT_WITH_FEED:], *([done] if done else [])]
        self._parts.objects.delete(sorted({job.request.place for job in gone if job.request.is_stored}))
        if ended[KEPT:]:
            self._rows.remove([job.job_id for job in ended[KEPT:]])

    @contextmanager
    def _watched_stop(self, job_id: str) -> Iterator[Event]:
        """An event that is set when the job is cancelled or the worker is to end."""
        stop, over = Event(), Event()

        def watch() -> None:
            while not over.wait(POLL_S):
                with suppress(ThatLookError):
                    found = self._rows.get(job_id)
                    if self._stopping.is_set() or found is None or found.job.cancelling:
                        stop.set()

        thread = Thread(target=watch, name="feed-job-watch", daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            over.set()
            thread.join()


def _begun(found: StoredJob) -> StoredJob | None:
    if found.job.state.has_ended:
        return None
    started = found.job.started or datetime.now(UTC)
    return StoredJob(replace(found.job, state=JobState.RUNNING, started=started), found.notes)


def _counted(counts: dict[str, int], found: StoredJob) -> StoredJob | None:
    if dict(found.job.counts) == counts:
        return None
    return StoredJob(replace(found.job, counts=counts), found.notes)


def _progressed(progress: Progress, found: StoredJob) -> StoredJob:
    job = replace(
        found.job, run_id=progress.run_id, done=progress.done, total=progress.total, counts=dict(progress.counts)
    )
    return StoredJob(job, found.notes)


def _final(job: FeedJob, summary: Summary | None) -> dict[str, int]:
    if summary is None:
        return dict(job.counts)
    named = ("indexed", "updated", "refused", "failed", "pruned")
    return {**job.counts, **{name: n for name in named if (n := getattr(summary, name))}}
