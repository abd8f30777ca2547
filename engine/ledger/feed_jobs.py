"""Feed jobs of a catalogue in servers: rows beside the queue, so that both come at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, text, update

from engine.jobs import FeedJob, JobState
from engine.ledger.tables import feed_jobs
from engine.seams import Job

if TYPE_CHECKING:
    from engine.ledger.queue import JobQueue

_Opened = Callable[[], AbstractContextManager[Connection]]
LOOKED_AT = 200
"""Jobs among which one that is the same is looked for."""
_UNFINISHED = (JobState.QUEUED.value, JobState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job, and what those who work on it note beside it (JSON values)."""

    job: FeedJob
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FeedJobRows:
    """Each call is a transaction of its own.

    Raises:
        StoreUnavailable: PostgreSQL does not answer.
    """

    queue: JobQueue
    _transaction: _Opened
    _reading: _Opened

    def add(
        self, stored: StoredJob, work: Job, most_waiting: int, before: Callable[[Sequence[FeedJob]], FeedJob | None]
    ) -> FeedJob | None:
        """Take a job on and queue it; None where as many wait already as may.

        Args:
            before: of the latest jobs the one that this one is, if any; it is given back then, and nothing added.
        """
        waiting = select(func.count()).where(feed_jobs.c.state == JobState.QUEUED.value)
        with self._transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('thatlook feed jobs', 0))"))
            if (same := before([each.job for each in _latest(connection, LOOKED_AT)])) is not None:
                return same
            if connection.execute(waiting).scalar_one() >= most_waiting:
                return None
            connection.execute(insert(feed_jobs), [_row(stored)])
            self.queue.enqueue(connection, [work])
            return stored.job

    def get(self, job_id: str) -> StoredJob | None:
        """A job as it stands."""
        with self._reading() as connection:
            found = connection.execute(select(feed_jobs.c.document).where(feed_jobs.c.job_id == job_id)).scalar()
        return None if found is None else _read(found)

    def latest(self, limit: int) -> list[StoredJob]:
        """Jobs, newest first."""
        with self._reading() as connection:
            return _latest(connection, limit)

    def change(
        self, job_id: str, made: Callable[[StoredJob], StoredJob | None], work: Sequence[Job] = ()
    ) -> StoredJob | None:
        """Change a job that nobody else changes meanwhile, and queue work with it; the job as it stands then.

        Args:
            made: the job as it is to be; None leaves it, and queues nothing.
        """
        held = select(feed_jobs.c.document).where(feed_jobs.c.job_id == job_id).with_for_update()
        with self._transaction() as connection:
            found = connection.execute(held).scalar()
            if found is None:
                return None
            old = _read(found)
            new = made(old)
            if new is None:
                return old
            connection.execute(update(feed_jobs).where(feed_jobs.c.job_id == job_id).values(**_row(new)))
            self.queue.enqueue(connection, work)
            return new

    def has_earlier(self, job: FeedJob) -> bool:
        """Whether a job of the same feed that was taken on before this one has not ended."""
        created = job.created.timestamp()
        before = or_(
            feed_jobs.c.created < created, and_(feed_jobs.c.created == created, feed_jobs.c.job_id < job.job_id)
        )
        query = select(func.count()).where(feed_jobs.c.feed == job.feed, feed_jobs.c.state.in_(_UNFINISHED), before)
        with self._reading() as connection:
            return bool(connection.execute(query).scalar_one())

    def remove(self, job_ids: Sequence[str]) -> None:
        """Forget jobs."""
        with self._transaction() as connection:
            connection.execute(delete(feed_jobs).where(feed_jobs.c.job_id.in_(job_ids)))


def _latest(connection: Connection, limit: int) -> list[StoredJob]:
    newest = select(feed_jobs.c.document).order_by(feed_jobs.c.created.desc(), feed_jobs.c.job_id.desc())
    return [_read(document) for document in connection.execute(newest.limit(limit)).scalars()]


def _row(stored: StoredJob) -> dict[str, Any]:
    job = stored.job
    return {
        "job_id": job.job_id,
        "feed": job.feed,
        "state": job.state.value,
        "created": job.created.timestamp(),
        "document": msgspec.json.encode(stored).decode(),
    }


def _read(document: str) -> StoredJob:
    return msgspec.json.decode(document, type=StoredJob)
