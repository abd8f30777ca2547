"""An application of one of several processes: it answers before its parts are open, and says so before it ends.

uvicorn's own supervisor starts such processes, and other ASGI servers may; what `api.serving` does for a single process
itself is done here by way of the ASGI lifespan.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

from litestar import Litestar
from litestar.types import Receive, Scope, Send

from api.ending import Ending, Front
from engine.errors import ThatLookError
from engine.system.garbage import leave_what_is_loaded

STARTUP_FAILURE = 3
"""uvicorn's exit status of a process that another try would not help; its supervisor then ends them all."""

_log = logging.getLogger("thatlook.api")


class EarlyFront(Front):
    """Answers `/healthz` while `app` opens its parts; told to end, it lets `/readyz` say so for `drain_s` first."""

    def __init__(self, app: Litestar, ending: Ending, drain_s: float) -> None:
        super().__init__()
        self._app = app
        self._ending = ending
        self._drain_s = drain_s
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's lifespan."""
        if cast(Any, scope)["type"] != "lifespan":
            await super().__call__(scope, receive, send)
            return
        await receive()
        drain_on_signals(self._ending, self._drain_s)
        opening = asyncio.create_task(self._open())
        await send(cast(Any, {"type": "lifespan.startup.complete"}))
        await receive()
        self._closing.set()
        await opening
        await send(cast(Any, {"type": "lifespan.shutdown.complete"}))

    async def _open(self) -> None:
        """Open the parts, and keep them until the end; what cannot be opened ends the process with a word."""
        try:
            async with self._app.lifespan():
                leave_what_is_loaded()
                self.opened = self._app
                await self._closing.wait()
        except ThatLookError as error:
            _log.error("The server cannot go on: %s", error.message)
            raise SystemExit(STARTUP_FAILURE) from error
        except Exception as error:
            _log.exception("The server cannot go on.")
            raise SystemExit(STARTUP_FAILURE) from error


def drain_on_signals(ending: Ending, drain_s: float) -> None:
    """A stop signal is told by `ending`, and `drain_s` later passed on to whoever heard it before; a second at once.

    On the event loop of the main thread, once the server has set its own handlers.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _told_first(before, ending, drain_s, loop))


def _told_first(
    before: Callable[[int, FrameType | None], Any], ending: Ending, drain_s: float, loop: asyncio.AbstractEventLoop
) -> Callable[[int, FrameType | None], None]:
    def told(number: int, frame: FrameType | None) -> None:
        again, ending.begun = ending.begun, True
        if again or not drain_s:
            before(number, frame)
        else:
            loop.call_soon_threadsafe(loop.call_later, drain_s, before, number, None)

    return told
