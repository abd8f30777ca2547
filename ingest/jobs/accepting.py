"""What every feed job has in common, wherever it is worked on: what is accepted, started again, and said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.errors import QueryRejected, ThatLookError, Unavailable
from engine.jobs import FeedJob, FeedRequest, FeedsNotTaken, JobNotFound, JobNotStartable, JobState
from engine.remote import RemoteLimits
from engine.system.printing import spelled
from engine.system.redaction import redacted
from engine.system.refusals import system_words
from engine.vision.gate import Policy
from ingest.jobs.download import check_address
from ingest.options import feed_options
from ingest.run.summary import Summary

MOST_WAITING = 16
KEPT, KEPT_WITH_FEED = 200, 5
"""Ended jobs that are remembered, and those of them that can be started again."""


@dataclass(frozen=True, slots=True)
class FeedRules:
    """What feeds may cost.

    Attributes:
        remote: of feeds behind addresses.
    """

    policy: Policy = "prefer"
    remote: RemoteLimits = field(default_factory=lambda: RemoteLimits(max_bytes=2 << 30, timeout_s=3600.0))
    most_waiting: int = MOST_WAITING


def accepted(request: FeedRequest, remote: RemoteLimits) -> tuple[FeedRequest, str]:
    """The request in words that can be shown, and what its feed is called.

    Raises:
        QueryRejected: options, or an address, that cannot be.
    """
    feed_options(request)
    if request.source == "address":
        check_address(request.place, remote)
    label = spelled(redacted(request.name or request.file_name or _name_of(request)))
    if request.file_name is not None:
        request = replace(request, file_name=spelled(request.file_name))
    return request, label


def too_many(rules: FeedRules) -> FeedsNotTaken:
    """The refusal of a feed while too many wait."""
    return FeedsNotTaken(f"{rules.most_waiting} feeds wait to be taken; try again later.")


def not_found(job_id: str) -> JobNotFound:
    """The answer to whoever asks after a job that is not there."""
    return JobNotFound(f"There is no feed job {job_id[:100]!r}.")


def started_again(job: FeedJob, *, stored: bool) -> FeedJob:
    """An ended job as one that waits.

    Args:
        stored: its feed is still there.
    Raises:
        JobNotStartable: it is under way or done, or its feed is no longer there.
    """
    if job.state not in (JobState.INTERRUPTED, JobState.FAILED, JobState.CANCELLED):
        raise JobNotStartable(
            f"The job {job.job_id} is {job.state}; only one that ended before its feed is started again."
        )
    if not stored:
        raise JobNotStartable(f"The feed of the job {job.job_id} is no longer stored; send it again.")
    return replace(
        job, state=JobState.QUEUED, started=None, finished=None, cancelling=False, run_id=None, done=0,
        total=None, counts={}, summary=None, error=None,
    )  # fmt: skip


def nothing_taken(summary: Summary) -> tuple[str, str] | None:
    """The error of a feed none of whose rows is in the catalogue."""
    if not summary.nothing_taken:
        return None
    rows = summary.read + summary.bad_rows
    return "nothing-taken", f"None of the {rows} rows of {summary.feed} could be taken."


def _name_of(request: FeedRequest) -> str:
    if request.is_stored:
        raise QueryRejected("The feed has no name; send it with a file name, or give 'name'.")
    place = request.place.partition("?")[0] if request.source != "path" else request.place
    return place.rstrip("/").rpartition("/")[2] or "feed"


def error_of(error: Exception) -> tuple[str, str]:
    """What a job says of the error that ended it."""
    if words := system_words(error):
        error = Unavailable(f"The system refuses it: {words}")
    if isinstance(error, ThatLookError):
        return error.code, error.message
    return "unexpected", f"unexpected failure ({type(error).__name__})."


def log_fields(job: FeedJob) -> dict[str, object]:
    """What a log line says of a job."""
    said: dict[str, object] = {"job_id": job.job_id, "feed": job.feed, "source": job.request.source, "state": job.state}
    if job.counts or job.summary:
        said |= {"run_id": job.run_id, "counts": dict(job.summary["products"]) if job.summary else dict(job.counts)}
    if job.error:
        said["code"] = job.error[0]
        said["reason"] = redacted(job.error[1])
    return said


def taken_before(request: FeedRequest, jobs: Iterable[FeedJob]) -> FeedJob | None:
    """The job that this very request made already; what was uploaded again for it is removed.

    Raises:
        QueryRejected: the key was used for a request with other options.
    """
    job = next((each for each in jobs if request.key is not None and each.request.key == request.key), None)
    if job is not None and request.is_stored:
        Path(request.place).unlink(missing_ok=True)
    return same_job(request, [] if job is None else [job])


def same_job(request: FeedRequest, jobs: Iterable[FeedJob]) -> FeedJob | None:
    """The one of the jobs that this very request made.

    Raises:
        QueryRejected: the key was used for a request with other options.
    """
    job = next((each for each in jobs if request.key is not None and each.request.key == request.key), None)
    if job is None:
        return None
    same = replace(request, place=job.request.place) if request.is_stored else request
    if same != job.request:
        raise QueryRejected("This Idempotency-Key was used for another request; send a new one with other options.")
    return job
