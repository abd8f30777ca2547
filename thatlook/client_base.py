"""What both clients share: connections that are this process's own, and answers that are what they should be."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import httpx

from engine.errors import QueryRejected, Unavailable
from engine.system.redaction import redacted
from thatlook import calls
from thatlook.calls import Call
from thatlook.failures import NO_DOCUMENT, elsewhere, failure_of, no_answer, unreachable, wait_of

T = TypeVar("T")
H = TypeVar("H", httpx.Client, httpx.AsyncClient)
_LAST_PORT = 65_535
MOST_BYTES = 512 * 1024 * 1024
"""Of one answer; exports go into files and may be larger."""


class ClientBase(Generic[H]):
    """One server, asked over httpx. `make` is `httpx.Client` or `httpx.AsyncClient`."""

    def __init__(
        self,
        make: Callable[..., H],
        address: str,
        *,
        timeout_s: float | None,
        key: str | None,
        retries: int,
        headers: Mapping[str, str] | None,
        transport: Any,
    ) -> None:
        self.address = redacted(address.rstrip("/"))
        self._retries = retries
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        with_key = {**(headers or {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        self._make: Callable[[], H] = lambda: make(
            base_url=address, timeout=timeout_s, headers=with_key, transport=transport
        )
        self._place: tuple[int, object] | None = None
        self._client: H = self._made()

    @property
    def _http(self) -> H:
        """Of this process and event loop.

        After a fork two processes would read each other's answers from one connection, and connections of an event
        loop that has ended, as of an earlier `asyncio.run`, are dead.
        """
        here = os.getpid(), _loop()
        if self._place is not None and self._place != here:
            self._client = self._made()
        self._place = here
        return self._client

    def _made(self) -> H:
        try:
            made = self._make()
            if (made.base_url.port or 0) > _LAST_PORT:
                raise ValueError(f"there is no port {made.base_url.port}")
            return made
        except (httpx.InvalidURL, ValueError, ImportError) as error:
            said = redacted(str(error)).rstrip(".")
            raise QueryRejected(f"No client can be made for the address {self.address}: {said}.") from None

    def _unreachable(self, error: Exception) -> Unavailable:
        return unreachable(error, self.address)

    def _wait(self, response: httpx.Response, tries: int) -> float | None:
        """Seconds until the same request may be sent again; None where it is not to be."""
        if response.is_success or tries >= self._retries:
            return None
        return wait_of(response.headers.get("Retry-After"))

    def _take(self, body: bytearray, part: bytes, began: float) -> None:
        """More of an answer, whose time is bounded as a whole, and its size."""
        body += part
        if time.monotonic() - began > self._timeout_s:
            raise self._unreachable(TimeoutError())
        if len(body) > MOST_BYTES:
            raise Unavailable(f"The server at {self.address} answers with more than {MOST_BYTES >> 20} MB.")

    def _read(self, call: Call[T], response: httpx.Response, body: bytes | bytearray) -> T:
        if response.is_success or response.status_code in call.also:
            self._check_kind(response)
            try:
                return calls.read_answer(call, bytes(body))
            except NO_DOCUMENT:
                raise no_answer(response.headers.get("Content-Type"), self.address) from None
        if response.is_redirect:
            raise elsewhere(response.status_code, response.headers.get("Location"), self.address)
        raise failure_of(response.status_code, bytes(body), self.address)

    def _check_kind(self, response: httpx.Response) -> None:
        """No answer of the API is a page: it would be kept as the picture, or the feed, that was asked for."""
        kind = response.headers.get("Content-Type", "")
        if kind.lower().startswith("text/html"):
            raise no_answer(kind, self.address)


def _loop() -> object:
    """The event loop that runs here, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
