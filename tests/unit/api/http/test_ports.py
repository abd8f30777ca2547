"""Which port serves what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.http.ports import Ports, parted_ports
from api.keys.access import bounded_callers

MAIN, WRITES, NUMBERS = 8080, 8081, 9090


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def request(method: str, path: str, port: int = MAIN, caller: str = "a") -> dict[str, Any]:
    return {
        "type": "http", "method": method, "path": path, "headers": [], "server": ("h", port), "client": (caller, 1),
        "query_string": b"",
    }  # fmt: skip


async def status(app: Any, scope: dict[str, Any]) -> int:
    sent: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    await app(scope, None, send)
    return sent[0]


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("GET", "/healthz", {MAIN, WRITES, NUMBERS}),
        ("GET", "/metrics", {NUMBERS}),
        ("POST", "/v1/search/image", {MAIN, WRITES}),
        ("POST", "/v1/products/get", {MAIN, WRITES}),
        ("GET", "/v1/products", {MAIN, WRITES}),
        ("PUT", "/v1/products", {WRITES}),
        ("PATCH", "/v1/products/p1", {WRITES}),
        ("POST", "/v1/products/delete", {WRITES}),
        ("DELETE", "/v1/products/p1", {WRITES}),
        ("POST", "/v1/ingest", {WRITES}),
    ],
)
def test_each_port_serves_its_own(method: str, path: str, served: set[int]) -> None:
    """Health everywhere, metrics on their port alone, writes on theirs alone, reads on both of the others."""
    app = parted_ports(_answer, Ports(WRITES, NUMBERS))
    found = {port for port in (MAIN, WRITES, NUMBERS) if asyncio.run(status(app, request(method, path, port))) == 200}
    assert found == served
    alone = parted_ports(_answer, Ports())
    assert asyncio.run(status(alone, request(method, path))) == 200


def test_a_caller_has_so_many_requests_under_way() -> None:
    """Two at once: the third is refused until one has ended; another caller's are its own."""

    async def play() -> list[int]:
        go = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await _answer(scope, receive, send)

        app = bounded_callers(slow, 2)
        waiting = [asyncio.create_task(status(app, request("GET", "/v1/facets"))) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await status(app, request("GET", "/v1/facets"))
        other = asyncio.create_task(status(app, request("GET", "/v1/facets", caller="b")))
        await asyncio.sleep(0)
        go.set()
        ended = [await each for each in (*waiting, other)]
        return [refused, *ended, await status(app, request("GET", "/v1/facets"))]

    assert asyncio.run(play()) == [429, 200, 200, 200, 200]
