"""Problem documents of the API → the errors of this package."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import msgspec

from engine.errors import DeadlineExceeded, InputRejected, NotFound, ThatLookError, Unavailable

MOST_WAIT_S = 30.0


class _Field(msgspec.Struct):
    field: str
    message: str


class _Problem(msgspec.Struct):
    """What is read of a problem document (RFC 9457)."""

    detail: str
    code: str = ""
    errors: list[_Field] = []


def failure_of(status: int, body: bytes, address: str) -> ThatLookError:
    """The error that an answer of this status means, with what the server says is to be done."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        return _by_status(status)(f"The server at {address} answered {status} {_phrase(status)}, with no explanation.")
    told = "; ".join(f"{each.field}: {each.message}" for each in problem.errors)
    kind = _by_code().get(problem.code) or _by_status(status)
    return kind(f"{problem.detail} ({told})" if told else problem.detail)


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait before the same request again; None where the server does not say so."""
    try:
        seconds = float(retry_after or "nan")
    except ValueError:
        return None  # A date: nobody who is busy for so long is worth waiting for.
    return seconds if 0 <= seconds <= MOST_WAIT_S else None


def _by_status(status: int) -> type[ThatLookError]:
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return DeadlineExceeded
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE):
        return Unavailable
    return InputRejected if status < HTTPStatus.INTERNAL_SERVER_ERROR else ThatLookError


def _by_code() -> dict[str, type[ThatLookError]]:
    return {kind("").code: kind for kind in _kinds(ThatLookError)}


def _kinds(kind: type[ThatLookError]) -> Iterator[type[ThatLookError]]:
    if kind.__module__ == ThatLookError.__module__:
        yield kind
    for inner in kind.__subclasses__():
        yield from _kinds(inner)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
