"""Connections of callers: a request's head has a time too, and what is no HTTP is refused as everything else is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import MEDIA_TYPE, problem_of

HEAD_WITHIN_S = 10.0
"""How long a head may take to arrive, and what is left of a body that nobody reads."""
LINGER_S = 3.0
"""How long a refused body may go on coming, so that its caller hears why."""


class _Way:
    """A transport that, where a body is still coming, ends in two steps: the answer's end first, then the connection.

    Closing at once would let the caller's system throw the answer away, for it is still sending.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._closing = False
        self.is_expecting: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more will be said."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """End; what still comes of a body is thrown away for a while."""
        if self.is_closing() or not (self.is_expecting() and self._transport.can_write_eof()):
            self._transport.close()
            return
        self._closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_S, self._transport.close)


class Connection(H11Protocol):
    """uvicorn's own, which by itself waits for ever for a head that has begun, or for one that never begins."""

    _timer: asyncio.TimerHandle | None = None
    _way: _Way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Time begins with the connection."""
        self._way = _Way(transport, self.loop)
        self._way.is_expecting = lambda: self.conn.their_state in (h11.SEND_BODY, h11.ERROR)
        super().connection_made(self._way)  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Time ends when a whole head has come, and begins anew with the first byte of the next."""
        if self._way.is_closing():
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The rest of a body that was not read is thrown away for a while; a head that has begun has its time."""
        super().on_response_complete()
        begun, _ = self.conn.trailing_data
        if begun or self.conn.their_state is h11.SEND_BODY:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._unwatch()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends; a connection that is ending anyhow does so now."""
        if self._way.is_closing():
            self._way.close()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem."""
        self._refuse(400, "request-malformed", f"{msg} The head of the request breaks the rules of HTTP/1.1.")

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
