"""Who may do what: keys, their scopes, and how much of the server one caller may take at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as AsgiScope

from api.keys.owner import is_owner
from api.problems import KeyRefused, ScopeMissing, TooManyAtOnce, refuse
from api.services import KeyCheck
from engine.keys import ApiKey, KeyBook, Scope, key_id_of, matches

_REMEMBERED_S = 5.0
"""How long a key is taken for what it was: a revoked one opens nothing after so many seconds."""
_NOTED_S = 60.0
_MOST = 10_000
_SCOPES = {"search": Scope.SEARCH, "images": Scope.SEARCH, "events": Scope.SEARCH}
_SCOPES |= {"products": Scope.CATALOGUE, "ingest": Scope.CATALOGUE, "export": Scope.CATALOGUE}


class Keys:
    """Checks keys, and remembers those it has seen lately. Safe to use from several threads."""

    def __init__(self, book: KeyBook, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._book, self._now, self._lock = book, now, Lock()
        self._known: dict[str, tuple[float, ApiKey | None]] = {}
        self._noted: dict[str, float] = {}

    def checked(self, text: str) -> ApiKey:
        """The key that a caller shows. May block for a look into the database.

        Raises:
            KeyRefused: it is none of ours, was revoked or has expired; all three sound the same.
        """
        key_id = key_id_of(text)
        key = self._find(key_id) if key_id else None
        if not matches(text, key) or key is None or not key.is_active(self._now()):
            raise KeyRefused("The key is not known here, was revoked or has expired.")
        self._note(key.key_id)
        return key

    def _find(self, key_id: str) -> ApiKey | None:
        asked = time.monotonic()
        with self._lock:
            until, known = self._known.get(key_id, (0.0, None))
        if until > asked:
            return known
        found = self._book.find(key_id)
        with self._lock:
            if len(self._known) > _MOST:
                self._known.clear()
            self._known[key_id] = asked + _REMEMBERED_S, found
        return found

    def _note(self, key_id: str) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key_id, -_NOTED_S) < _NOTED_S:
                return
            self._noted[key_id] = now
        self._book.note_use(key_id, self._now())


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard of every route: who shows no key, or one that may not do this, gets no further.

    Raises:
        KeyRefused, ScopeMissing: as they say.
    """
    context = connection.app.state.context
    keys: KeyCheck | None = context.services.keys
    wanted = scope_of(handler)
    if keys is None or wanted is None or is_owner(connection, context):
        return
    shown = shown_key(connection)
    if shown is None:
        raise KeyRefused("This request needs a key: send it as `Authorization: Bearer tl_…`.")
    key = await context.look_up(lambda: keys.checked(shown))
    if not key.may(wanted):
        raise ScopeMissing(f"The key {key.name!r} may not do this; it takes one with the scope {wanted.value!r}.")


def scope_of(handler: BaseRouteHandler) -> Scope | None:
    """What a route takes; None for what anybody may see."""
    if "scope" in handler.opt:
        named: Scope | None = handler.opt["scope"]
        return named
    tags: list[str] = getattr(handler, "resolve_tags", list)()
    return next((_SCOPES[tag] for tag in tags if tag in _SCOPES), None)


def shown_key(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The key of a request, from either of the headers in which it may come."""
    kind, _, value = connection.headers.get("authorization", "").strip().partition(" ")
    if kind.casefold() == "bearer" and value.strip():
        return value.strip()
    return connection.headers.get("x-api-key")


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Whose share of the server a request takes: a key's, or an address's where there is none."""
    shown = shown_key(connection)
    if shown and (key_id := key_id_of(shown)):
        return f"key {key_id}"
    return f"address {connection.client.host if connection.client else ''}"


def bounded_callers(inner: ASGIApp, most: int) -> ASGIApp:
    """Wrap an app so that one caller has at most so many requests under way; 0 sets no bound."""
    if most <= 0:
        return inner
    under_way: Counter[str] = Counter()

    async def outer(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] in ("/healthz", "/readyz", "/metrics"):
            await inner(scope, receive, send)
            return
        caller = caller_of(ASGIConnection(scope))
        if under_way[caller] >= most:
            await refuse(scope, send, TooManyAtOnce(f"This caller has {most} requests under way; wait for one to end."))
            return
        under_way[caller] += 1
        try:
            await inner(scope, receive, send)
        finally:
            under_way[caller] -= 1
            if not under_way[caller]:
                del under_way[caller]

    return outer
