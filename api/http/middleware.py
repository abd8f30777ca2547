"""The outermost ASGI middleware, which every request passes, those that no route takes included.

It gives each request an id, times it, counts it, logs one line, and sets the headers that keep
browsers from misusing an answer.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.ending import Ending
from api.http.logs import request_id as current_request_id
from api.http.logs import search_facts
from api.http.metrics import Metrics, known_method
from api.problems import address_of
from engine.system.tracing import RequestSpan, Value
from engine.system.tracing import current as current_tracing

_TRACE = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*")
"""W3C Trace Context's `traceparent`."""
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_NOTHING_ALLOWED = b"default-src 'none'; frame-ancestors 'none'; sandbox"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", _NOTHING_ALLOWED),
)
_QUIET = ("/healthz", "/readyz", "/metrics")
_log = logging.getLogger("thatlook.access")


def request_middleware(inner: ASGIApp, metrics: Metrics, ending: Ending | None = None) -> ASGIApp:
    """Wrap an app; once the server is `ending`, each answer asks its caller to close the connection."""
    ending = ending or Ending()

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        with _spanned(scope) as span:
            visit = _Visit(scope, send, ending, span)
            token = current_request_id.set(visit.request_id)
            facts = search_facts.set(visit.facts)
            metrics.in_flight.inc()
            try:
                await inner(scope, receive, visit.send)
            finally:
                metrics.in_flight.dec()
                visit.record(metrics)
                search_facts.reset(facts)
                current_request_id.reset(token)

    return outer


def _spanned(scope: Any) -> AbstractContextManager[RequestSpan | None]:
    """The request's span; None where no tracing system is in use, or machines only ask how we are."""
    tracing = current_tracing()
    if tracing is None or scope["path"] in _QUIET:
        return nullcontext()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return tracing.request(known_method(scope["method"]), headers)


class _Visit:
    """One request on its way through the middleware."""

    def __init__(self, scope: Any, send: Send, ending: Ending, span: RequestSpan | None) -> None:
        self._scope = scope
        self._span = span
        self._ending = ending
        self.facts: dict[str, object] = {}
        self._send = send
        self._start = time.perf_counter()
        self._status = 499  # The caller left before an answer began.
        self._size_bytes = 0
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        traced = _TRACE.fullmatch(next((v for k, v in scope["headers"] if k == b"traceparent"), b""))
        self._trace_id = span.trace_id if span else traced[1].decode() if traced else ""
        self.request_id = given.decode() if _GIVEN_ID.fullmatch(given) else self._trace_id or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        """Pass a message on, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            present = {name.lower() for name, _ in message["headers"]}
            extra = [(name, value) for name, value in _HEADERS if name not in present]
            extra.append((b"x-request-id", self.request_id.encode()))
            if self._ending.begun and b"connection" not in present:
                extra.append((b"connection", b"close"))
            message["headers"] = [*message["headers"], *extra]
        elif message["type"] == "http.response.body":
            self._size_bytes += len(message["body"])
        await self._send(message)

    def record(self, metrics: Metrics) -> None:
        """Count and log the visit."""
        seconds = time.perf_counter() - self._start
        path, method = self._scope.get("path_template", "(none)"), known_method(self._scope["method"])
        code = self._scope["state"].get("problem_code")
        metrics.observe_request(path, method, self._status, seconds, code)
        fields = {
            "method": self._scope["method"][:20],
            "path": address_of(self._scope),
            "route": path,
            "status": self._status,
            "duration_ms": round(seconds * 1000, 2),
            "size_bytes": self._size_bytes,
            **({"code": code} if code else {}),
            **({"trace_id": self._trace_id} if self._trace_id else {}),
            **self.facts,
        }
        if self._span is not None:
            self._span.tell(f"{method} {path}", self._attributes(path, method, code), failed=self._status >= 500)
        _log.log(logging.DEBUG if path in _QUIET else logging.INFO, "request", extra={"fields": fields})

    def _attributes(self, path: str, method: str, code: str | None) -> dict[str, Value]:
        """OpenTelemetry's names for a request, and ours for what was found; no word of the caller's."""
        found = {f"thatlook.{name}": self.facts[name] for name in ("garments", "hits") if name in self.facts}
        told: dict[str, Value] = {name: value for name, value in found.items() if isinstance(value, int)}
        told |= {"http.request.method": method, "http.route": path, "http.response.status_code": self._status}
        return told | {"thatlook.request_id": self.request_id} | ({"error.type": code} if code else {})
