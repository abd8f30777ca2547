"""HEAD: what GET would answer, without its body."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/products", "/v1/facets", "/schema/openapi.json", "/metrics"]
)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    """Load balancers and monitors ask so."""
    asked, got = client.head(path), client.get(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]


def test_head_is_counted_by_its_route_and_refused_where_get_is(client: Client) -> None:
    """Where only POST is known it is not allowed; an unknown product is not found."""
    assert client.head("/v1/search/text").status_code == 405
    assert client.head("/v1/products/none").status_code == 404
    assert client.head("/nothing").status_code == 404
    assert client.head("/v1/export/products").status_code == 405
    client.head("/healthz")
    assert 'method="HEAD",path="/healthz",status="200"' in client.get("/metrics").text
