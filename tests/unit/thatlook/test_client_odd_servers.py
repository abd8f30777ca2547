"""Clients against what stands before a server, or in its place: redirects, pages, trickles, proxies; and forks."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

import thatlook
from thatlook import client_base

EMPTY = {"garments": [], "timing_ms": {}}


@contextmanager
def saying(*says: bytes | Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says one thing to each request, the last one for ever; connections are kept."""
    left = list(says)

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while whole_request(connection):
                said = left.pop(0) if len(left) > 1 else left[0]
                said(connection) if callable(said) else connection.sendall(said)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def whole_request(connection: socket.socket) -> bool:
    """Read one request, head and body; whether one came. They may arrive apart."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _body_bytes(data):
        if not (part := connection.recv(65_536)):
            return False
        data += part
    return True


def _body_bytes(data: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data)
    return int(found[1]) if found else 0


def answer(body: Any, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", f"Content-Type: {kind}", *headers, "", ""]
    return "\r\n".join(head).encode() + data


PAGE = answer(b"<html>Sign in</html>", kind="text/html; charset=utf-8")


def trickle(connection: socket.socket) -> None:
    """An answer that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("says", "kind", "told"),
    [
        (PAGE, thatlook.Unavailable, "is not thatlook .it sent text/html"),
        (answer(b"ok", kind="text/plain"), thatlook.Unavailable, "is not thatlook .it sent text/plain"),
        (answer({"status": "ok"}), thatlook.ContractBroken, "form that is not known"),
        (answer(b"{"), thatlook.ContractBroken, "form that is not known"),
        (answer(b"", "Location: https://shop.test/find/", status="308 Permanent Redirect"), thatlook.InputRejected,
         "is at https://shop.test/find/"),
        (answer(b"x" * 100)[:-50] , thatlook.Unavailable, "did not answer in time"),
        (trickle, thatlook.Unavailable, "did not answer in time"),
        (lambda c: c.close(), thatlook.Unavailable, "cannot be reached"),
        (answer(b'{"garments": [], "notes": ["\xe9"]}'), thatlook.ContractBroken, "form that is not known"),
        (answer(b'{"detail": "\xe9"}', status="422 Unprocessable Entity"), thatlook.InputRejected, "no explanation"),
        (answer(b"{}", "Content-Encoding: gzip"), thatlook.Unavailable, "cannot be reached .it sends nothing, or what"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", thatlook.Unavailable, "cannot be reached .it sends nothing, or what"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told(
    says: bytes | Callable[[socket.socket], None], kind: type[thatlook.ThatLookError], told: str
) -> None:
    """Both clients raise this package's errors, in time, whatever stands in the server's place."""
    with saying(says) as address:
        began = time.monotonic()
        with thatlook.Client(address, timeout_s=0.5) as shop, pytest.raises(kind, match=told):
            shop.search_text("coat")

        async def ask() -> None:
            async with thatlook.AsyncClient(address, timeout_s=0.5) as shop:
                await shop.search_text("coat")

        with pytest.raises(kind, match=told):
            asyncio.run(ask())
        assert time.monotonic() - began < 10


def test_a_server_that_speaks_no_tls_is_told() -> None:
    """What stands in the way, not the library's name for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        connection.recv(65_536)

        threading.Thread(target=refuse, daemon=True).start()
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with thatlook.Client(address) as shop, pytest.raises(thatlook.Unavailable, match="does not speak TLS"):
            shop.search_text("coat")


@pytest.mark.parametrize(
    ("address", "told"),
    [("127.0.0.1:8080", "begins with http:// or https://"), ("http://127.0.0.1:1", "Connection refused")],
)
def test_an_address_where_nobody_answers(address: str, told: str) -> None:
    """As the system says it."""
    with thatlook.Client(address) as shop, pytest.raises(thatlook.Unavailable, match=told):
        shop.search_text("coat")


def test_a_page_is_not_kept_as_a_picture_or_a_feed(tmp_path: Path) -> None:
    """Bytes are taken as they are, but a page is none that was asked for."""
    with saying(PAGE) as address, thatlook.Client(address) as shop:
        with pytest.raises(thatlook.Unavailable, match="not thatlook"):
            shop.image("products/a.jpg")
        with pytest.raises(thatlook.Unavailable, match="not thatlook"):
            shop.export_products(tmp_path / "products.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not end does not fill the memory."""
    monkeypatch.setattr(client_base, "MOST_BYTES", 1 << 20)
    with saying(answer(bytes(2 << 20))) as address, pytest.raises(thatlook.Unavailable, match="more than 1 MB"):
        thatlook.Client(address).search_text("coat")


def test_a_date_to_come_back_is_a_date() -> None:
    """`Retry-After` as HTTP has it in both forms."""
    busy = answer({"detail": "x"}, f"Retry-After: {formatdate(time.time() + 1, usegmt=True)}", status="503 Busy")
    with saying(busy, answer(EMPTY)) as address, thatlook.Client(address) as shop:
        assert shop.search_text("coat").garments == []


@pytest.mark.parametrize("path", ["", "/", "/find", "/find/"])
def test_a_server_below_a_path(path: str) -> None:
    """The address may have a path, with or without a slash at its end."""
    asked: list[str] = []

    def served(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=EMPTY)

    with thatlook.Client(f"http://shop.test{path}", transport=httpx.MockTransport(served)) as shop:
        shop.search_text("coat")
    assert asked == [f"{path.rstrip('/')}/v1/search/text"]


@pytest.mark.parametrize("address", ["http://[::1", "http://shop.test:99999", "http://user:secret@shop.test:x"])
def test_what_is_no_address_is_told(address: str) -> None:
    """When the client is made, as this package's error, without a password."""
    for kind in (thatlook.Client, thatlook.AsyncClient):
        with pytest.raises(thatlook.QueryRejected) as told:
            kind(address)
        assert "secret" not in str(told.value)


def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the environment; a good one is asked."""
    monkeypatch.setenv("HTTP_PROXY", "nonsense://x")
    with pytest.raises(thatlook.QueryRejected, match="proxy"):
        thatlook.Client("http://shop.test")
    with saying(answer(EMPTY)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with thatlook.Client("http://shop.test") as shop:
            assert shop.search_text("coat").garments == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_asynchronous_client_in_several_loops() -> None:
    """Programs that call `asyncio.run` for each question keep their client; what was open in a loop goes with it."""
    with saying(answer(EMPTY)) as address:
        shop = thatlook.AsyncClient(address)
        for _ in range(3):
            assert asyncio.run(shop.search_text("coat")).garments == []
        del shop
        gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of threads beside a fork.
def test_a_fork_has_connections_of_its_own() -> None:
    """Parent and child ask at once over one client, and neither reads what the other was told."""
    ports: list[int] = []

    def served(connection: socket.socket) -> None:
        ports.append(connection.getpeername()[1])
        connection.sendall(answer(b"picture", kind="image/png"))

    with saying(served) as address, thatlook.Client(address) as shop:
        shop.image("a.png")
        child = os.fork()
        if child == 0:
            try:
                shop.image("a.png")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        shop.image("a.png")
    first, childs, again = ports
    assert first == again != childs
