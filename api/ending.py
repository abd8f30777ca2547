"""A server's two ends: it listens before its models are loaded, and tells that it is about to end before it does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import MEDIA_TYPE, problem_of

_COME_BACK_S = b"2"
_STARTS = "The server has just started and loads its models"
_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{_COME_BACK_S.decode()}">
<link rel="icon" href="data:,">
<title>thatlook is starting</title>
<h1>thatlook is starting</h1>
<p role="status">{_STARTS}; this page opens by itself in a moment.</p>
</html>
"""


@dataclass(slots=True)
class Ending:
    """Whether the server has been told to end."""

    begun: bool = False


class Front:
    """An ASGI app that answers by itself until the real one is `opened`: alive, not ready, come back in a moment."""

    def __init__(self) -> None:
        self.opened: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.opened is not None:
            await self.opened(scope, receive, send)
        elif scope["type"] == ScopeType.HTTP:
            await _answer(scope, send)


async def _answer(scope: Any, send: Send) -> None:
    path, kind = scope["path"], b"application/json"
    body: dict[str, Any] | str
    if path == "/" and scope["method"] == "GET":
        status, kind, body = 503, b"text/html; charset=utf-8", _PAGE
    elif path == "/healthz":
        status, body = 200, {"status": "ok"}
    elif path == "/readyz":
        status, body = 503, {"status": "waiting", "waiting_for": {"models": "They are being loaded."}}
    else:
        status, kind = 503, MEDIA_TYPE.encode()
        body = msgspec.to_builtins(problem_of(scope, status, "starting", f"{_STARTS}; try again in a moment."))
    headers = [(b"content-type", kind), (b"retry-after", _COME_BACK_S), (b"connection", b"close")]
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    await send({"type": "http.response.body", "body": content, "more_body": False})


class Server(uvicorn.Server):
    """uvicorn's, which on a stop signal first says that it is not ready, for `drain_s`, while it goes on to answer.

    A second signal ends the wait.
    """

    def __init__(self, config: uvicorn.Config, ending: Ending, drain_s: float) -> None:
        super().__init__(config)
        self._ending = ending
        self._drain_s = drain_s
        self._end_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A stop signal has come."""
        if self._ending.begun or not self._drain_s:
            self._ending.begun = True
            super().handle_exit(sig, frame)
            return
        self._ending.begun = True
        self._captured_signals.append(sig)
        self._end_at = time.monotonic() + self._drain_s

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; asked ten times a second."""
        if self._end_at is not None and time.monotonic() >= self._end_at:
            self.should_exit = True
        return await super().on_tick(counter)
