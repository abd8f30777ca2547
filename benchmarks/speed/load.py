"""Open-loop load over HTTP: requests leave at times fixed beforehand, whether or not earlier ones were answered.

Latency counts from the moment a request was meant to leave. A client that waits for an answer before it asks again
(closed loop) sends less just when the server is slow, and so leaves out the very requests that would have waited:
"coordinated omission", G. Tene, "How NOT to Measure Latency", 2013.

The client is a few lines over asyncio's streams, since on two cores it works beside the server that it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GIVE_UP_S = 30.0
"""After so long without an answer a request counts as failed."""
FAILED = 0
"""The status of a request that got no answer."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what came of it.

    Attributes:
        status: of the answer; FAILED where there was none.
        latency_ms: from the moment it was meant to leave to the answer's last byte.
        late_ms: how much later than meant it left, the client's own fault.
        told_when: whether the answer has a Retry-After.
        stages: the answer's Server-Timing.
        body: the answer.
    """

    status: int
    latency_ms: float
    late_ms: float = 0.0
    told_when: bool = False
    body: bytes = b""
    stages: str = ""


@dataclass(slots=True)
class Client:
    """Posts pictures to one address; keeps connections that are idle."""

    host: str
    port: int
    path: str = "/v1/search/image"
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def post(self, body: bytes, meant: float, *, content_type: str = "image/jpeg") -> Sample:
        """Send one picture; never raises for what the server does."""
        left = time.perf_counter()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                status, headers, answer = await self._exchange(body, content_type)
        except (OSError, EOFError, TimeoutError, ValueError):
            status, headers, answer = FAILED, {}, b""
        latency_ms, late_ms = 1000 * (time.perf_counter() - meant), 1000 * (left - meant)
        return Sample(status, latency_ms, late_ms, "retry-after" in headers, answer, headers.get("server-timing", ""))

    async def close(self) -> None:
        """Let go of the connections."""
        for _, writer in self._idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """An idle connection that the server has not closed meanwhile."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def _exchange(self, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        reader, writer = self._kept() or await asyncio.open_connection(self.host, self.port)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            writer.writelines([head.encode(), body])
            status, headers, answer = await _read_answer(reader)
            await writer.drain()  # An answer may come before the body was taken; the connection is free after it.
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status, headers, answer


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    return status, headers, await reader.readexactly(int(headers.get("content-length", "0")))


class Bodies:
    """Photos as request bodies, in turn, no two alike: each JPEG gets a comment with its number.

    So the server decodes and looks at every one, as it would at photos of different people.
    """

    def __init__(self, photos: Sequence[bytes]) -> None:
        if not photos or any(photo[:2] != b"\xff\xd8" for photo in photos):
            raise ValueError("Load is made of JPEG photos.")
        self._photos = itertools.cycle(photos)
        self._number = itertools.count(time.time_ns())

    def __next__(self) -> bytes:
        photo, comment = next(self._photos), b"%020d" % next(self._number)
        return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]

    def __iter__(self) -> Iterator[bytes]:
        return self


def arrivals(kind: str, rate: float, seconds: float, seed: int = 0) -> NDArray[np.float64]:
    """Seconds from the start at which requests are to leave: `constant` distances, or `poisson`.

    Raises:
        ValueError: another kind, or nothing to send.
    """
    if rate <= 0 or seconds <= 0:
        raise ValueError(f"A rate of {rate} for {seconds} s sends nothing.")
    if kind == "constant":
        return np.arange(0, seconds, 1 / rate)
    if kind != "poisson":
        raise ValueError(f"Arrivals are constant or poisson, not {kind!r}.")
    gaps = np.random.default_rng([seed, 51]).exponential(1 / rate, max(8, int(2 * rate * seconds + 20)))
    times = np.cumsum(gaps)
    return times[times < seconds]


async def open_loop(
    ask: Callable[[bytes, float], Awaitable[Sample]], bodies: Iterator[bytes], times: NDArray[np.float64]
) -> list[Sample]:
    """Send one body at each time, and wait for all answers. Samples in the order of sending."""
    start = time.perf_counter() + 0.05
    tasks: list[asyncio.Task[Sample]] = []
    for offset in times:
        body, meant = next(bodies), start + float(offset)
        if (pause := meant - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.ensure_future(ask(body, meant)))
    return list(await asyncio.gather(*tasks))


async def closed_loop(
    ask: Callable[[bytes, float], Awaitable[Sample]], bodies: Iterator[bytes], *, clients: int, seconds: float, n: int
) -> tuple[list[Sample], float]:
    """Each client asks, waits, and asks again, until `seconds` are over or `n` were sent; also the seconds taken.

    Right for two things only: one patient client's latency, and how much the server can do at most.
    """
    start, left = time.perf_counter(), itertools.count()
    samples: list[Sample] = []

    async def client() -> None:
        while next(left) < n and time.perf_counter() - start < seconds:
            samples.append(await ask(next(bodies), time.perf_counter()))

    await asyncio.gather(*(client() for _ in range(clients)))
    return samples, time.perf_counter() - start
