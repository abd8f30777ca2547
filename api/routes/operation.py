"""What operators and their machines ask: alive, ready, metrics."""

from __future__ import annotations

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.desk import TheDesk
from engine.clock import Deadline
from engine.errors import Unavailable

_READY_WITHIN_S = 2.0


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether every part can answer; `waiting_for` names those that cannot, and why."""

    status: str
    waiting_for: dict[str, str]


@get("/healthz", tags=["operation"], summary="Alive")
async def healthz() -> Health:
    """The process is alive; nothing else is asked."""
    return Health("ok")


@get(
    "/readyz",
    tags=["operation"],
    responses={503: ResponseSpec(Readiness, generate_examples=False, description="A part cannot answer at present")},
    summary="Ready",
)
async def readyz(desk: TheDesk) -> Response[Readiness]:
    """Whether models, stores and ledger can answer; 503 where one cannot."""
    try:
        missing = dict(await desk.look_up(desk.services.ready, Deadline.within(_READY_WITHIN_S)))
    except Unavailable as error:
        missing = {"service": error.message}
    ready = not missing
    return Response(Readiness("ready" if ready else "waiting", missing), status_code=200 if ready else 503)


@get("/metrics", include_in_schema=False)
async def metrics(desk: TheDesk) -> Response[bytes]:
    """Prometheus metrics."""
    return Response(desk.metrics.exposition(), media_type=desk.metrics.content_type)
