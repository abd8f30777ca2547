"""Problem documents of the API → the errors of this package."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import msgspec

from engine.errors import ContractBroken, DeadlineExceeded, InputRejected, NotFound, ThatLookError, Unavailable
from engine.system.http_answers import retry_after_s
from engine.system.redaction import redacted

MOST_WAIT_S = 30.0
NO_DOCUMENT = (msgspec.MsgspecError, UnicodeDecodeError)
"""What is raised for JSON that is none, of another shape, or in another encoding."""


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
    except NO_DOCUMENT:
        return _by_status(status)(f"The server at {address} answered {status} {_phrase(status)}, with no explanation.")
    told = "; ".join(f"{each.field}: {each.message}" for each in problem.errors)
    kind = _by_code().get(problem.code) or _by_status(status)
    return kind(f"{problem.detail} ({told})" if told else problem.detail)


def elsewhere(status: int, location: str | None, address: str) -> ThatLookError:
    """The error for a server that sends its callers to another address: what they send goes nowhere unasked."""
    target = redacted(location or "another address")[:300]
    return InputRejected(f"The server at {address} answered {status}: it is at {target}. Open it by that address.")


def no_answer(content_type: str | None, address: str) -> ThatLookError:
    """The error for an answer of success that is none of this API's."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return ContractBroken(
            f"The server at {address} answered in a form that is not known here; is it thatlook, and of this version?"
        )
    return Unavailable(
        f"What answers at {address} is not thatlook (it sent {kind[:60] or 'something of no kind'}); is there a proxy "
        "before it, or a page to sign in?"
    )


def unreachable(error: Exception, address: str) -> Unavailable:
    """The error for a request that got no answer, with what the system says at the bottom of it."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Unavailable(f"The server at {address} did not answer in time; is `thatlook serve` running?")
    return Unavailable(f"The server at {address} cannot be reached ({_why(error)}); is `thatlook serve` running?")


def _why(error: BaseException) -> str:
    cause = error
    while not isinstance(cause, OSError) and (inner := cause.__cause__ or cause.__context__):
        cause = inner
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(error, httpx.UnsupportedProtocol):
        return "an address begins with http:// or https://"
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return "it sends nothing, or what is no answer of HTTP"
    return type(error).__name__


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait before the same request again; None where the server does not say so, or asks for long."""
    seconds = retry_after_s(retry_after)
    return seconds if seconds is not None and seconds <= MOST_WAIT_S else None


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
