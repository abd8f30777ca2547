"""Feed jobs as they are answered."""

from __future__ import annotations

from engine.forms.catalogue import JobErrorForm, JobForm, WatchedForm
from engine.jobs import FeedJob, WatchedFeed
from engine.system.redaction import redacted


def job_form(job: FeedJob) -> JobForm:
    """A job; passwords in addresses are hidden."""
    return JobForm(
        job_id=job.job_id,
        state=job.state.value,
        source=job.request.source,
        feed=redacted(job.feed),
        created=job.created,
        started=job.started,
        finished=job.finished,
        cancelling=job.cancelling,
        run_id=job.run_id,
        done=job.done,
        total=job.total,
        counts=dict(job.counts),
        summary=None if job.summary is None else dict(job.summary),
        error=None if job.error is None else JobErrorForm(job.error[0], redacted(job.error[1])),
    )


def watched_form(feed: WatchedFeed | None) -> WatchedForm | None:
    """The feed that is fetched on a schedule."""
    if feed is None:
        return None
    return WatchedForm(
        feed_url=redacted(feed.feed_url),
        every_s=feed.every_s,
        next_check=feed.next_check,
        last_checked=feed.last_checked,
        last_changed=feed.last_changed,
        last_job=feed.last_job,
        failures=feed.failures,
        problem=None if feed.problem is None else redacted(feed.problem),
    )
