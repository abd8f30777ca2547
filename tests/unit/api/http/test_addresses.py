"""Addresses: what stands in a path is decoded once, and what stands in a query is obeyed or refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engine.filters import Filter, PriceCondition
from tests.fixtures.shop import ENTRY, PNG, PRODUCT, Shop

Client = TestClient[Litestar]
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
IDS = ("a/b", "a%2Fb", "a%252Fb", "a b", "a+b", "a%20b", "..", ".", "a\\b", "x/similar", "é", "a;b", "~", "%", "%zz")


def _encoded(product_id: str) -> str:
    return "".join(f"%{byte:02X}" for byte in product_id.encode())


def _fill(shop: Shop, *ids: str) -> None:
    shop.ledger.entries = {i: replace(ENTRY, product=replace(PRODUCT, product_id=i)) for i in ids}


@pytest.mark.parametrize("product_id", IDS)
def test_an_id_means_itself_alone(shop: Shop, client: Client, product_id: str) -> None:
    """Among ids that decode into each other, each is read, searched with and deleted by its own name."""
    _fill(shop, *IDS)
    path = f"/v1/products/{_encoded(product_id)}"
    assert client.get(path).json()["product_id"] == product_id
    assert client.get(f"{path}/similar").status_code == 200
    assert shop.looks.calls[-1][1] == (product_id,)
    assert client.delete(path).status_code == 204
    assert shop.intake.deleted == [product_id]


@pytest.mark.parametrize("path", ["//x", "/x/", "/x//", "/x%FF", "/%ED%A0%80", "/x%00", "/x?force=1", "/x?x"])
def test_what_is_not_an_id_deletes_nothing(shop: Shop, client: Client, path: str) -> None:
    """A slash that was not encoded, bytes that are no text, a query that nobody obeys."""
    _fill(shop, "x", "x\ufffd", "/x", "x/")
    assert client.delete(f"/v1/products{path}").status_code in (400, 404, 422)
    assert shop.intake.deleted == []


def test_composed_and_decomposed_ids(shop: Shop, client: Client) -> None:
    """The very characters go first; where they name nothing, their composed form is what feeds are read in."""
    _fill(shop, COMPOSED, DECOMPOSED)
    for name in (COMPOSED, DECOMPOSED):
        assert client.get(f"/v1/products/{_encoded(name)}").json()["product_id"] == name
    _fill(shop, COMPOSED)
    assert client.get(f"/v1/products/{_encoded(DECOMPOSED)}").json()["product_id"] == COMPOSED
    client.get(f"/v1/products/{_encoded(DECOMPOSED)}/similar")
    assert shop.looks.calls[-1][1] == (COMPOSED,)


JSON: dict[str, Any] = {"json": {"image_id": "products/p 1/0.png"}}
FORM: dict[str, Any] = {"files": {"image": ("a.png", PNG)}}
RAW: dict[str, Any] = {"content": PNG, "headers": {"Content-Type": "image/png"}}


@pytest.mark.parametrize("body", [JSON, FORM, RAW], ids=["json", "form", "raw"])
def test_parameters_beside_a_body_are_obeyed(shop: Shop, client: Client, body: dict[str, Any]) -> None:
    """`k` and `filters` in the address count with a body of any kind; what does not exist is named."""
    path = '/v1/search/image?k=2&filters={"price": {"max": 1}}'
    assert client.post(path, **body).status_code == 200
    assert shop.looks.calls[-1][2]["k"] == 2
    assert shop.looks.calls[-1][2]["where"] == Filter((PriceCondition(maximum=1.0),))
    for wrong in ("colour=red", "k=0", "filters=3", "k=1&k=2", "image_base64=AAAA"):
        response = client.post(f"/v1/search/image?{wrong}", **body)
        assert response.status_code == 422
        assert wrong.partition("=")[0] in response.json()["detail"]


def test_words_in_the_address(shop: Shop, client: Client) -> None:
    """A search by words takes them too."""
    assert client.post("/v1/search/text?k=3&supercategory=full_body", json={"text": "red"}).status_code == 200
    assert shop.looks.calls[-1][2]["k"] == 3
    assert shop.looks.calls[-1][2]["supercategories"] == ("full_body",)
    assert client.post("/v1/search/text?colour=red", json={"text": "x"}).status_code == 422


def test_an_address_that_contradicts_its_body(shop: Shop, client: Client) -> None:
    """422 with the field's name; the same value twice is no contradiction."""
    for k, status in ((2, 200), (3, 422)):
        response = client.post("/v1/search/text?k=2&text=red", json={"text": ["red"], "k": k})
        assert response.status_code == status
        assert client.post("/v1/search/image?k=2", files=FORM["files"], data={"k": str(k)}).status_code == status
    assert "'k'" in response.json()["detail"]
    assert client.post("/v1/search/text?text=blue", json={"text": "red"}).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v1/products?colour=red",
        "/v1/products?limit=1&limit=2",
        "/v1/products/p%201%2Fa?fields=id",
        "/v1/products/p%201%2Fa/similar?colour=red",
        "/v1/ingest/status?x=1",
        "/v1/ingest/runs?offset=1",
        "/v1/ingest/runs/7/errors?after=1",
        "/v1/images/products/p%201/0.png?width=10",
    ],
)
def test_parameters_that_nobody_obeys_are_refused(client: Client, path: str) -> None:
    """Each is named."""
    response = client.get(path)
    assert response.status_code == 422
    assert path.partition("?")[2].partition("=")[0] in response.json()["detail"]
    assert client.put("/v1/products?dry_run=1", json={}).status_code == 422


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 400, "-1", "1e999", "9" * 5000])
def test_numbers_of_any_length(client: Client, number: str) -> None:
    """Beyond what a ledger counts to: not found, or refused."""
    assert client.get(f"/v1/ingest/runs/{number}/errors").status_code == 404
    for path in ("/v1/ingest/runs/7/errors?offset", "/v1/ingest/runs?limit", "/v1/products?limit"):
        assert client.get(f"{path}={number}").status_code == 422
    headers = {"X-Deadline-Ms": number}
    assert client.post("/v1/search/text", json={"text": "x"}, headers=headers).status_code in (200, 422)
    for field in ("k", "filters", "text"):
        body = f'{{"text": "x", "{field}": {number}}}'
        answer = client.post("/v1/search/text", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
    body = f'{{"text": "x", "filters": {{"price": {{"max": {number}}}}}}}'
    answer = client.post("/v1/search/text", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in ((200, 422) if number == "9223372036854775808" else (422,))


@pytest.mark.parametrize("query", ["text=%FF", "text=%ED%A0%80", "text=a%00b", "%FF=1"])
def test_a_query_that_is_no_text(client: Client, query: str) -> None:
    """Bytes that are not UTF-8 are not searched for as something else."""
    response = client.get(f"/v1/products/p%201%2Fa/similar?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "request-malformed")
