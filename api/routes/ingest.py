"""Ingest: runs over feeds, rows that were not taken, and the state of the catalogue as a whole."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from litestar import Controller, get
from litestar.params import PathParameter, QueryParameter

from api.context import Context, RequestContext
from api.description.documentation import problems
from api.feeds.answers import watched_form
from engine.errors import NotFound
from engine.forms.catalogue import ErrorPage, RowErrorForm, RunForm, RunList, StatusForm
from engine.seams import IngestRun
from engine.system.redaction import redacted

_RUNS_KEPT_IN_SIGHT = 10_000
_MOST = 2**31 - 1
"""The largest number that every ledger can count to."""


class IngestController(Controller):
    """How indexing goes."""

    path = "/v1/ingest"
    tags = ("ingest",)

    @get("/status", responses=problems(422, 503, 504), opt={"parameters": ()}, summary="The catalogue's state")
    async def status(self, context: Context) -> StatusForm:
        """Products by state, refused pictures by reason, and the latest run."""
        return await context.look_up(partial(_status, context))

    @get("/runs", responses=problems(422, 503, 504), opt={"parameters": ("limit",)}, summary="Runs over feeds")
    async def runs(self, context: Context, limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20) -> RunList:
        """The latest runs, newest first."""
        found = await context.look_up(partial(context.services.ledger.runs, limit))
        return RunList([_run_form(run) for run in found])

    @get(
        "/runs/{run_id:int}/errors",
        responses=problems(404, 422, 503, 504),
        opt={"parameters": ("offset", "limit")},
        summary="Rows that were rejected",
    )
    async def errors(
        self,
        run_id: Annotated[int, PathParameter()],
        context: Context,
        offset: Annotated[int, QueryParameter(ge=0, le=_MOST)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    ) -> ErrorPage:
        """A run's rows that were not taken, in the order of their lines."""
        return await context.look_up(partial(_errors, context, run_id, offset, limit))


def _status(context: RequestContext) -> StatusForm:
    ledger = context.services.ledger
    latest = ledger.runs(1)
    counts = {state.value: n for state, n in ledger.counts().items()}
    failures = {redacted(reason): n for reason, n in ledger.failure_counts().items()}
    feeds = context.services.feeds
    return StatusForm(
        products=counts,
        refusals=ledger.refusal_counts(),
        latest_run=_run_form(latest[0]) if latest else None,
        failures=failures,
        watched=watched_form(feeds.watched()) if feeds else None,
    )


def _errors(context: RequestContext, run_id: int, offset: int, limit: int) -> ErrorPage:
    if not 0 <= run_id <= _MOST:
        raise NotFound(f"There is no ingest run {str(run_id)[:40]}.")
    ledger = context.services.ledger
    found = ledger.errors(run_id, offset=offset, limit=limit + 1)
    if not found and all(run.run_id != run_id for run in ledger.runs(_RUNS_KEPT_IN_SIGHT)):
        raise NotFound(f"There is no ingest run {run_id}.")
    rows = [RowErrorForm(error.line, redacted(error.reason), error.product_id) for error in found[:limit]]
    return ErrorPage(rows, offset + limit if len(found) > limit else None)


def _run_form(run: IngestRun) -> RunForm:
    return RunForm(run.run_id, redacted(run.feed), run.started, run.finished, run.total, dict(run.counts))
