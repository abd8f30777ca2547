"""The load generator: when requests leave, what their latency counts from, and what an answer is."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed.load import FAILED, Bodies, Client, Sample, arrivals, closed_loop, open_loop
from engine.vision.images import decode

Answer = Callable[[bytes], Awaitable[bytes]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SHED = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def server(answer: Answer):
    """A server that reads a request, waits for `answer` to say something, and keeps the connection."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split()[0])
                writer.write(await answer(await reader.readexactly(size)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client("127.0.0.1", listening.sockets[0].getsockname()[1])
    try:
        yield client, connections
    finally:
        await client.close()
        listening.close()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def test_latency_counts_from_the_moment_that_was_meant() -> None:
    """The server holds everything up once for 0.3 s; the requests meant for that time count their wait.

    A loop that waits for answers would have sent one request then, and shown one slow answer.
    """

    async def play() -> list[Sample]:
        gate, seen = asyncio.Event(), 0

        async def answer(_: bytes) -> bytes:
            nonlocal seen
            seen += 1
            if seen == 1:
                asyncio.get_running_loop().call_later(0.3, gate.set)
            await gate.wait()
            return OK

        async with server(answer) as (client, _):
            return await open_loop(client.post, iter([b"x"] * 20), arrivals("constant", 50, 0.4))

    plays = [asyncio.run(play()) for _ in range(3)]
    samples = min(plays, key=lambda each: max(s.late_ms for s in each))  # Other programs hold this one up, too.
    assert len(samples) == 20
    assert all(s.status == 200 and s.body == b"hi" for s in samples)
    slow = [s for s in samples if s.latency_ms > 100]
    assert 7 <= len(slow) <= 13
    assert max(s.latency_ms for s in samples) >= 290
    assert all(s.late_ms < 100 for s in samples)


def test_constant_and_poisson_arrivals() -> None:
    """Both send `rate` a second in the mean; constant ones at equal distances, Poisson ones by the same seed alike."""
    assert arrivals("constant", 4, 1).tolist() == [0, 0.25, 0.5, 0.75]
    times = arrivals("poisson", 100, 50, seed=3)
    assert abs(len(times) - 5000) < 300
    gaps = np.diff(times)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.06
    assert np.array_equal(times, arrivals("poisson", 100, 50, seed=3))
    assert len(times) != len(arrivals("poisson", 100, 50, seed=4))
    for kind, rate in (("constant", 0.0), ("bursts", 1.0)):
        with pytest.raises(ValueError, match=r"sends nothing|constant or poisson"):
            arrivals(kind, rate, 1)


def test_what_came_of_a_request() -> None:
    """Shed with Retry-After, refused without, cut off: three outcomes, and none stops the run."""

    async def play() -> list[Sample]:
        async def answer(body: bytes) -> bytes:
            if body == b"cut":
                raise ConnectionError
            return SHED if body == b"shed" else SHED.replace(b"Retry-After", b"X-Other")

        async with server(answer) as (client, _):
            return [await client.post(body, 0.0) for body in (b"shed", b"no", b"cut", b"shed")]

    got = [(s.status, s.told_when) for s in asyncio.run(play())]
    assert got == [(503, True), (503, False), (FAILED, False), (503, True)]


def test_connections_are_kept_and_clients_wait() -> None:
    """Two patient clients need two connections for ten requests."""

    async def play() -> tuple[int, int]:
        async def answer(_: bytes) -> bytes:
            await asyncio.sleep(0.005)
            return OK

        async with server(answer) as (client, connections):
            samples, _ = await closed_loop(client.post, iter([b"x"] * 99), clients=2, seconds=30, n=10)
            return len(samples), len(connections)

    assert asyncio.run(play()) == (10, 2)


def test_no_two_bodies_are_alike_and_all_are_photos() -> None:
    """The comment makes another file of the same picture."""
    bodies = Bodies([jpeg()])
    first, second = next(bodies), next(bodies)
    assert first != second
    assert np.array_equal(decode(first), decode(jpeg()))
    assert np.array_equal(decode(second), decode(jpeg()))
    with pytest.raises(ValueError, match="JPEG"):
        Bodies([b"\x89PNG"])
