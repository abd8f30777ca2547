"""Feeds taken while searches go on: sent or named, followed, cancelled, started again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from api.context import Context, RequestContext
from api.description.documentation import problems
from api.feeds.answers import job_form
from api.feeds.documentation import PostFeedOperation
from api.feeds.requests import FeedFields, read_feed_request
from api.keys.access import caller_of
from api.keys.owner import is_owner
from engine.forms.catalogue import JobForm, JobList
from engine.jobs import FeedJobs, FeedsNotTaken
from engine.system.clock import Deadline

JobId = Annotated[str, PathParameter(description="The job's id, as `POST /v1/ingest` gave it.")]
_FIELDS = FeedFields.__struct_fields__


class FeedJobController(Controller):
    """Feeds as jobs."""

    path = "/v1/ingest"
    tags = ("ingest",)

    @post(
        operation_class=PostFeedOperation,
        responses=problems(408, 413, 415, 422, 503, 504),
        opt={"parameters": _FIELDS},
        status_code=202,
        summary="Take a feed",
    )
    async def take_feed(
        self,
        request: Request[Any, Any, Any],
        context: Context,
        key: Annotated[
            str | None,
            HeaderParameter(
                name="Idempotency-Key",
                max_length=200,
                description="Names this request: sent again with it, it is the same job.",
            ),
        ] = None,
    ) -> Response[JobForm]:
        """Take a feed while searches go on: a file, an archive with pictures, or an address. The job is followed by id.

        What a feed may be, and what its fields mean, is what `thatlook ingest` takes.
        """
        feeds = _feeds(context)
        asked = await read_feed_request(request, feeds.inbox, context.limits, is_owner=is_owner(request, context))
        if key is not None:
            asked = replace(asked, key=sha256(f"{caller_of(request)}\0{key}".encode()).hexdigest())
        # Servers bring an upload to the object store first, which takes a large one far longer than any search may.
        patient = Deadline.within(context.limits.feed_upload_s)
        job = job_form(await context.look_up(partial(feeds.submit, asked), patient))
        return Response(job, status_code=202, headers={"Location": f"/v1/ingest/jobs/{job.job_id}"})

    @get("/jobs", responses=problems(422, 503, 504), opt={"parameters": ("limit",)}, summary="Feed jobs")
    async def jobs(self, context: Context, limit: Annotated[int, QueryParameter(ge=1, le=200)] = 20) -> JobList:
        """The latest jobs, newest first."""
        found = await context.look_up(partial(_feeds(context).latest, limit))
        return JobList([job_form(job) for job in found])

    @get("/jobs/{job_id:str}", responses=problems(404, 422, 503, 504), opt={"parameters": ()}, summary="A feed job")
    async def job(self, job_id: JobId, context: Context) -> JobForm:
        """Where a job stands: progress while it runs, the report and the first errors once it has ended."""
        return job_form(await context.look_up(partial(_feeds(context).get, job_id)))

    @delete(
        "/jobs/{job_id:str}",
        responses=problems(404, 422, 503, 504),
        opt={"parameters": ()},
        status_code=202,
        summary="Cancel a feed job",
    )
    async def cancel_job(self, job_id: JobId, context: Context) -> JobForm:
        """End a job: what was written is kept, and `retry` goes on from there. One that has ended stays as it is."""
        return job_form(await context.look_up(partial(_feeds(context).cancel, job_id)))

    @post(
        "/jobs/{job_id:str}/retry",
        responses=problems(404, 422, 503, 504),
        opt={"parameters": ()},
        status_code=202,
        summary="Start a feed job again",
    )
    async def retry_job(self, job_id: JobId, context: Context) -> JobForm:
        """Start a job again that was interrupted or cancelled, or failed; only what is left to do is done."""
        return job_form(await context.look_up(partial(_feeds(context).retry, job_id)))


def _feeds(context: RequestContext) -> FeedJobs:
    if context.services.feeds is None:
        raise FeedsNotTaken("This server takes no feeds; run `thatlook ingest` where its stores can be reached.")
    return context.services.feeds
