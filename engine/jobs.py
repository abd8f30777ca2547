"""Feeds that a server takes while it answers searches: what is asked for, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from engine.errors import InputRejected, NotFound, Unavailable
from engine.vision.gate import Policy

Source = Literal["upload", "address", "path", "schedule"]
"""Where a job's feed comes from: sent to us, fetched, lying on this machine, or fetched again and again."""


class JobNotFound(NotFound):
    """No such feed job."""


class JobNotStartable(InputRejected):
    """A job that is under way or done is not started again."""


class FeedsNotTaken(Unavailable):
    """This server takes no feeds at present."""


class JobState(StrEnum):
    """Where a job stands; `interrupted` is one whose server ended before it did."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A feed to be taken, with the options of `thatlook ingest`.

    Attributes:
        source: what `place` is: a file that the job takes over (`upload`, `schedule`), one that stays where it is
            (`path`), or an address that the job fetches (`address`).
        place: the file's path, or the address.
        name: what the ledger calls the feed; None takes the file's name.
        file_name: of an upload, as its sender calls it.
        policy: which pictures are indexed; None takes the server's.
        key: names this very request: one that comes again with it is the same job (`Idempotency-Key`).
    """

    source: Source
    place: str
    name: str | None = None
    file_name: str | None = None
    policy: Policy | None = None
    prune: bool = False
    prune_all: bool = False
    limit: int | None = None
    shop_url: str | None = None
    currency: str | None = None
    encoding: str | None = None
    key: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the feed's file lies with its job."""
        return self.source in ("upload", "schedule")


@dataclass(frozen=True, slots=True)
class FeedJob:
    """A feed that is, or was, taken.

    Attributes:
        done, total: lines read, of about how many.
        counts: products by what became of them.
        run_id: of the ledger's run, for the rows that were not taken.
        summary: the report of `thatlook ingest --json`, once there is one.
        error: `(code, message)` of what ended the job.
    """

    job_id: str
    request: FeedRequest
    state: JobState
    created: datetime
    feed: str
    started: datetime | None = None
    finished: datetime | None = None
    cancelling: bool = False
    run_id: int | None = None
    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class WatchedFeed:
    """A feed that is fetched on a schedule.

    Attributes:
        every_s: between two looks, as long as they succeed.
        last_checked, last_changed: when it was last asked for, and last came with something new.
        failures: looks in a row that failed; `problem` says how the last of them did.
    """

    feed_url: str
    every_s: float
    next_check: datetime
    last_checked: datetime | None = None
    last_changed: datetime | None = None
    last_job: str | None = None
    failures: int = 0
    problem: str | None = None


class FeedJobs(Protocol):
    """Takes feeds one after the other. Safe to call from several threads."""

    def inbox(self) -> Path:
        """A new file's path into which an upload may be written; `submit` takes the file over."""
        ...

    def submit(self, request: FeedRequest) -> FeedJob:
        """Take a feed on: it survives a restart when this returns.

        Raises:
            FeedsNotTaken: too many wait already.
        """
        ...

    def get(self, job_id: str) -> FeedJob:
        """A job as it stands.

        Raises:
            JobNotFound: there is none, or it was long ago.
        """
        ...

    def latest(self, limit: int = 20) -> Sequence[FeedJob]:
        """Jobs, newest first."""
        ...

    def cancel(self, job_id: str) -> FeedJob:
        """End a job: at once where it waits, soon where it runs; one that has ended stays as it is."""
        ...

    def retry(self, job_id: str) -> FeedJob:
        """Start a job again that was interrupted or cancelled, or failed.

        Raises:
            JobNotStartable: it is under way or done, or its feed is no longer there.
        """
        ...

    def watched(self) -> WatchedFeed | None:
        """The feed that is fetched on a schedule, if there is one."""
        ...
