"""The API behind a real uvicorn on loopback: concurrency, early refusals, broken connections."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.services import Limits
from engine.domain import Answer
from tests.fixtures.shop import ANSWER, PNG, Shop

ROOT = Path(__file__).parents[3]


@contextmanager
def serving(shop: Shop, limits: Limits) -> Iterator[str]:
    """The app on a free port; its address."""
    server = uvicorn.Server(uvicorn.Config(shop.app(limits), log_config=None, access_log=False, lifespan="on"))
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # asyncio sets TCP_NODELAY on these alone
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_slow_searches_do_not_block_anything_else(shop: Shop) -> None:
    """With every search thread held, health, readiness, pictures and products answer as if nothing were."""
    gate = threading.Event()

    def slow() -> Answer:
        gate.wait(10)
        return ANSWER

    shop.looks.acts = slow
    with (
        serving(shop, Limits(search_threads=2, search_queue=4, deadline_s=8)) as url,
        httpx.Client(base_url=url) as client,
        ThreadPoolExecutor(6) as callers,
    ):
        searches = [
            callers.submit(httpx.post, f"{url}/v1/search/text", json={"text": "x"}, timeout=15) for _ in range(6)
        ]
        while len(shop.looks.calls) < 2:
            time.sleep(0.01)
        time.sleep(0.1)
        paths = ("/healthz", "/readyz", "/v1/images/products/p%201/0.png", "/v1/products/p%201%2Fa", "/metrics")
        for path in paths:
            start = time.perf_counter()
            assert client.get(path).status_code == 200
            assert time.perf_counter() - start < 0.5
        refused = client.post("/v1/search/text", json={"text": "x"})
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "busy", "1")
        assert not any(search.done() for search in searches)
        gate.set()
        assert [search.result().status_code for search in searches] == [200] * 6
        assert client.post("/v1/search/text", json={"text": "x"}).status_code == 200


def test_a_long_upload_is_read_beside_other_requests(shop: Shop) -> None:
    """20 MB of multipart pass while health answers at once."""
    with serving(shop, Limits()) as url, ThreadPoolExecutor(1) as callers:
        photo = b"\xff\xd8\xff" + b"x" * (20_000_000)
        upload = callers.submit(httpx.post, f"{url}/v1/search/image", files={"image": ("a.jpg", photo)}, timeout=30)
        waits = []
        while not upload.done():
            start = time.perf_counter()
            httpx.get(f"{url}/healthz")
            waits.append(time.perf_counter() - start)
        assert upload.result().status_code == 200
        assert shop.looks.calls[-1][1][0] == photo
        assert max(waits) < 1.0


def _answer_to(url: str, head: str, body: bytes = b"") -> bytes:
    """All that the server says to a raw request until it closes; the body may be shorter than announced."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_huge_body_is_refused_before_it_is_sent(shop: Shop) -> None:
    """The announced length is enough: 413 although not one byte of the body came."""
    with serving(shop, Limits()) as url:
        for kind in ("image/jpeg", "application/json", "multipart/form-data; boundary=x"):
            head = f"POST /v1/search/image HTTP/1.1\nHost: x\nContent-Type: {kind}\nContent-Length: 50000000000"
            answer = _answer_to(url, head)
            assert b" 413 " in answer.splitlines()[0]
            assert b'"code":"request-too-large"' in answer


@pytest.mark.parametrize("length", ["-1", "abc", "1e3"])
def test_a_length_that_is_no_length(shop: Shop, length: str) -> None:
    """Refused as malformed; the server goes on."""
    with serving(shop, Limits()) as url:
        head = f"POST /v1/search/image HTTP/1.1\nHost: x\nContent-Type: image/jpeg\nContent-Length: {length}"
        assert b" 400 " in _answer_to(url, head).splitlines()[0]
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_caller_who_leaves_in_the_middle(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """An upload cut short begins no search, is no error of ours, and the next caller is served."""
    with serving(shop, Limits()) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = (
                "POST /v1/search/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n"
            )
            connection.sendall(head.encode() + PNG)
        time.sleep(0.2)
        assert shop.looks.calls == []
        assert (
            httpx.post(f"{url}/v1/search/image", content=PNG, headers={"Content-Type": "image/png"}).status_code == 200
        )


def test_keep_alive_and_many_callers(shop: Shop) -> None:
    """Eight callers with fifty searches each get fifty answers each."""
    with serving(shop, Limits(search_threads=2, search_queue=64)) as url, ThreadPoolExecutor(8) as callers:

        def ask(_: int) -> list[int]:
            with httpx.Client(base_url=url) as client:
                return [client.post("/v1/search/text", json={"text": "x"}).status_code for _ in range(50)]

        assert [status for row in callers.map(ask, range(8)) for status in row] == [200] * 400


def test_several_processes(tmp_path: Path) -> None:
    """Two workers answer without the 40 ms that Nagle's algorithm costs, and end together on SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = f"""if __name__ == "__main__":
        from api.serving import bound, serve_many
        serve_many("tests.fixtures.shop:shop_app", [bound("127.0.0.1", {port})], 2)"""
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            _wait_for(client, process)
            waits = []
            for _ in range(40):
                start = time.perf_counter()
                assert client.post("/v1/search/text", json={"text": "x"}).status_code == 200
                waits.append(time.perf_counter() - start)
        assert sorted(waits)[len(waits) // 4] < 0.03
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def _wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            client.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not come up")
