"""HTTP written by hand to a real server: heads and bodies that break the rules, or never end."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from api.http import closing, connections
from api.services import Limits
from tests.fixtures.shop import PNG, Shop

HEAD = "POST /v1/search/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
TEXT = "POST /v1/search/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An app of fakes behind our connections, with short times."""
    patch = pytest.MonkeyPatch()
    patch.setattr(connections, "HEAD_WITHIN_S", 0.4)
    patch.setattr(closing, "LINGER_S", 1.5)
    options = {"log_config": None, "access_log": False, "lifespan": "on", "http": "api.http.connections:Connection"}
    app = Shop().app(Limits(upload_s=0.5, allowed_hosts=frozenset({"localhost"})))
    server = uvicorn.Server(uvicorn.Config(app, **options))  # type: ignore[arg-type]
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()
    patch.undo()


def say(port: int, *pieces: bytes | str, pause_s: float = 0.0) -> bytes:
    """What the server says until it closes, or is silent for three seconds."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece.encode("latin-1") if isinstance(piece, str) else piece)
                time.sleep(pause_s)
            while chunk := connection.recv(65_536):
                answer += chunk
        except ConnectionError:
            pass
    return answer


def status(answer: bytes) -> int:
    """The status of the last answer, which is a problem if it is no success."""
    head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    number = int(head.split()[1])
    if number >= 400:
        assert b"application/problem+json" in head
        document = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
        assert document["status"] == number
        assert "Traceback" not in document["detail"]
    return number


@pytest.mark.parametrize(
    "request_",
    [
        "\r\n\r\nGARBAGE\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        "GET /health z HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /h\xe9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%FF HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET /v1/products/{'x' * 9_000} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        f"GET /healthz?{'x' * 70_000} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 600_000}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + "X: y\r\n" * 100_000 + "\r\n",
        HEAD + "Content-Length: -1\r\n\r\n",
        HEAD + "Content-Length: 1e3\r\n\r\n",
        HEAD + f"Content-Length: {'9' * 5000}\r\n\r\n",
        HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + "Transfer-Encoding: gzip\r\n\r\n",
        HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        HEAD + "Transfer-Encoding: chunked\r\n\r\n" + "f" * 40 + "\r\n",
        HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
        HEAD + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        TEXT + 'Content-Length: 3\r\n\r\n{"text": "red"}',
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(port: int, request_: str) -> None:
    """A problem of the 4xx kind and an end, never a 500 and never silence."""
    answer = say(port, request_)
    assert 400 <= status(answer) < 500


def test_lengths_that_are_not_the_bodys(port: int) -> None:
    """A body shorter than announced is waited for so long and no longer; a chunked one needs no length."""
    start = time.monotonic()
    assert status(say(port, HEAD + "Content-Length: 5000\r\n\r\n", PNG)) == 408
    assert time.monotonic() - start < 2
    chunked = HEAD + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(say(port, chunked, f"{len(PNG):x};name=x\r\n", PNG, "\r\n0\r\nTrailer: x\r\n\r\n")) == 200


def test_expectations(port: int) -> None:
    """`Expect: 100-continue` hears it; other expectations change nothing; a refusal comes before the body."""
    close = "Connection: close\r\n"
    length = f"Content-Length: {len(PNG)}\r\n"
    answer = say(port, HEAD + close + length + "Expect: 100-continue\r\n\r\n", PNG, pause_s=0.1)
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert status(answer) == 200
    assert status(say(port, HEAD + close + length + "Expect: miracles\r\n\r\n", PNG)) == 200
    answer = say(port, HEAD + "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("head", ["G", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_end(port: int, head: str) -> None:
    """It has a time, however slowly its bytes drip."""
    start = time.monotonic()
    answer = say(port, head, *["x"] * 8, pause_s=0.1)
    assert time.monotonic() - start < 2
    assert not answer or status(answer) == 408


def test_a_connection_without_a_request_ends(port: int) -> None:
    """So does one that never says anything, and one whose body nobody wants."""
    start = time.monotonic()
    assert say(port) == b""
    unread = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    assert status(say(port, unread, "x" * 10)) == 200
    assert time.monotonic() - start < 3


def _received(connection: socket.socket, answers: int) -> bytes:
    """So many answers of `/healthz`, in whatever pieces they come."""
    received = b""
    while received.count(b'{"status":"ok"}') < answers:
        received += connection.recv(65_536)
    return received


def test_kept_connections_stay_open(port: int) -> None:
    """The times above are of heads alone: a connection that was answered may rest and ask again."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
        for _ in range(2):
            connection.sendall(ask)
            assert b" 200 " in _received(connection, 1)
            time.sleep(0.6)
        connection.sendall(ask + ask)
        assert _received(connection, 2).count(b"HTTP/1.1 200 ") == 2


def test_a_refused_host_is_not_listened_to(port: int) -> None:
    """The body of a request by another name is not read, and its connection ends."""
    head = HEAD.replace("localhost", "evil.example") + "Content-Length: 5000000\r\n\r\n"
    start = time.monotonic()
    assert status(say(port, head)) == 421
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("head", "number"),
    [
        (HEAD.replace("localhost", "evil.example") + "Content-Length: 20000000\r\n\r\n", 421),
        (HEAD + "Content-Length: 50000000\r\n\r\n", 413),
        (TEXT + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_who_is_still_sending_hears_why(port: int, head: str, number: int) -> None:
    """A refusal is not lost when its caller reads only after it has sent everything."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
        for _ in range(200):
            connection.sendall(b"x" * 100_000)
        answer = connection.recv(65_536)
        while chunk := connection.recv(65_536):
            answer += chunk
    assert status(answer) == number


def test_who_never_stops_sending_is_ended(port: int) -> None:
    """After a while the connection is gone."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall((HEAD + "Content-Length: 50000000000\r\n\r\n").encode())
        try:
            while time.monotonic() - start < 20:
                connection.sendall(b"x" * 10_000)
                time.sleep(0.01)
        except ConnectionError:
            pass
    assert time.monotonic() - start < 10
