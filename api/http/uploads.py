"""How bodies come in, whatever route they are for: within a time, and within a memory that all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import MediaTypeUnsupported, UploadsFull, UploadTooSlow

_UPLOAD = "upload"
_SILENT_S = 1.0
"""An upload that sent nothing for so long makes room for others when the memory is full."""


class UploadMemory:
    """Counts the bytes that bodies hold, from their arrival until their requests are answered."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._uploads: set[Upload] = set()

    @property
    def held_bytes(self) -> int:
        """What all bodies hold now."""
        return sum(upload.size_bytes for upload in self._uploads)

    def begin(self, receive: Receive, within_s: float) -> Upload:
        """Count a request's body from here on; `end` it in any case."""
        upload = Upload(self, receive, within_s)
        self._uploads.add(upload)
        return upload

    def end(self, upload: Upload) -> None:
        """Forget a body: its request is answered."""
        self._uploads.discard(upload)

    def make_room(self) -> None:
        """End uploads that have gone silent, the longest silent first, until what is held fits.

        Raises:
            UploadsFull: it does not fit even then.
        """
        excess = self.held_bytes - self._most_bytes
        for upload in self._silent() if excess > 0 else ():
            excess -= upload.stop()
            if excess <= 0:
                return
        if excess > 0:
            raise UploadsFull("More is being uploaded than this server holds at once; try again in a moment.")

    def _silent(self) -> Iterator[Upload]:
        before = asyncio.get_running_loop().time() - _SILENT_S
        yield from sorted((u for u in self._uploads if u.waits_since < before), key=lambda u: u.waits_since)


class Upload:
    """The body of one request while it comes.

    Attributes:
        size_bytes: what has come of it.
        waits_since: when it last sent something, on the loop's clock; infinity while nobody waits for it.
    """

    def __init__(self, memory: UploadMemory, receive: Receive, within_s: float) -> None:
        self._memory = memory
        self._receive = receive
        self._within_s = within_s
        self._due: float | None = None
        self._timer: asyncio.Timeout | None = None
        self._silent_s = float("inf")
        self._complete = False
        self.size_bytes = 0
        self.waits_since = float("inf")

    async def receive(self) -> Any:
        """The next message of the caller.

        Raises:
            UploadTooSlow: the body has not come in time.
            UploadsFull: there is no memory for it.
        """
        if self._complete:
            return await self._receive()
        message: Any = await self._timed()
        self.size_bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        self._memory.make_room()
        return message

    def stop(self) -> int:
        """End an upload that is being waited for; the bytes that become free."""
        if self._timer is None:
            return 0
        self._timer.reschedule(0)
        self.waits_since = float("inf")
        freed, self.size_bytes = self.size_bytes, 0
        return freed

    def goes_to_disk(self, within_s: float) -> None:
        """The body is written to a file as it comes: it may take longer, as long as it keeps coming."""
        self._silent_s, self._within_s, self._due = self._within_s, within_s, None

    def written(self, size_bytes: int) -> None:
        """So much of the body lies in a file, and no longer in memory."""
        self.size_bytes = max(0, self.size_bytes - size_bytes)

    async def _timed(self) -> Message:
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = now + self._within_s
        try:
            async with asyncio.timeout_at(min(self._due, now + self._silent_s)) as self._timer:
                self.waits_since = now
                return await self._receive()  # type: ignore[return-value]
        except TimeoutError:
            raise UploadTooSlow(
                f"The request's body did not arrive within {self._within_s:g} s, or stopped coming; send a smaller "
                "one, or without a pause."
            ) from None
        finally:
            self._timer, self.waits_since = None, float("inf")


def bounded_uploads(inner: ASGIApp, memory: UploadMemory, within_s: float) -> ASGIApp:
    """Wrap an app so that every body it reads has a time, and its bytes are counted until the answer is out."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        upload = memory.begin(receive, within_s)
        scope.setdefault("state", {})[_UPLOAD] = upload
        try:
            await inner(scope, upload.receive, send)
        finally:
            memory.end(upload)

    return outer


def upload_of(request: Request[Any, Any, Any]) -> Upload | None:
    """The body of a request, as it is counted."""
    found: Upload | None = request.scope["state"].get(_UPLOAD)
    return found


def read_chunks(request: Request[Any, Any, Any]) -> AsyncGenerator[bytes, None]:
    """The body as it comes.

    Raises:
        MediaTypeUnsupported: it is compressed; what it would become cannot be told before.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise MediaTypeUnsupported(f"The body is encoded as {encoding[:40]!r}; send it without Content-Encoding.")
    return request.stream()


async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """The whole body, which the request does not keep beside it."""
    return b"".join([chunk async for chunk in read_chunks(request)])
