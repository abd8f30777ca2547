"""How a connection ends: its caller hears the answer, and cannot keep the connection by not listening."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_S = 3.0
"""How long a refused body may go on coming, so that its caller hears why."""
TAKE_WITHIN_S = 30.0
"""How long a caller may take for what is on its way to it, before it is taken for gone."""


class LingeringTransport:
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
            self._end()
            return
        self._closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_S, self._end)

    def _end(self) -> None:
        """Closing waits until all has been sent; a caller that takes nothing would be waited for for ever."""
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(TAKE_WITHIN_S, self._transport.abort)
