"""One request id from the proxy to log and problem document, on every route; no secret and no picture in a log."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.logs import JsonFormatter
from api.services import Limits
from tests.fixtures.shop import PNG, Shop

KEY, PASSWORD, PRODUCT = "tl_very-secret-key", "hunter2-in-an-address", "nobody-of-that-name"
PICTURE = base64.b64encode(PNG * 40).decode()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(Shop().app(Limits(image_urls=True))) as client:
        yield client


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger says, as the server writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [handler]
    root.setLevel(logging.DEBUG)
    yield text
    root.handlers = handlers
    root.setLevel(level)


def routes() -> list[tuple[str, str]]:
    """Every route of the document and those beside it, with a method and an address that is nobody's."""
    app = Shop().app()
    described = app.openapi_schema.to_schema()["paths"]
    found = [
        (method.upper(), path.replace("{product_id}", PRODUCT).replace("{", "").replace("}", ""))
        for path, methods in described.items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]
    return [*found, ("GET", "/"), ("GET", "/metrics"), ("GET", "/no/such/path"), ("POST", "/v1/backup")]


@pytest.mark.parametrize(("method", "path"), routes())
def test_one_request_id_and_no_secret(
    client: TestClient[Litestar], logged: io.StringIO, method: str, path: str
) -> None:
    """The proxy's id is in the answer's header, in the problem and in each line of the log; keys, pictures are not."""
    body = {"image_base64": PICTURE, "image_url": f"http://shop:{PASSWORD}@127.0.0.1:1/a.jpg"}
    answer = client.request(
        method, path, json=None if method == "GET" else body, params={"token": KEY},
        headers={"X-Request-Id": "proxy-17", "Authorization": f"Bearer {KEY}", "X-Api-Key": KEY, "Cookie": f"s={KEY}"},
    )  # fmt: skip
    assert answer.headers["x-request-id"] == "proxy-17"
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        assert answer.json()["request_id"] == "proxy-17"
    text = logged.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    access = [line for line in lines if line["logger"] == "thatlook.access"]
    assert [line["request_id"] for line in access] == ["proxy-17"]
    ours = [line for line in lines if line["logger"].startswith("thatlook")]
    assert {line["request_id"] for line in ours} == {"proxy-17"}
    for secret in (KEY, PASSWORD, PICTURE[:60], "PNG"):
        assert secret not in text, (method, path)


def test_a_search_tells_its_stages_and_hits(client: TestClient[Litestar], logged: io.StringIO) -> None:
    """In the access line: how many garments and hits, and milliseconds by stage; not the words that were asked."""
    client.post("/v1/search/text", json={"text": "a coat for my secret date"})
    (line,) = [json.loads(line) for line in logged.getvalue().splitlines() if '"thatlook.access"' in line]
    assert (line["garments"], line["hits"]) == (1, 1)
    assert {"queue", "decode", "total", "serialize"} <= set(line["stages_ms"])
    assert "secret date" not in logged.getvalue()
