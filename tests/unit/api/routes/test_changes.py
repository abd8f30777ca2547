"""Changes of products: which fields, under which version, one or ten thousand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tests.fixtures.shop import PRODUCT, Shop

Client = TestClient[Litestar]
PATH = "/v1/products/p%201%2Fa"


def lines(*rows: Any) -> dict[str, Any]:
    body = "".join(json.dumps(row) + "\n" for row in rows)
    return {"content": body.encode(), "headers": {"Content-Type": "application/x-ndjson"}}


def test_fields_change_and_the_rest_stays(shop: Shop, client: Client) -> None:
    """A price with another currency, a stock, an attribute; pictures, title and sizes are what they were."""
    body = {"price": "70.00 USD", "sale_price": None, "availability": "ausverkauft", "attributes": {"sole": "cork"}}
    assert client.patch(PATH, json=body).status_code == 200
    (product,) = shop.intake.updated
    assert (product.price, product.sale_price, product.currency) == (70, None, "USD")
    assert (product.availability, product.images, product.title) == ("out_of_stock", PRODUCT.images, PRODUCT.title)
    assert dict(product.attributes) == {"size": "38", "sole": "cork"}


@pytest.mark.parametrize(
    ("fields", "price", "sale"),
    [
        ({"price": 80}, (80.0, "EUR"), 49.9),
        ({"price": "80 EUR"}, (80.0, "EUR"), 49.9),
        ({"sale_price": "39.50 EUR"}, (60.0, "EUR"), 39.5),
        ({"sale_price": None}, (60.0, "EUR"), None),
    ],
)
def test_prices(shop: Shop, client: Client, fields: dict[str, Any], price: Any, sale: float | None) -> None:
    """A number is in the product's own currency; the price that is not named stays."""
    assert client.patch(PATH, json=fields).status_code == 200
    (product,) = shop.intake.updated
    assert ((product.price, product.currency), product.sale_price) == (price, sale)


@pytest.mark.parametrize(
    "fields",
    [
        {"image_link": "https://x.example/a.jpg"}, {"additional image link": "x"}, {"title": None}, {"link": "no"},
        {"availability": "perhaps"}, {"price": "many"}, {"id": "another"},
    ],
)  # fmt: skip
def test_changes_that_are_not_made(shop: Shop, client: Client, fields: dict[str, Any]) -> None:
    """Pictures, another id, and what would be no product: told, and nothing is written."""
    answer = client.patch(PATH, json=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "change-rejected")
    assert shop.intake.updated == []


def test_a_change_of_nothing_writes_nothing(shop: Shop, client: Client) -> None:
    assert client.patch(PATH, json={"title": PRODUCT.title}).status_code == 200
    assert shop.intake.updated == []
    assert client.patch("/v1/products/none", json={}).status_code == 404
    assert client.patch(PATH, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_versions(shop: Shop, client: Client) -> None:
    """Who knows the version need not read it again, and changes or deletes no other."""
    tag = client.get(PATH).headers["etag"]
    assert client.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200
    stale = {"If-Match": '"other"'}
    for answer in (client.patch(PATH, json={"price": 1}, headers=stale), client.delete(PATH, headers=stale)):
        assert (answer.status_code, answer.json()["code"]) == (412, "version-changed")
    assert (shop.intake.updated, shop.intake.deleted) == ([], [])
    assert client.patch(PATH, json={"price": 1}, headers={"If-Match": tag}).status_code == 200
    assert client.delete(PATH, headers={"If-Match": f'"x", {tag}'}).status_code == 204


def test_each_line_is_told_by_itself(shop: Shop, client: Client) -> None:
    """Updated, unchanged, unknown, without an id, twice: in the order of the lines."""
    name = PRODUCT.product_id
    rows = [{"id": name, "price": 1}, {"id": "none", "price": 1}, {"price": 1}, 7, {"id": name, "color": "navy"}]
    told = client.patch("/v1/products", **lines(*rows)).json()
    assert [row["state"] for row in told["products"]] == ["rejected", "not_found", "rejected", "rejected", "updated"]
    assert (told["updated"], told["unchanged"], told["rejected"]) == (1, 0, 4)
    assert [product.color for product in shop.intake.updated] == ["navy"]
    same = client.patch("/v1/products", json=[{"id": name, "title": PRODUCT.title}]).json()
    assert [row["state"] for row in same["products"]] == ["unchanged"]


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (b'not json\n{"id": \n', 400), (b'{"id": "a"}\n' * 10_001, 422)]
)
def test_lines_that_are_none(client: Client, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    assert client.patch("/v1/products", content=content, headers=headers).status_code == status


@pytest.mark.parametrize(
    "broken",
    [
        b"not json",
        b'{"id": "p 1/a", "price": 7',
        b'{"id": "a", "price": 1, "price": 2}',
        b"\xff",
        b"[" * 40 + b"]" * 40,
    ],
)
def test_a_broken_line_costs_itself_alone(shop: Shop, client: Client, broken: bytes) -> None:
    """Changed and written: the others are done, and it is told with its number."""
    headers = {"Content-Type": "application/x-ndjson"}
    change = json.dumps({"id": PRODUCT.product_id, "color": "navy"}).encode()
    told = client.patch("/v1/products", content=b"\n".join([b"", broken, change]), headers=headers)
    rows = told.json()["products"]
    assert (told.status_code, [row["state"] for row in rows]) == (200, ["rejected", "updated"])
    assert "line 2 " in rows[0]["reasons"][0]
    new = {"id": "n", "title": "T", "link": "https://shop.example/n", "image_link": "https://shop.example/n.jpg"}
    put = client.put("/v1/products", content=b"\n".join([json.dumps(new).encode(), broken]), headers=headers)
    rows = put.json()["products"]
    assert (put.status_code, [row["state"] for row in rows]) == (202, ["pending", "rejected"])
    assert "line 2 " in rows[1]["reasons"][0]


def test_a_key_twice_is_refused_where_its_values_differ(shop: Shop, client: Client) -> None:
    """Which of two prices is meant nobody knows; the same one twice is clear."""
    headers = {"Content-Type": "application/json"}
    twice = client.patch(PATH, content=b'{"price": 80, "attributes": {"a": 1, "a": 2}}', headers=headers)
    assert (twice.status_code, "'a' more than once" in twice.json()["detail"]) == (400, True)
    for path in ("/v1/search/text", "/v1/products/get"):
        assert client.post(path, content=b'{"text": "a", "text": "b"}', headers=headers).status_code in (400, 422)
    assert client.patch(PATH, content=b'{"price": 80, "price": 80}', headers=headers).status_code == 200


def test_many_by_their_ids(shop: Shop, client: Client) -> None:
    """Read and deleted, with those that there are none of."""
    name = PRODUCT.product_id
    found = client.post("/v1/products/get", json={"ids": ["none", name, name]}).json()
    assert ([each["product_id"] for each in found["products"]], found["missing"]) == ([name], ["none"])
    gone = client.post("/v1/products/delete", json={"ids": [name, "none"]}).json()
    assert (gone, shop.intake.deleted) == ({"deleted": 1, "missing": ["none"]}, [name])
    for wrong in ({"ids": []}, {"ids": ["x"] * 1001}, {}, {"ids": [""]}):
        assert client.post("/v1/products/get", json=wrong).status_code == 422


def test_a_product_is_written_as_its_writer_expects_it(shop: Shop, client: Client) -> None:
    """Only the version that is known, or only where there is none; for one product at a time."""
    tag = client.get(PATH).headers["etag"]
    mine = {
        "id": PRODUCT.product_id,
        "title": "T",
        "link": "https://shop.example/a",
        "image_link": "https://s.example/a.jpg",
    }
    other = mine | {"id": "new"}

    def put(body: Any, **headers: str) -> int:
        return client.put(
            "/v1/products", json=body, headers={n.replace("_", "-"): v for n, v in headers.items()}
        ).status_code

    assert put(mine, If_Match='"other"') == 412
    assert put(mine, If_None_Match="*") == 412
    assert put(other, If_Match=tag) == 404
    assert put([mine, other], If_Match=tag) == 422
    assert put(mine, If_None_Match="x") == 422
    assert shop.intake.submitted == []
    assert put(mine, If_Match=tag) == 202
    assert put(other, If_None_Match="*") == 202
    assert [product.product_id for product in shop.intake.submitted] == [PRODUCT.product_id, "new"]
