"""Pages of other sites, and answers that are compressed."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.hosts import origins_of
from api.services import Limits
from engine.errors import QueryRejected
from tests.fixtures.shop import Serve, Shop

SITE, OTHER = "https://shop.example", "https://evil.example"
Client = TestClient[Litestar]


@pytest.fixture
def client(shop: Shop, serve: Serve) -> Client:
    limits = Limits(origins=(SITE,), allowed_hosts=frozenset({"127.0.0.1"}))
    return serve(shop, limits, "http://127.0.0.1:8080")


def preflight(client: Client, origin: str) -> str | None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/search/text", headers=headers)
    return answer.headers.get("access-control-allow-origin")


def test_a_listed_site_may_ask_and_no_other(client: Client) -> None:
    """Asked before and in the request itself; the listed one may read the ETag."""
    assert (preflight(client, SITE), preflight(client, OTHER)) == (SITE, None)
    body = {"text": "red"}
    mine = client.post("/v1/search/text", json=body, headers={"Origin": SITE})
    assert (mine.status_code, mine.headers["access-control-allow-origin"]) == (200, SITE)
    assert "etag" in mine.headers["access-control-expose-headers"].lower()
    theirs = client.post("/v1/search/text", json=body, headers={"Origin": OTHER})
    assert (theirs.status_code, theirs.json()["code"]) == (403, "origin-not-allowed")
    assert "access-control-allow-origin" not in client.get("/healthz", headers={"Origin": OTHER}).headers


def test_without_listed_sites_nothing_is_said() -> None:
    with TestClient(Shop().app()) as client:
        assert preflight(client, SITE) is None
        assert not [
            name for name in client.get("/healthz", headers={"Origin": SITE}).headers if "access-control" in name
        ]


def test_origins_are_origins() -> None:
    assert origins_of(" https://A.example/ ,http://b.example:8080,") == ("https://a.example", "http://b.example:8080")
    for wrong in ("shop.example", "*", "https://a b"):
        with pytest.raises(QueryRejected, match="is no origin"):
            origins_of(wrong)


def test_long_answers_are_compressed(client: Client) -> None:
    """For those who take gzip; short ones and pictures are sent as they are."""
    long, short = client.get("/schema/openapi.json"), client.get("/healthz")
    assert long.headers["content-encoding"] == "gzip"
    assert long.json()["openapi"]
    assert "content-encoding" not in short.headers
    plain = client.get("/schema/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == long.json()
