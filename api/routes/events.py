"""What people do with answers: events are taken, and read as reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import QueryParameter

from api.context import Context, RequestContext
from api.description.documentation import EventsOperation, problems
from api.feedback.ubi import read_events
from api.http.uploads import read_body
from api.problems import EventsOff, MediaTypeUnsupported
from engine.feedback.clicks import DEPTH, ClickReport, read_clicks
from engine.feedback.recorder import Recorder
from engine.forms.feedback import ClicksForm, EventsReceipt, WeakQueries, clicks_form, weak_queries_form
from engine.keys import Scope

Days = Annotated[int, QueryParameter(ge=1, le=3_650, description="Of the last so many days.")]
_TAKEN = ("application/json", "text/plain")
"""`text/plain` is what a page's `navigator.sendBeacon` sends without asking first."""


@post(
    "/v1/events",
    operation_class=EventsOperation,
    responses=problems(404, 408, 413, 415, 422, 503, 504),
    opt={"parameters": ()},
    status_code=202,
    tags=["events"],
    request_max_body_size=2_000_000,
    summary="Tell what people did with answers",
)
async def take_events(request: Request[Any, Any, Any], context: Context) -> EventsReceipt:
    """One event, or a list of at most 1,000, in the form of User Behavior Insights; sending them again changes nothing.

    Kept are the action, the query's id, the product's id, its place and the time: nothing of who it was.
    """
    recorder = _recorder(context)
    media_type, _ = request.content_type
    if media_type not in _TAKEN:
        raise MediaTypeUnsupported(f"Send the body as {' or '.join(_TAKEN)}.")
    events = read_events(await read_body(request))
    await context.look_up(partial(recorder.take, events))
    return EventsReceipt(len(events))


@get(
    "/v1/events/no-match",
    responses=problems(404, 422, 503, 504),
    opt={"parameters": ("days", "limit"), "scope": Scope.CATALOGUE},
    tags=["events"],
    summary="Queries without a good match",
)
async def no_match(
    context: Context, days: Days = 7, limit: Annotated[int, QueryParameter(ge=1, le=1_000)] = 100
) -> WeakQueries:
    """What was asked for and not found: what the catalogue lacks, or calls by other words than its customers."""
    return weak_queries_form(await context.look_up(partial(_recorder(context).weak, days, limit)))


@get(
    "/v1/events/clicks",
    responses=problems(404, 422, 503, 504),
    opt={"parameters": ("days", "depth"), "scope": Scope.CATALOGUE},
    tags=["events"],
    summary="Clicks by rank",
)
async def clicks(
    context: Context,
    days: Days = 7,
    depth: Annotated[
        int, QueryParameter(ge=1, le=100, description="Ranks that a person is taken to have seen.")
    ] = DEPTH,
) -> ClicksForm:
    """How often hits were shown and clicked at each rank, and how many answers had a click at all."""
    return clicks_form(await context.look_up(partial(_clicks, _recorder(context), days, depth)))


def _clicks(recorder: Recorder, days: int, depth: int) -> ClickReport:
    recorder.flush()
    since = datetime.now(UTC) - timedelta(days=days)
    return read_clicks(recorder.book.queries(since), recorder.book.events(since), depth).report()


def _recorder(context: RequestContext) -> Recorder:
    """What keeps events.

    Raises:
        EventsOff: this server keeps none.
    """
    if context.services.feedback is None:
        raise EventsOff("This server keeps no events; its operator switches them on with THATLOOK_EVENTS=1.")
    return context.services.feedback
