"""Bodies of every route have a time and share one memory; JSON is counted before it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http import uploads
from api.http.uploads import UploadMemory
from api.services import Limits
from tests.fixtures.shop import PNG, Serve, Shop

Client = TestClient[Litestar]
KB = 1024


class Caller:
    """One ASGI request that sends some chunks and then holds back the rest until it is let go."""

    def __init__(self, method: str, path: str, kind: str, chunks: int, size: int = 64 * KB) -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", b"900000")]
        self.scope: Any = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method}
        self.scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
        self.scope |= {"scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "", "state": {}}
        self._chunks = iter([b"x" * size] * chunks)
        self.status, self.body, self.headers = 0, b"", dict[bytes, bytes]()

    async def receive(self) -> Any:
        chunk = next(self._chunks, None)
        if chunk is None:
            await asyncio.sleep(30)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.headers |= {name.lower(): value for name, value in message.get("headers", [])}
        self.body += message.get("body", b"")

    async def ask(self, app: Litestar) -> None:
        await app(self.scope, self.receive, self.send)


def ask(client: Client, callers: list[Caller]) -> None:
    """Have all of them ask the client's app at once."""

    async def play() -> None:
        await asyncio.gather(*(caller.ask(client.app) for caller in callers))

    with client.portal() as portal:
        portal.call(play)


ROUTES = [
    ("POST", "/v1/search/image", "image/jpeg"),
    ("POST", "/v1/search/image", "application/json"),
    ("POST", "/v1/search/hybrid", "multipart/form-data; boundary=X"),
    ("POST", "/v1/search/text", "application/json"),
    ("PUT", "/v1/products", "application/json"),
]


@pytest.mark.parametrize(("method", "path", "kind"), ROUTES)
def test_every_body_has_a_time(shop: Shop, serve: Serve, method: str, path: str, kind: str) -> None:
    """408, and the connection closes."""
    caller = Caller(method, path, kind, 1)
    ask(serve(shop, Limits(upload_s=0.05)), [caller])
    assert (caller.status, caller.headers[b"connection"]) == (408, b"close")
    assert json.loads(caller.body)["code"] == "upload-too-slow"


@pytest.mark.parametrize(("method", "path", "kind"), ROUTES)
def test_bodies_share_a_memory(shop: Shop, serve: Serve, method: str, path: str, kind: str) -> None:
    """What does not fit beside the others is refused while it comes, and told when to come back."""
    callers = [Caller(method, path, kind, 3) for _ in range(10)]
    ask(serve(shop, Limits(upload_memory_bytes=640 * KB, upload_s=0.4)), callers)
    statuses = [caller.status for caller in callers]
    assert set(statuses) == {408, 503}
    assert 1 <= statuses.count(503) <= 7  # Three fit; more of them where the first ones' time ran out.
    refused = callers[statuses.index(503)]
    assert (refused.headers[b"retry-after"], refused.headers[b"connection"]) == (b"1", b"close")
    assert json.loads(refused.body)["code"] == "uploads-full"


def test_silent_uploads_make_room(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that stalled do not keep others out: the longest silent one ends, and the next is answered."""
    monkeypatch.setattr(uploads, "_SILENT_S", 0.05)

    async def play() -> tuple[list[Caller], Caller]:
        app = shop.app(Limits(upload_memory_bytes=256 * KB, upload_s=20))
        async with app.lifespan():
            stalled = [Caller("POST", "/v1/search/image", "image/jpeg", 2) for _ in range(2)]
            tasks = [asyncio.create_task(caller.ask(app)) for caller in stalled]
            await asyncio.sleep(0.1)
            last = Caller("POST", "/v1/search/image", "image/jpeg", 1)
            messages = iter([PNG, b""])

            async def receive() -> Any:
                body = next(messages)
                return {"type": "http.request", "body": body, "more_body": bool(body)}

            last.receive = receive  # type: ignore[method-assign]
            await last.ask(app)
            done, rest = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            assert (len(done), len(rest)) == (1, 1)
            return stalled, last

    stalled, last = asyncio.run(play())
    assert last.status == 200
    assert [caller.status for caller in stalled] == [408, 0]


def test_memory_is_given_back(shop: Shop) -> None:
    """Many uploads one after another fit, each as large as the memory; afterwards nothing is held."""
    with TestClient(shop.app(Limits(upload_memory_bytes=70 * KB))) as client:
        for _ in range(3):
            body = PNG + b"x" * 60 * KB
            answer = client.post("/v1/search/image", content=body, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200
        assert "thatlook_http_upload_bytes 0.0" in client.get("/metrics").text


def test_nothing_is_counted_twice() -> None:
    """A memory without uploads is empty."""
    assert UploadMemory(10).held_bytes == 0


def _documents() -> Iterator[tuple[str, str, bytes]]:
    many = ",".join(f'"{n}"' for n in range(40_000)).encode()
    pairs = ",".join(f'"a{n}":"x"' for n in range(40_000)).encode()
    for path in ("/v1/search/image", "/v1/search/text", "/v1/search/hybrid"):
        yield "POST", path, b'{"filters":{"brand":[' + many + b"]}}"
        yield "POST", path, b'{"filters":{"attributes":{' + pairs + b"}}}"
        yield "POST", path, b'{"supercategory":[' + many + b"]}"
        yield "POST", path, b"[" + b"[]," * 40_000 + b"[]]"
    yield "PUT", "/v1/products", b"[" + b"{}," * 1_000_000 + b"{}]"


@pytest.mark.parametrize(("method", "path", "body"), list(_documents()))
def test_json_with_too_many_values(shop: Shop, serve: Serve, method: str, path: str, body: bytes) -> None:
    """413 before anything is made of it."""
    client = serve(shop, Limits())
    response = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "request-too-large")


@pytest.mark.parametrize("deep", [b"[" * 200_000, b"[" * 700 + b"]" * 700, b'{"a":' * 700 + b"1" + b"}" * 700])
@pytest.mark.parametrize("place", [b"%s", b'{"k":%s}', b'{"filters":{"brand":%s}}', b'[{"id":%s}]', b'{"products":%s}'])
def test_json_of_any_depth(client: Client, deep: bytes, place: bytes) -> None:
    """Refused, wherever it stands."""
    body = place % deep
    for method, path in (("POST", "/v1/search/text"), ("POST", "/v1/search/image"), ("PUT", "/v1/products")):
        response = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (400, 413, 422)
        assert len(response.content) < 5_000
    form = {"filters": deep.decode()[:100_000]}
    assert client.post("/v1/search/image", files={"image": ("a.png", PNG)}, data=form).status_code in (413, 422)


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"brand": [str(n) for n in range(1001)]}, "more than 1,000 values"),
        ({"attributes": {f"a{n}": "x" for n in range(501)}}, "more than 1,000 values"),
        ({"not": {"attributes": {"a": [["x"] * 600, ["y"] * 600]}}}, "more than 1,000 values"),
        ({"brand": "x" * 501}, "501 characters"),
        ({"attributes": {"n" * 600: "x"}}, "600 characters"),
        ({"price": {"max": 10**400}}, "more digits"),
        ({"price": [[[[[[1]]]]]]}, "takes an object"),
    ],
)
def test_filters_are_counted_first(client: Client, filters: dict[str, Any], words: str) -> None:
    """Too many values or too long ones are refused before they are looked at."""
    response = client.post("/v1/search/text", json={"text": "x", "filters": filters})
    assert (response.status_code, response.json()["code"]) == (422, "filter-rejected")
    assert words in response.json()["detail"]


@pytest.mark.parametrize(
    "value", ['"\\ud800"', '"\\udfff\\ud800"', "NaN", "Infinity", "1e999", "9" * 5_000, "01", "'x'"]
)
@pytest.mark.parametrize(
    "place", ['{"text": %s}', '{"text": "x", "k": %s}', '{"text": "x", "filters": {"price": {"min": %s}}}']
)
def test_json_values_that_are_none(client: Client, value: str, place: str) -> None:
    """Half characters, numbers without end or without a value."""
    response = client.post("/v1/search/text", content=place % value, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
