"""Connections of callers: a request's head has a time too, and what is no HTTP is refused as everything else is."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import msgspec
from litestar.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.closing import TAKE_WITHIN_S, LingeringTransport
from api.http.framing import Reader
from api.problems import MEDIA_TYPE, problem_of, refuse
from api.workers import Busy
from engine.system.open_files import most_open_files

HEAD_WITHIN_S = 10.0
"""How long a head may take to arrive, and what is left of a body that nobody reads."""
MOST = 512
"""Connections that are open at once; fewer where the system lets the process open fewer files."""
_OTHER_FILES = 128
"""Files that the process needs beside its connections: models, indexes, databases."""
_SLOW_S = 1.0
"""A caller that takes longer over a body, or an answer, makes room for others where every connection is taken."""
_ALWAYS = ("/healthz", "/readyz", "/metrics")
"""A server that is full is not ill: whoever watches it hears so."""


class Connection(H11Protocol):
    """uvicorn's own, which by itself waits for ever for a head that has begun, or for one that never begins.

    Nor does it know whom to let go when there are too many: here that is who has waited longest without a request.
    """

    _timer: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _lingering: LingeringTransport
    _since = 0.0
    """When its request began, or where it has none, when it began to wait for one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn: Reader = Reader(h11.SERVER)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Time begins with the connection; where there are too many, another ends."""
        self._lingering = LingeringTransport(transport, self.loop)
        self._lingering.is_expecting = lambda: self.conn.their_state in (h11.SEND_BODY, h11.ERROR)
        self._since = self.loop.time()
        if len(self.connections) >= most_connections() and not self._make_room():
            self.app = _full_but_for_watchers(self.app)
        super().connection_made(self._lingering)  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Time ends when a whole head has come, and begins anew with the first byte of the next."""
        if self._lingering.is_closing():
            return
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._since = self.loop.time()
        self._watch()

    def on_response_complete(self) -> None:
        """The rest of a body that was not read is thrown away for a while; a head that has begun has its time."""
        super().on_response_complete()
        self._since = self.loop.time()
        begun, _ = self.conn.trailing_data
        if begun or self.conn.their_state is h11.SEND_BODY:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._unwatch()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The caller takes less than it is sent; one that takes nothing for long is taken for gone."""
        super().pause_writing()
        self._taken()
        self._sending = self.loop.call_later(TAKE_WITHIN_S, self._lingering.abort)

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._taken()

    def shutdown(self) -> None:
        """The server ends; a connection that is ending anyhow does so now."""
        if self._lingering.is_closing():
            self._lingering.close()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem."""
        if self.conn.in_tiny_chunks:
            self._refuse(400, "request-malformed", "The body comes in too many small chunks; send larger ones.")
        else:
            self._refuse(400, "request-malformed", f"{msg} The request breaks the rules of HTTP/1.1.")

    def _unsupported_upgrade_warning(self) -> None:
        """Clients that offer another protocol, as some do with each request, are answered in this one."""

    def _make_room(self) -> bool:
        """End the connection that has waited longest for its caller; whether there was one."""
        waiting = [each for each in self.connections if isinstance(each, Connection) and each._may_go()]
        if not waiting:
            return False
        min(waiting, key=lambda each: each._since)._let_go()
        return True

    def _may_go(self) -> bool:
        """Whether it waits for its caller: for a request, or for long for a body to come or an answer to be taken."""
        closing, cycle = self._lingering.is_closing(), self.cycle
        if not closing and (cycle is None or cycle.response_complete):
            return True
        slow = self.loop.time() - self._since > _SLOW_S
        return slow and (closing or self._sending is not None or (cycle.more_body and not cycle.response_started))

    def _let_go(self) -> None:
        self.connections.discard(self)
        cycle = self.cycle
        if self._lingering.is_closing() or cycle is None or cycle.response_started:
            self._lingering.abort()
            return
        self._refuse(408, "upload-too-slow", "Others wait, and the request's body had not arrived; send it again.")
        cycle.disconnected = True
        cycle.message_event.set()

    def _watch(self) -> None:
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way or self.transport.is_closing():
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_WITHIN_S, self._too_late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _too_late(self) -> None:
        self._timer = None
        begun, _ = self.conn.trailing_data
        if begun and self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            self._refuse(408, "upload-too-slow", f"The head of the request did not arrive within {HEAD_WITHIN_S:g} s.")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        scope: dict[str, Any] = {"path": "/", "state": {}}
        body = msgspec.json.encode(problem_of(scope, status, code, detail))
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        try:
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # An answer has begun; its caller sees that it is cut short.
        self.transport.close()


def most_connections() -> int:
    """How many connections this process may hold."""
    return max(8, min(MOST, most_open_files() - _OTHER_FILES))


def _full_but_for_watchers(app: Any) -> Any:
    """An app for a connection that is one too many: it is told so, and ends."""

    async def full(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _ALWAYS:
            await app(scope, receive, send)
        else:
            await refuse(scope, send, Busy("The server has as many connections as it holds; try again in a moment."))

    return full
