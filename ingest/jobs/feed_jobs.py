"""Feeds taken by a server that holds an embedded home, one after the other, beside its searches.

A job survives a restart: what waited goes on, what was under way is called interrupted and can be started again, which
does only what is left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Event, Thread

from engine.errors import ThatLookError
from engine.generations.record import GenerationChanged
from engine.jobs import FeedJob, FeedRequest, JobState, WatchedFeed
from engine.system.printing import spelled
from engine.system.redaction import redacted
from engine.system.refusals import refusal
from ingest.jobs.accepting import (
    KEPT,
    KEPT_WITH_FEED,
    FeedRules,
    accepted,
    error_of,
    log_fields,
    not_found,
    nothing_taken,
    started_again,
    taken_before,
    too_many,
)
from ingest.jobs.archives import is_archive, unpacked
from ingest.jobs.download import DownloadStopped, download
from ingest.jobs.job_files import JobFiles
from ingest.options import feed_options
from ingest.pipeline import RunStopped, ingest_feed
from ingest.progress import summary_json
from ingest.run.dependencies import IngestDependencies
from ingest.run.summary import FeedBrokenOff, Progress, Summary
from ingest.run.writer import Writer

_log = logging.getLogger(__name__)


class HomeFeedJobs:
    """Implements `engine.jobs.FeedJobs` with files in a home and one thread."""

    def __init__(
        self,
        parts: IngestDependencies,
        folder: Path,
        writer: Writer,
        rules: FeedRules | None = None,
        current: Callable[[], Writer] | None = None,
    ) -> None:
        """Read the jobs of before; nothing is worked on until `start`.

        Args:
            current: the process's writer over the collections that serve at present, with its parts.
        Raises:
            StoreUnavailable: the folder cannot be made.
        """
        self._current = current or (lambda: replace(writer, parts=parts))
        self._files = JobFiles(folder)
        self._rules = rules or FeedRules()
        self._changed = Condition()
        self._stopping, self._closing = Event(), False
        self._at_work: str | None = None
        self._thread: Thread | None = None
        self.watched_feed: WatchedFeed | None = None
        self._jobs = {job.job_id: job for job in self._files.all()}
        for job in list(self._jobs.values()):
            if job.state is JobState.RUNNING:
                self._end(job, JobState.INTERRUPTED, ("interrupted", "The server ended before this job did."))

    @property
    def folder(self) -> Path:
        """Where jobs lie."""
        return self._files.folder

    def inbox(self) -> Path:
        """A new file's path for an upload."""
        return self._files.inbox()

    def submit(self, request: FeedRequest) -> FeedJob:
        """Take a feed on.

        Raises:
            FeedsNotTaken: too many wait.
            QueryRejected: options, or an address, that cannot be.
        """
        request, label = accepted(request, self._rules.remote)
        with self._changed:
            if (before := taken_before(request, self._jobs.values())) is not None:
                return before
            if sum(job.state is JobState.QUEUED for job in self._jobs.values()) >= self._rules.most_waiting:
                raise too_many(self._rules)
            job = self._files.new(request, label)
            self._jobs[job.job_id] = job
            self._changed.notify_all()
        _log.info("feed job taken on", extra={"fields": log_fields(job)})
        return job

    def get(self, job_id: str) -> FeedJob:
        """A job as it stands."""
        job = self._jobs.get(job_id)
        if job is None:
            raise not_found(job_id)
        return job

    def latest(self, limit: int = 20) -> Sequence[FeedJob]:
        """Jobs, newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.job_id), reverse=True)[:limit]

    def cancel(self, job_id: str) -> FeedJob:
        """End a job."""
        with self._changed:
            job = self.get(job_id)
            if job.state is JobState.QUEUED:
                return self._end(job, JobState.CANCELLED)
            if job.state is JobState.RUNNING and not job.cancelling:
                job = self._jobs[job_id] = replace(job, cancelling=True)
                self._stopping.set()
            return job

    def retry(self, job_id: str) -> FeedJob:
        """Start a job again."""
        with self._changed:
            job = self.get(job_id)
            again = started_again(job, stored=not job.request.is_stored or self._files.feed_path(job).exists())
            self._save(again)
            self._changed.notify_all()
            return again

    def watched(self) -> WatchedFeed | None:
        """The feed that is fetched on a schedule."""
        return self.watched_feed

    def start(self) -> None:
        """Begin to take feeds, those that waited before included."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="ingest-feeds", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop: the job under way is interrupted, with what it wrote kept; what waits goes on waiting."""
        with self._changed:
            self._closing = True
            self._stopping.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while job := self._next():
            try:
                self._run(job)
            except Exception as error:
                _log.exception("The feed job %s could not be worked on", job.job_id)
                with suppress(ThatLookError):
                    self._end(self.get(job.job_id), JobState.FAILED, error_of(error))

    def _next(self) -> FeedJob | None:
        """The job that has waited longest, begun; None at the end."""
        with self._changed:
            while not self._closing:
                waiting = [job for job in self._jobs.values() if job.state is JobState.QUEUED]
                if waiting:
                    job = min(waiting, key=lambda each: (each.created, each.job_id))
                    self._stopping.clear()
                    job = replace(job, state=JobState.RUNNING, started=datetime.now(UTC))
                    with suppress(ThatLookError):  # Full disks are told by what cannot be written of the catalogue.
                        self._save(job)
                    return job
                self._changed.wait()
            return None

    def _run(self, job: FeedJob) -> None:
        _log.info("feed job begins", extra={"fields": log_fields(job)})
        try:
            with self._feed_of(job) as (feed, origin):
                summary = self._ingest(job, feed, origin)
            self._settle(job.job_id, summary)
        except (RunStopped, DownloadStopped) as error:
            self._stopped(self.get(job.job_id), error)
        except FeedBrokenOff as error:
            self._end(self.get(job.job_id), JobState.FAILED, error_of(error), error.summary)
        except Exception as error:
            if not isinstance(error, ThatLookError):
                _log.exception("A feed job failed unexpectedly")
            self._end(self.get(job.job_id), JobState.FAILED, error_of(error))

    @contextmanager
    def _feed_of(self, job: FeedJob) -> Iterator[tuple[Path, str]]:
        """The feed's file, fetched and unpacked if need be, and where it comes from."""
        request = job.request
        if request.source == "path":
            yield self._opened(job, Path(request.place)), spelled(str(Path(request.place).resolve().parent))
            return
        path = self._files.feed_path(job)
        if request.source == "address":
            download(request.place, path, self._rules.remote, stopping=self._stopping)
        yield self._opened(job, path), redacted(request.place) if not request.is_stored else "an upload"

    def _opened(self, job: FeedJob, path: Path) -> Path:
        return unpacked(path, self._files.scratch(job), job.feed) if is_archive(path) else path

    def _ingest(self, job: FeedJob, feed: Path, origin: str) -> Summary:
        """The run; begun anew, with what is left to do, where other models came to serve."""
        while True:
            try:
                return self._run_through(job, feed, origin, self._current())
            except GenerationChanged:
                with self._changed:  # A run that breaks off sets it; whoever cancels the job means it.
                    if not (self._closing or self._jobs[job.job_id].cancelling):
                        self._stopping.clear()
                _log.info("feed job goes on with other models", extra={"fields": log_fields(job)})

    def _run_through(self, job: FeedJob, feed: Path, origin: str, writer: Writer) -> Summary:
        request = job.request
        return ingest_feed(
            writer.parts,
            feed,
            request.policy or self._rules.policy,
            prune=request.prune,
            prune_all=request.prune_all,
            limit=request.limit,
            name=job.feed,
            named=request.name is not None,
            options=feed_options(request),
            progress=lambda progress: self._progress(job.job_id, progress),
            origin=origin,
            writer=writer,
            stopping=self._stopping,
        )

    def _progress(self, job_id: str, progress: Progress) -> None:
        """Kept in memory: the ledger's run has it too, and a restart finds it there."""
        with self._changed:
            job = self._jobs[job_id]
            self._jobs[job_id] = replace(
                job, run_id=progress.run_id, done=progress.done, total=progress.total, counts=dict(progress.counts)
            )

    def _settle(self, job_id: str, summary: Summary) -> None:
        error = nothing_taken(summary)
        self._end(self.get(job_id), JobState.FAILED if error else JobState.DONE, error, summary)

    def _stopped(self, job: FeedJob, error: ThatLookError) -> None:
        if job.cancelling:
            self._end(job, JobState.CANCELLED, ("cancelled", error.message))
        else:
            self._end(job, JobState.INTERRUPTED, ("interrupted", "The server ended before this job did."))

    def _end(
        self, job: FeedJob, state: JobState, error: tuple[str, str] | None = None, summary: Summary | None = None
    ) -> FeedJob:
        document = summary_json(summary) if summary else None
        ended = replace(
            job, state=state, finished=datetime.now(UTC), cancelling=False, error=error, summary=document,
            run_id=summary.run_id if summary else job.run_id,
        )  # fmt: skip
        with self._changed:
            try:
                self._files.drop_feed(ended, upload_too=state is JobState.DONE)
                self._files.save(ended)
            except OSError as problem:
                _log.error("A feed job cannot be written down: %s", refusal(problem, "It", self._files.folder).message)
            self._jobs[job.job_id] = ended
            self._forget_old()
        _log.info("feed job ended", extra={"fields": log_fields(ended)})
        return ended

    def _forget_old(self) -> None:
        ended = [job for job in self.latest(len(self._jobs)) if job.state.has_ended]
        for job in ended[KEPT:]:
            del self._jobs[job.job_id]
            self._files.remove(job.job_id)
        startable = [job for job in ended if job.state is not JobState.DONE]
        for job in startable[KEPT_WITH_FEED:]:
            self._files.drop_feed(job, upload_too=True)

    def _save(self, job: FeedJob) -> None:
        try:
            self._files.save(job)
        except OSError as error:
            raise refusal(error, "The feed job cannot be written down", self._files.folder) from error
        finally:
            self._jobs[job.job_id] = job


@contextmanager
def running_feeds(
    parts: IngestDependencies,
    folder: Path,
    writer: Writer,
    rules: FeedRules | None = None,
    current: Callable[[], Writer] | None = None,
) -> Iterator[HomeFeedJobs]:
    """Feed jobs that are worked on in the background, stopped in the end."""
    jobs = HomeFeedJobs(parts, folder, writer, rules, current)
    jobs.start()
    try:
        yield jobs
    finally:
        jobs.close()
