"""Paths and queries, decoded exactly once: each part of a path by itself, so that its bytes name one thing only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import AddressTooLong, RequestMalformed, refuse
from engine.errors import NotFound, QueryRejected, ThatLookError

_SLASH = "\udc2f"
"""Stands for an encoded slash within a part of a path: no UTF-8 decodes to it, so that it is never anything else."""
_MAX_PATH, _MAX_QUERY = 8_192, 65_536
_PRODUCTS = ["", "v1", "products"]


class NoSuchPath(NotFound):
    """A path that no route can have."""


def decoded_addresses(inner: ASGIApp) -> ASGIApp:
    """Wrap an app so that the paths it routes are decoded once, and what cannot be decoded is refused."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            try:
                scope["path"] = _routed(scope)
                _text("query", scope.get("query_string") or b"")
            except ThatLookError as error:
                await refuse(scope, send, error)
                return
        await inner(scope, receive, send)

    return outer


def with_slashes(segment: str) -> str:
    """A path parameter as its caller meant it."""
    return segment.replace(_SLASH, "/")


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse query parameters that a handler does not name in its option `parameters`; it would not obey them.

    Raises:
        QueryRejected: an unknown one, or one that is given twice.
    """
    known: Collection[str] | None = request.route_handler.opt.get("parameters")
    if known is None:
        return
    names = [name for name, _ in request.query_params.multi_items()]
    check_names(names, known)


def check_names(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are unknown or come twice.

    Raises:
        QueryRejected: with the name, and those that there are.
    """
    seen: set[str] = set()
    for name in names:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there are none here"
            raise QueryRejected(f"There is no query parameter {name[:100]!r}; {there_are}.")
        if name in seen:
            raise QueryRejected(f"The query parameter {name!r} is given twice.")
        seen.add(name)


def _routed(scope: Any) -> str:
    raw = (scope.get("raw_path") or b"").partition(b"?")[0]
    if len(raw) > _MAX_PATH or len(scope.get("query_string") or b"") > _MAX_QUERY:
        raise AddressTooLong(
            f"A path may have {_MAX_PATH:,} bytes and a query {_MAX_QUERY:,}; send the rest as a body."
        )
    if not raw:
        return str(scope["path"])
    parts = [_text("path", part).replace("/", _SLASH) for part in raw.split(b"/")]
    if parts[:3] == _PRODUCTS and "" in parts[3:] and len(parts) > 4:
        raise NoSuchPath("The path has an empty part; a slash within a product's id is written %2F.")
    return "/".join(parts)


def _text(what: str, encoded: bytes) -> str:
    try:
        text = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise RequestMalformed(f"The {what} is not UTF-8 once it is percent-decoded.") from None
    if "\0" in text:
        raise RequestMalformed(f"The {what} holds a NUL character.")
    return text
