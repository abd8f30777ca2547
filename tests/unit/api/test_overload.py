"""A rush and a slow caller: what is refused, how quickly, and what an operator sees of it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.services import Limits, Services
from engine.domain import Answer
from engine.vision.photo_analysis import ResultCache
from tests.fixtures.shop import ANSWER, PNG, Shop

Client = TestClient[Litestar]


class Caller:
    """One ASGI request whose body comes as the test wants, and the answer to it."""

    def __init__(self, path: str, *, body: bytes | None) -> None:
        headers = [(b"content-type", b"image/png"), (b"content-length", b"1000")]
        self.scope: Any = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
        self.scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
        self.scope |= {"scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "", "state": {}}
        self._body = body
        self.reads = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.answer = b""

    async def receive(self) -> Any:
        self.reads += 1
        if self._body is None:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        else:
            self.answer += message.get("body", b"")


async def ask(app: Litestar, *, body: bytes | None) -> Caller:
    caller = Caller("/v1/search/image", body=body)
    await app(caller.scope, caller.receive, caller.send)
    return caller


def test_a_rush_is_shed_before_its_photos_are_read(shop: Shop) -> None:
    """With the one thread held and no room to wait, the next caller hears 503 at once and nothing is uploaded."""
    gate = threading.Event()

    def slow() -> Answer:
        gate.wait(10)
        return ANSWER

    shop.looks.acts = slow

    async def play() -> tuple[Caller, float, Caller]:
        app = shop.app(Limits(search_threads=1, search_queue=0))
        async with app.lifespan():
            first = asyncio.create_task(ask(app, body=PNG))
            while not shop.looks.calls:
                await asyncio.sleep(0.01)
            start = time.monotonic()
            second = await ask(app, body=PNG)
            took = time.monotonic() - start
            gate.set()
            return second, took, await first

    refused, took, answered = asyncio.run(play())
    assert (refused.status, refused.headers["retry-after"], refused.reads) == (503, "1", 0)
    assert json.loads(refused.answer)["code"] == "busy"
    assert took < 1
    assert answered.status == 200


def test_an_upload_that_does_not_come_is_ended(shop: Shop) -> None:
    """408 in good time, the connection is closed, and no thread was held for it."""

    async def play() -> Caller:
        app = shop.app(Limits(upload_s=0.05))
        async with app.lifespan():
            return await ask(app, body=None)

    slow = asyncio.run(play())
    assert (slow.status, slow.headers["connection"]) == (408, "close")
    assert json.loads(slow.answer)["code"] == "upload-too-slow"
    assert shop.looks.calls == []


def test_the_answer_tells_its_stages(own_client: Client) -> None:
    """Browsers read Server-Timing; waiting for a thread and writing the answer are stages too, and counted."""
    response = own_client.post("/v1/search/image", content=PNG, headers={"Content-Type": "image/png"})
    stages = dict(re.findall(r"(\w+);dur=([0-9.]+)", response.headers["server-timing"]))
    assert (stages["decode"], stages["total"]) == ("1.500", "12.250")
    assert float(stages["serialize"]) > 0
    assert 0 < float(stages["queue"]) < 1000
    assert 'stage_duration_seconds_count{stage="serialize"} 1.0' in own_client.get("/metrics").text


def test_operators_see_the_queue(shop: Shop) -> None:
    """Depth, searches under way and their duration, and photos that were known."""
    result_cache = ResultCache(1000)
    result_cache.get(b"unknown")

    @asynccontextmanager
    async def build() -> AsyncIterator[Services]:
        yield Services(shop.looks, shop.ledger, shop.objects, shop.intake, shop.ready, result_cache)  # type: ignore[arg-type]

    with TestClient(create_app(build)) as client:
        text = client.get("/metrics").text
    assert "thatlook_search_queue_depth 0.0" in text
    assert "thatlook_search_running 0.0" in text
    assert "thatlook_search_expected_duration_seconds 0.0" in text
    assert 'thatlook_photos_total{known="no"} 1.0' in text
    assert 'thatlook_photos_total{known="yes"} 0.0' in text


@pytest.mark.parametrize("path", ["/v1/search/image", "/v1/search/hybrid"])
def test_a_caller_without_time_is_refused_before_the_upload(shop: Shop, client: Client, path: str) -> None:
    """A deadline that is no time is the caller's mistake, said without reading the photo."""
    response = client.post(path, content=PNG, headers={"Content-Type": "image/png", "X-Deadline-Ms": "0"})
    assert (response.status_code, response.json()["code"]) == (422, "query-rejected")
