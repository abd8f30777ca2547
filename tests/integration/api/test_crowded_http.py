"""Callers that hold connections without using them, in any way: others are answered, and nothing is held for ever."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn

from api.http import closing, connections
from api.http.framing import MOST_TINY_CHUNKS
from api.services import Limits
from engine.domain import Answer
from tests.fixtures.shop import ANSWER, PNG, Shop

MOST = 20
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PHOTO = b"POST /v1/search/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nConnection: close\r\n"
WHOLE = PHOTO + b"Content-Length: %d\r\n\r\n" % len(PNG) + PNG


@contextmanager
def serving(shop: Shop) -> Iterator[tuple[int, uvicorn.Server]]:
    """An app of fakes behind our connections, on a loop of its own."""
    options = {"log_config": None, "access_log": False, "lifespan": "on", "ws": "none"}
    app = shop.app(Limits(allowed_hosts=frozenset({"localhost"}), search_threads=MOST))
    server = uvicorn.Server(uvicorn.Config(app, http="api.http.connections:Connection", **options))  # type: ignore[arg-type]
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1], server
        server.should_exit = True
        thread.join()


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Whose server holds few connections, and waits for little."""
    monkeypatch.setattr(connections, "MOST", MOST)
    monkeypatch.setattr(connections, "_SLOW_S", 0.2)
    for module in (connections, closing):
        monkeypatch.setattr(module, "TAKE_WITHIN_S", 0.5)
    return Shop()


@pytest.fixture
def port(shop: Shop) -> Iterator[int]:
    with serving(shop) as (port, _):
        yield port


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(stack: ExitStack, port: int, say: bytes = b"") -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    connection.sendall(say)
    return connection


def rest(connection: socket.socket) -> bytes:
    """What comes until the end, however the end comes."""
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionError:
        pass
    return answer


def has_ended(connection: socket.socket) -> bool:
    """Whether nothing more can come."""
    connection.setblocking(False)
    try:
        while connection.recv(1_000):
            pass
    except BlockingIOError:
        return False
    return True


def answer(stack: ExitStack, port: int, say: bytes) -> bytes:
    return rest(opened(stack, port, say))


RESTING = HEALTH.replace(b"Connection: close\r\n", b"")


@pytest.mark.parametrize("say", [b"", b"GET /healthz HTTP/1.1\r\nX: ", RESTING])
def test_connections_that_ask_nothing_make_room(stack: ExitStack, port: int, say: bytes) -> None:
    """New ones, half a head, answered ones that rest: those that waited longest end, and searches are answered."""
    opening = [opened(stack, port, say) for _ in range(2 * MOST)]
    for _ in range(MOST):
        opening.append(opened(stack, port, say))
        if say is RESTING:
            assert opening[-1].recv(1_000)
    first, *others = opening
    assert answer(stack, port, WHOLE).startswith(b"HTTP/1.1 200 ")
    assert answer(stack, port, HEALTH).startswith(b"HTTP/1.1 200 ")
    rest(first)
    assert not has_ended(others[-1])


def test_slow_bodies_make_room(stack: ExitStack, port: int) -> None:
    """Where every connection holds half a body, the one that began first hears why it ends."""
    slow = [opened(stack, port, PHOTO + b"Content-Length: 5000\r\n\r\nx") for _ in range(MOST)]
    time.sleep(0.5)
    assert answer(stack, port, WHOLE).startswith(b"HTTP/1.1 200 ")
    assert rest(slow[0]).startswith(b"HTTP/1.1 408 ")


def test_a_full_server_says_so(stack: ExitStack, port: int, shop: Shop) -> None:
    """While every connection has its search under way others hear when to come back, and it is alive."""
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> Answer:
        begun.release()
        assert go_on.wait(20)
        return ANSWER

    shop.looks.acts = wait
    under_way = [opened(stack, port, WHOLE) for _ in range(MOST)]
    for _ in range(MOST):
        assert begun.acquire(timeout=20)
    head, _, body = answer(stack, port, WHOLE).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in head
    assert b'"code":"busy"' in body
    assert answer(stack, port, HEALTH).startswith(b"HTTP/1.1 200 ")
    go_on.set()
    assert all(rest(each).startswith(b"HTTP/1.1 200 ") for each in under_way)


@pytest.mark.parametrize("ends", [b"Connection: close\r\n", b""])
def test_an_answer_that_nobody_takes_is_not_kept(stack: ExitStack, shop: Shop, ends: bytes) -> None:
    """A caller that asks for much and reads nothing is let go."""
    shop.objects.pictures["large.png"] = PNG + bytes(32 * 1024 * 1024)
    with serving(shop) as (port, server):
        ask = b"GET /v1/images/large.png HTTP/1.1\r\nHost: localhost\r\n" + ends + b"\r\n"
        for _ in range(3):
            opened(stack, port, ask)
        end = time.monotonic() + 15
        while not server.server_state.connections:
            assert time.monotonic() < end
        while server.server_state.connections:
            assert time.monotonic() < end
            time.sleep(0.05)


def chunked(size: int, times: int) -> bytes:
    head = PHOTO + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n" + (b"%x\r\n" % size + b"x" * size + b"\r\n") * times


def test_a_body_in_tiny_chunks_is_refused(stack: ExitStack, port: int) -> None:
    """Each costs the server more than its caller; lines of a feed as chunks are not meant."""
    head, _, body = answer(stack, port, chunked(1, 2 * MOST_TINY_CHUNKS)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "too many small chunks" in json.loads(body)["detail"]
    assert answer(stack, port, chunked(40, MOST_TINY_CHUNKS - 1) + b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert answer(stack, port, chunked(70, 2 * MOST_TINY_CHUNKS) + b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
def test_offers_of_other_protocols_are_passed_over(
    stack: ExitStack, port: int, offer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Some clients make one with each request: it is answered in this one, and is worth no line in the log."""
    ask = HEALTH.replace(b"close", b"Upgrade, HTTP2-Settings, close").replace(b"\r\n\r\n", b"\r\nUpgrade: %s\r\n\r\n")
    with caplog.at_level(logging.WARNING):
        assert answer(stack, port, ask % offer).startswith(b"HTTP/1.1 200 ")
    assert not caplog.records
