"""What operators and their machines ask: alive, ready, metrics."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from api.context import Context
from api.http.documents import read_json
from api.http.uploads import read_body
from api.keys.owner import is_owner
from api.services import Changes
from engine.errors import NotFound, Unavailable
from engine.forms.catalogue import Readiness
from engine.keys import Scope
from engine.system.clock import Deadline

_READY_WITHIN_S = 2.0
_EXAMINED_WITHIN_S = 110.0
_NOT_FOR_SEARCHES = frozenset({"pictures"})
"""Parts without which searches are answered all the same."""


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str


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
async def readyz(context: Context, deep: Annotated[bool, QueryParameter()] = False) -> Response[Readiness]:
    """Whether searches can be answered: models, vectors, ledger; 503 where one of them cannot answer.

    Stored pictures that cannot be had leave it at 200, and are named among what is `degraded`. While the catalogue
    changes to other models, `changing` says so.

    With `deep=true` everything that is kept is compared with what was written, which takes as long as reading it.
    """
    look, within, spared = context.services.ready, _READY_WITHIN_S, _NOT_FOR_SEARCHES
    if deep and context.services.examine is not None:
        look, within, spared = context.services.examine, _EXAMINED_WITHIN_S, frozenset()
    try:
        missing = dict(await context.look_up(look, Deadline.within(within)))
        changing = await context.look_up(context.services.changing, Deadline.within(within))
    except Unavailable as error:
        missing, changing = {"service": error.message}, None
    if context.ending.begun:
        missing["server"] = "It is about to end; send new requests elsewhere."
    degraded = {part: missing.pop(part) for part in spared & set(missing)}
    ready = not missing
    answer = Readiness("ready" if ready else "waiting", missing, degraded, changing)
    return Response(answer, status_code=200 if ready else 503)


@get("/metrics", include_in_schema=False, opt={"scope": Scope.ADMIN})
async def metrics(context: Context) -> Response[bytes]:
    """Prometheus metrics."""
    context.metrics.sample()
    text = await context.look_up(context.metrics.exposition)
    return Response(text, media_type=context.metrics.content_type)


class _GenerationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    profile: str | None = None
    index: str | None = None
    number: int | None = None


@post("/v1/generations", include_in_schema=False, opt={"parameters": (), "scope": Scope.ADMIN}, status_code=200)
async def change_generations(request: Request[Any, Any, Any], context: Context) -> dict[str, Any]:
    """Begin a change of models; for `thatlook index swap` of the home's owner alone."""
    changes = _changes_of(request, context)
    asked = read_json(await read_body(request), _GenerationRequest)
    await asyncio.to_thread(changes.ask, asked.action, asked.profile, asked.index, asked.number)
    return dict(await asyncio.to_thread(changes.status))


@get("/v1/generations", include_in_schema=False, opt={"parameters": (), "scope": Scope.ADMIN})
async def show_generations(request: Request[Any, Any, Any], context: Context) -> dict[str, Any]:
    """How the generations stand; for the home's owner alone."""
    return dict(await asyncio.to_thread(_changes_of(request, context).status))


def _changes_of(request: Request[Any, Any, Any], context: Context) -> Changes:
    if not is_owner(request, context) or context.services.generations is None:
        raise NotFound("There is nothing at this path; /schema lists what there is.")
    return context.services.generations


class _BackupRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str


@post("/v1/backup", include_in_schema=False, opt={"parameters": (), "scope": Scope.ADMIN}, status_code=200)
async def backup(request: Request[Any, Any, Any], context: Context) -> dict[str, Any]:
    """Copy the home into a folder of this machine; for `thatlook backup` of the home's owner alone."""
    if not is_owner(request, context) or context.services.back_up is None:
        raise NotFound("There is nothing at this path; /schema lists what there is.")
    asked = read_json(await read_body(request), _BackupRequest)
    files, size_bytes, created = await asyncio.to_thread(context.services.back_up, Path(asked.path))
    return {"files": files, "size_bytes": size_bytes, "created": created}
