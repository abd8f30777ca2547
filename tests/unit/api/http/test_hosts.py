"""By which names a server is asked, and which pages may write: a stranger's page must not reach it."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.hosts import hosts_of
from api.services import Limits
from tests.fixtures.shop import Serve, Shop

Client = TestClient[Litestar]
PATH = "/v1/products/p%201%2Fa"


@pytest.fixture
def local(shop: Shop, serve: Serve) -> Client:
    """A server that listens on 127.0.0.1, with two more names."""
    allowed = hosts_of("127.0.0.1", "Shop.Example, *.lan.example., bücher.example")
    return serve(shop, Limits(allowed_hosts=allowed), "http://127.0.0.1:8080")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "localhost.", "[::1]", "[::1]:8080", "127.8.9.1",
        "[::ffff:127.0.0.1]", "[0:0::1]", "shop.example", "SHOP.EXAMPLE.:443", "a.b.lan.example",
        "xn--bcher-kva.example",
    ],
)  # fmt: skip
def test_own_names(local: Client, host: str) -> None:
    """Loopback however it is written, and what the operator listed."""
    assert local.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "10.0.0.1",
        "shop.example.evil.example", "lan.example", "evilshop.example", "[::2]", "[::1", "::1", "127.1", "2130706433",
        "user@localhost", "localhost:80:80", "localhost:99999", "localhost:evil", "localhost/", "local host", "",
        "127.0.0.1,evil.example",
    ],
)  # fmt: skip
def test_foreign_names(shop: Shop, local: Client, host: str) -> None:
    """421 for every path, and nothing is done; what a proxy is said to have seen changes nothing."""
    headers = {"Host": host, "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
    for method, path in (("DELETE", PATH), ("GET", "/"), ("GET", "/nothing"), ("GET", "/healthz")):
        response = local.request(method, path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (421, "host-not-allowed")
        assert "THATLOOK_ALLOWED_HOSTS" in response.json()["detail"]
    assert shop.intake.deleted == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Origin": "http://127.0.0.1:8080"}, 204),
        ({"Origin": "https://shop.example"}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Origin": "http://localhost.evil.example:8080"}, 403),
        ({"Origin": "http://127.0.0.1:8080@evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_do_not_write(shop: Shop, local: Client, headers: dict[str, str], status: int) -> None:
    """Programs and the server's own page may; a page from elsewhere, or of another program's port, may not."""
    response = local.delete(PATH, headers=headers)
    assert response.status_code == status
    assert shop.intake.deleted == (["p 1/a"] if status == 204 else [])
    for method, path in (("POST", "/v1/search/text"), ("PUT", "/v1/products"), ("PATCH", "/"), ("BREW", "/")):
        answer = local.request(method, path, headers=headers, json={"text": "x"})
        assert (answer.status_code == 403) == (status == 403)
    assert local.get("/healthz", headers=headers).status_code == 200


def test_which_hosts_a_server_takes() -> None:
    """Loopback takes itself alone; elsewhere every name is taken unless some are listed; `*` takes all."""
    assert hosts_of("127.0.0.1", "") == {"127.0.0.1", "localhost"}
    assert hosts_of("::1", "") == {"::1", "localhost"}
    assert hosts_of("localhost", "a.example") == {"localhost", "a.example"}
    assert hosts_of("0.0.0.0", "") is None
    assert hosts_of("127.0.0.1", "*") is None
    assert hosts_of("0.0.0.0", "a.example,[::1]:80") == {"0.0.0.0", "localhost", "a.example", "::1"}
