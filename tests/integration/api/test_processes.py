"""Several processes behind one socket: alive before they can answer, unready before they end, counting together."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from api.services import Limits
from tests.fixtures.s3 import free_port
from tests.fixtures.shop import Shop

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
REDIS = shutil.which("redis-server")
ASKED = 16
"""Times that it takes to have asked both processes, all but certainly: the system chooses one by chance each time."""
CODE = """if __name__ == "__main__":
    from api.serving import bound, serve_many
    serve_many("tests.fixtures.shop:late_shop_app", [bound("127.0.0.1", {port})], 2)"""


class Asked:
    """Asks with a connection each time, so that either process may answer."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def __call__(self, method: str, path: str, **sent: Any) -> httpx.Response:
        with httpx.Client(base_url=self._address, timeout=20, verify=False) as client:
            return client.request(method, path, **sent)

    def status(self, path: str) -> int:
        try:
            return self("GET", path).status_code
        except httpx.TransportError:
            return 0


def wait_for(condition: Callable[[], bool], within_s: float = 150) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


@contextmanager
def two_processes(tmp_path: Path) -> Iterator[tuple[Asked, subprocess.Popen[bytes]]]:
    port = free_port()
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", CODE.format(port=port)], cwd=ROOT, stderr=out)
    try:
        yield Asked(port), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def test_alive_before_they_can_answer_and_unready_before_they_end(tmp_path: Path) -> None:
    """While parts are opened /healthz is 200, /readyz 503; told to end, /readyz is 503 while searches are answered."""
    with two_processes(tmp_path) as (ask, process):
        wait_for(lambda: ask.status("/healthz") == 200)
        early = ask("GET", "/readyz")
        assert (early.status_code, early.json()["waiting_for"].keys()) == (503, {"models"})
        assert ask("POST", "/v1/search/text", json={"text": "x"}).json()["code"] == "starting"
        wait_for(lambda: all(ask.status("/readyz") == 200 for _ in range(ASKED)))

        process.send_signal(signal.SIGTERM)
        wait_for(lambda: all(ask.status("/readyz") == 503 for _ in range(ASKED)), 5)
        assert "about to end" in ask("GET", "/readyz").json()["waiting_for"]["server"]
        last = ask("POST", "/v1/search/text", json={"text": "x"})
        assert (last.status_code, last.headers["connection"]) == (200, "close")
        assert process.wait(20) == 0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of this test's own."""
    if not REDIS:
        pytest.skip("redis-server is not installed (see .ci/system-packages)")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path), "--daemonize", "no"]
    with (tmp_path / "redis.log").open("wb") as out:
        server = subprocess.Popen([REDIS, *options], stdout=out)
    wait_for(lambda: b"Ready to accept" in (tmp_path / "redis.log").read_bytes(), 20)
    yield f"redis://127.0.0.1:{port}/0", server
    server.terminate()
    server.wait(20)


def test_processes_count_a_callers_requests_together(
    tmp_path: Path, redis: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten a minute are ten, whichever process answers; without the shared store each would allow ten."""
    monkeypatch.setenv("TEST_REDIS_URL", redis[0])
    with two_processes(tmp_path) as (ask, _):
        wait_for(lambda: all(ask.status("/readyz") == 200 for _ in range(ASKED)))
        answers = [ask("POST", "/v1/search/text", json={"text": "x"}) for _ in range(24)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 14
        assert answers[-1].json()["code"] == "too-many-requests"
        assert int(answers[-1].headers["ratelimit-remaining"]) == 0


def test_a_store_that_is_away_does_not_end_the_service(redis: tuple[str, subprocess.Popen[bytes]]) -> None:
    """The process counts alone, and does not wait for the store at each request."""
    url, server = redis
    with TestClient(Shop().app(Limits(rate=("minute", 3), redis_url=url))) as client:
        assert client.get("/v1/products/nobody").status_code == 404
        server.terminate()
        server.wait(20)
        began = time.monotonic()
        statuses = [client.get("/v1/products/nobody").status_code for _ in range(5)]
        assert statuses == [404, 404, 404, 429, 429]
        assert time.monotonic() - began < 2
