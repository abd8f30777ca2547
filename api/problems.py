"""Errors → RFC 9457 problem details: one table from error to status, one form for every failure.

What a caller can change is told in full. What only the operator can change is logged in full and
told in general words, with the request's id to find it by: no path, host name or trace leaves us.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from api.workers import Busy
from engine.errors import (
    ContractBroken,
    DeadlineExceeded,
    ImageTooLarge,
    InputRejected,
    NotFound,
    ThatLookError,
    Unavailable,
)
from engine.jobs import FeedsNotTaken
from engine.system.redaction import redacted
from engine.system.refusals import system_words

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""For what is away; a busy server says by itself when to come back."""
_MOST_TOLD = 2_000
"""Characters of a message."""
_CLOSE = {"Connection": "close"}
_ASKS_FOR_KEY = {"WWW-Authenticate": 'Bearer realm="thatlook"'}
_TOLD_IN_FULL = (InputRejected, NotFound, DeadlineExceeded, Busy, FeedsNotTaken)
_HTTP_CODES = {
    400: "request-malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "no-such-path",
    405: "method-not-allowed",
    413: "request-too-large",
    415: "media-type-unsupported",
    422: "request-invalid",
    429: "too-many-requests",
    500: "internal-error",
}
_TELLING = ("engine.errors", "engine.jobs", "api.problems", "api.workers", "api.http.addresses")
_CALLER_LEFT = "client disconnected prematurely"
"""Litestar's words for a caller who is gone; nobody reads the answer, and it is no failure of ours."""
_log = logging.getLogger("thatlook.api")


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457): `code` is stable for programs, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str = ""
    errors: list[FieldError] = []


class MediaTypeUnsupported(InputRejected):
    """A body of a kind that the endpoint does not take."""


class UploadTooSlow(InputRejected):
    """A body that took longer to arrive than it may."""


class UploadsFull(Busy):
    """More is being uploaded than the server holds at once."""


class RequestMalformed(InputRejected):
    """An address, or a body, that is not what it says it is."""


class AddressTooLong(InputRejected):
    """An address that is longer than any that is needed."""


class RequestInvalid(InputRejected):
    """A request of the right form with a wrong value."""


class RequestTooLarge(InputRejected):
    """A body with more in it than its endpoint takes."""


class HostNotAllowed(InputRejected):
    """A request by a name that is not ours."""


class OriginNotAllowed(InputRejected):
    """A request that another site's page makes."""


class KeyRefused(InputRejected):
    """A request without a key, or with one that opens nothing."""


class ScopeMissing(InputRejected):
    """A key that may not do this."""


class NotOnThisPort(NotFound):
    """A path that another port serves."""


class EventsOff(NotFound):
    """A server that keeps no events."""


class TooManyAtOnce(Busy):
    """A caller with as many requests under way as it may have."""


class ChangeRejected(InputRejected):
    """A change after which a product would be none, or that this route does not make."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(f"The product cannot be changed so: {'; '.join(reasons)}")
        self.reasons = list(reasons)


class VersionChanged(InputRejected):
    """A product that is not the version any more that its caller knows."""


class ProductsRejected(InputRejected):
    """None of a request's products could be used."""

    def __init__(self, reasons: Sequence[tuple[str, str]]) -> None:
        super().__init__("No product of the request was accepted; 'errors' says why for each.")
        self.fields = [FieldError(name, reason) for name, reason in reasons]


STATUS: Mapping[type[ThatLookError], int] = {
    RequestMalformed: 400,
    KeyRefused: 401,
    OriginNotAllowed: 403,
    ScopeMissing: 403,
    UploadTooSlow: 408,
    RequestTooLarge: 413,
    AddressTooLong: 414,
    VersionChanged: 412,
    MediaTypeUnsupported: 415,
    TooManyAtOnce: 429,
    HostNotAllowed: 421,
    ImageTooLarge: 413,
    InputRejected: 422,
    NotFound: 404,
    DeadlineExceeded: 504,
    Unavailable: 503,
    ContractBroken: 500,
    ThatLookError: 500,
}
_UNREAD = (401, 403, 408, 413, 421, 429)
"""Answers to bodies that were not read to their end: the connection closes, so that the rest need not come."""


def status_of(error: ThatLookError) -> int:
    """The status of an error: the table's nearest entry along its ancestors."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def codes_of(status: int) -> list[str]:
    """The codes that problems of a status can have."""
    errors = [kind.__new__(kind) for kind in _kinds(ThatLookError) if kind.__module__ in _TELLING]
    own = {error.code for error in errors if status_of(error) == status}
    return sorted(own | ({_HTTP_CODES[status]} if status in _HTTP_CODES else set()))


def _kinds(kind: type[ThatLookError]) -> Iterator[type[ThatLookError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def on_thatlook_error(request: Request[Any, Any, Any], error: ThatLookError) -> Response[Problem]:
    """One of our own errors."""
    status = status_of(error)
    if isinstance(error, _TOLD_IN_FULL):
        detail = error.message
    else:
        _log.error("%s: %s", error.code, error.message, exc_info=error if status == 500 else None)
        detail = _general_words(status)
    unread = status in _UNREAD or isinstance(error, UploadsFull)
    headers = {**_retry_after(error), **(_CLOSE if unread else {}), **(_ASKS_FOR_KEY if status == 401 else {})}
    fields = error.fields if isinstance(error, ProductsRejected) else []
    return _respond(request, status, error.code, detail, fields, headers)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """One of Litestar's: routing, parameters, bodies."""
    status = 422 if isinstance(error, ValidationException) else error.status_code
    if error.detail == _CALLER_LEFT:
        return _respond(request, 400, "request-malformed", "The request's body was cut short.")
    if status >= 500:
        return on_unexpected(request, error)
    fields = [_field_error(request, row) for row in error.extra] if isinstance(error.extra, list) else []
    detail = "; ".join(f"{row.field}: {row.message}" for row in fields) or _http_detail(status, error)
    # A body that was refused unread must not be sent to its end: the connection closes.
    headers = {**(error.headers or {}), **(_CLOSE if status in _UNREAD else {})}
    if status == 429 and (reset := headers.get("RateLimit-Reset")):
        headers["Retry-After"] = reset
    return _respond(request, status, _HTTP_CODES.get(status, "request-refused"), detail, fields, headers)


def on_invalid_document(request: Request[Any, Any, Any], error: msgspec.ValidationError) -> Response[Problem]:
    """A document of the right syntax with a wrong value; msgspec says where, as `… - at `$.field``."""
    message, _, place = str(error).partition(" - at `$.")
    fields = [FieldError(place.rstrip("`"), message)] if place else []
    detail = f"{fields[0].field}: {message}" if fields else message
    return _respond(request, 422, "request-invalid", detail, fields)


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A defect of ours, logged with its trace, told without; or what the system refuses: room, memory, threads."""
    if words := system_words(error):
        return on_thatlook_error(request, Unavailable(f"the system refuses it: {words}"))
    _log.error("unexpected failure: %s", type(error).__name__, exc_info=error)
    return _respond(request, 500, "internal-error", _general_words(500))


def told_problem(request: Request[Any, Any, Any], error: ThatLookError | msgspec.ValidationError) -> Problem:
    """The problem alone, for one part of an answer."""
    told = (
        on_thatlook_error(request, error) if isinstance(error, ThatLookError) else on_invalid_document(request, error)
    )
    return told.content


HANDLERS: dict[int | type[Exception], Any] = {
    ThatLookError: on_thatlook_error,
    HTTPException: on_http_exception,
    msgspec.ValidationError: on_invalid_document,
    Exception: on_unexpected,
}


def _respond(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    return Response(
        problem_of(request.scope, status, code, detail, errors),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def problem_of(scope: Any, status: int, code: str, detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    """The problem that answers a request; the request's metrics and log line get its code."""
    state = scope.setdefault("state", {})
    state["problem_code"] = code
    return Problem(
        type=f"urn:thatlook:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_short(detail),
        code=code,
        instance=address_of(scope),
        request_id=state.get("request_id", ""),
        errors=[FieldError(_short(row.field), _short(row.message)) for row in errors],
    )


async def refuse(scope: Any, send: Any, error: ThatLookError) -> None:
    """Answer a request that no route sees."""
    status = status_of(error)
    problem = problem_of(scope, status, error.code, error.message)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
    headers += [(name.lower().encode(), value.encode()) for name, value in _retry_after(error).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False})


def address_of(scope: Any) -> str:
    """The path of a request as its caller wrote it, without the query."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"], errors="replace").encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def _short(text: str) -> str:
    """A text that can be sent, whatever a caller put into it."""
    text = redacted(text.encode("utf-8", "replace").decode())
    return text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]} …"


def _retry_after(error: ThatLookError) -> dict[str, str]:
    if isinstance(error, Busy):
        return {"Retry-After": str(error.retry_after_s)}
    return {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, Unavailable) else {}


def _general_words(status: int) -> str:
    if status == 503:
        return "A part that this request needs does not answer at present; try again in a moment."
    return "Something went wrong on our side; the operator can find it by the request_id."


def _http_detail(status: int, error: HTTPException) -> str:
    if status == 404:
        return "There is nothing at this path; /schema lists what there is."
    if status == 405:
        return "This path does not take this method."
    if status == 413:
        return "The request body is larger than this endpoint takes."
    if status == 429:
        return "This caller has made as many requests as it may; try again once Retry-After has passed."
    return error.detail or HTTPStatus(status).description


def _field_error(request: Request[Any, Any, Any], row: Any) -> FieldError:
    row = row if isinstance(row, dict) else {"message": str(row)}
    return FieldError(_name_on_the_wire(request, str(row.get("key", ""))), str(row.get("message", "")))


def _name_on_the_wire(request: Request[Any, Any, Any], name: str) -> str:
    """A handler's parameter by the name that its caller knows."""
    parameter = request.route_handler.parsed_fn_signature.parameters.get(name)
    given = getattr(parameter.kwarg_definition, "name", None) if parameter else None
    return given or name
