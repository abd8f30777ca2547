"""Feeds sent to the API of a catalogue in servers: stored where every worker can read them, and queued.

A worker reads the feed and queues its products (`ingest/scale/feed_reader.py`); whichever process answers knows how far
that is, since all of it lies in the ledger's PostgreSQL.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec

from engine.errors import ThatLookError
from engine.jobs import FeedJob, FeedRequest, FeedsNotTaken, JobState, WatchedFeed
from engine.ledger.feed_jobs import LOOKED_AT, FeedJobRows, StoredJob
from engine.seams import Job, Ledger, ObjectStore
from engine.system.refusals import refusal
from ingest.jobs.accepting import (
    FeedRules,
    accepted,
    log_fields,
    not_found,
    same_job,
    started_again,
    taken_before,
    too_many,
)
from ingest.jobs.job_files import safe_name

LANE = "read-feed"
"""The lane of the queue whose jobs are feeds to be read; their products go by another."""
UPLOADS = "uploads"
WATCHED = "watched-feed"
"""The ledger's setting that holds what is known of the watched feed."""
STALE_S = 86_400.0
"""Files of an upload that nobody has touched for so long were left by a process that was killed."""
_log = logging.getLogger(__name__)


class SharedFeedJobs:
    """Implements `engine.jobs.FeedJobs` over PostgreSQL and the object store."""

    def __init__(
        self, rows: FeedJobRows, ledger: Ledger, objects: ObjectStore, folder: Path, rules: FeedRules | None = None
    ) -> None:
        """`folder` holds uploads until they are in the object store.

        Raises:
            StoreUnavailable: the folder cannot be made.
        """
        self._rows, self._ledger, self._objects, self._folder = rows, ledger, objects, folder
        self._rules = rules or FeedRules()
        made_inbox(folder)

    def inbox(self) -> Path:
        """A new file's path for an upload."""
        return self._folder / secrets.token_hex(8)

    def submit(self, request: FeedRequest) -> FeedJob:
        """Take a feed on.

        Raises:
            FeedsNotTaken: too many wait, or the feed is a path: workers cannot read this machine's files.
            QueryRejected: options, or an address, that cannot be.
            StoreUnavailable: PostgreSQL or the object store does not answer.
        """
        if request.source == "path":
            raise FeedsNotTaken("A feed by path is taken by `thatlook ingest`; send the feed itself, or its address.")
        local = Path(request.place) if request.is_stored else None
        try:
            request, label = accepted(request, self._rules.remote)
            if (before := taken_before(request, self.latest(LOOKED_AT))) is not None:
                return before
            now = datetime.now(UTC)
            job_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            job = FeedJob(job_id, request, JobState.QUEUED, now, label)
            if local is not None:
                key = f"{UPLOADS}/{job_id}/{safe_name(request.file_name or label)}"
                self._objects.put_file(key, local, "application/octet-stream")
                job = replace(job, request=replace(request, place=key))
            taken = self._take_on(job)
        finally:
            if local is not None:
                local.unlink(missing_ok=True)
        if taken is job:
            _log.info("feed job taken on", extra={"fields": log_fields(job)})
        return taken

    def get(self, job_id: str) -> FeedJob:
        """A job as it stands."""
        found = self._rows.get(job_id)
        if found is None:
            raise not_found(job_id)
        return found.job

    def latest(self, limit: int = 20) -> Sequence[FeedJob]:
        """Jobs, newest first."""
        return [stored.job for stored in self._rows.latest(limit)]

    def cancel(self, job_id: str) -> FeedJob:
        """End a job: at once where it waits, soon where its feed is read; see `ingest.scale.withdrawal`."""
        found = self._rows.change(job_id, _cancelled)
        if found is None:
            raise not_found(job_id)
        return found.job

    def retry(self, job_id: str) -> FeedJob:
        """Start a job again."""
        old = self.get(job_id)
        stored = not old.request.is_stored or self._objects.exists(old.request.place)

        def again(found: StoredJob) -> StoredJob:
            return StoredJob(started_again(found.job, stored=stored))

        found = self._rows.change(job_id, again, [work_of(job_id)])
        if found is None:
            raise not_found(job_id)
        return found.job

    def watched(self) -> WatchedFeed | None:
        """The feed that some worker fetches on a schedule; None where none has looked for long."""
        document = msgspec.json.decode(self._ledger.get_setting(WATCHED) or "{}")
        with suppress(msgspec.ValidationError, AttributeError):
            feed = msgspec.convert(document.get("feed"), WatchedFeed)
            if datetime.now(UTC) < feed.next_check + timedelta(seconds=2 * feed.every_s):
                return feed
        return None

    def _take_on(self, job: FeedJob) -> FeedJob:
        """The job; where it was sent a second time while the first was being stored, the first one."""
        taken: FeedJob | None = None
        try:
            before = partial(same_job, job.request)
            taken = self._rows.add(StoredJob(job), work_of(job.job_id), self._rules.most_waiting, before)
        finally:
            if taken is not job:
                self._drop(job)
        if taken is None:
            raise too_many(self._rules)
        return taken

    def _drop(self, job: FeedJob) -> None:
        if job.request.is_stored:
            with suppress(ThatLookError):
                self._objects.delete([job.request.place])


def work_of(job_id: str, delay_s: float = 0.0) -> Job:
    """The queue's job for a feed job."""
    return Job(LANE, job_id.encode(), 0, delay_s)


def made_inbox(folder: Path) -> None:
    """Make a folder for files under way, and remove what killed processes left in it.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(OSError):
                if left.is_file() and time.time() - left.stat().st_mtime > STALE_S:
                    left.unlink()
    except OSError as error:
        raise refusal(error, "Feeds cannot be stored", folder) from error


def _cancelled(stored: StoredJob) -> StoredJob | None:
    job = stored.job
    if job.state is JobState.QUEUED:
        return StoredJob(replace(job, state=JobState.CANCELLED, finished=datetime.now(UTC)), stored.notes)
    if job.state is JobState.RUNNING and not job.cancelling:
        return StoredJob(replace(job, cancelling=True), stored.notes)
    return None
