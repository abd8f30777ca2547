"""Exports over HTTP: the right file of the right kind, by page, and by whose key."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engine.domain import CollectionSpec
from engine.errors import QueryRejected
from engine.keys import Scope, new_key
from engine.stores.exact import ExactStore
from tests.fixtures.shop import PRODUCT, Shop

Client = TestClient[Litestar]


@pytest.mark.parametrize(
    ("form", "kind"),
    [("jsonl", "application/jsonl"), ("csv", "text/csv; charset=utf-8"), ("xml", "application/xml")],
)
def test_products_as_a_feed(client: Client, form: str, kind: str) -> None:
    answer = client.get("/v1/export/products", params={"format": form})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert f'filename="products.{form}"' in answer.headers["content-disposition"]
    assert PRODUCT.product_id in answer.text
    if form == "jsonl":
        (row,) = map(json.loads, answer.text.splitlines())
        assert (row["id"], row["title"], row["price"]) == (PRODUCT.product_id, PRODUCT.title, PRODUCT.price)


def test_products_as_parquet_and_by_state(client: Client) -> None:
    answer = client.get("/v1/export/products?format=parquet")
    assert pq.read_table(io.BytesIO(answer.content)).column("id").to_pylist() == [PRODUCT.product_id]
    assert client.get("/v1/export/products?state=failed").text == ""
    assert client.get("/v1/export/products?format=xls").status_code == 422
    assert client.get("/v1/export/products?page=2").json()["code"] == "query-rejected"


def test_embeddings(shop: Shop, client: Client) -> None:
    """Of a collection that there is; where a server has none to give, it says so."""
    assert client.get("/v1/export/embeddings?supercategory=full_body").status_code == 422
    store = ExactStore()
    for space in ("visual", "semantic"):
        store.ensure(CollectionSpec(f"full_body_{space}", 2, "m"))

    def collection(supercategory: str, space: str) -> Any:
        if supercategory != "full_body":
            raise QueryRejected("There is none.")
        return store, 2

    shop.embeddings = collection
    with TestClient(shop.app()) as other:
        assert other.get("/v1/export/embeddings?supercategory=hats").status_code == 422
        answer = other.get("/v1/export/embeddings?supercategory=full_body&space=semantic")
        assert "full_body_semantic.parquet" in answer.headers["content-disposition"]
        assert pq.read_table(io.BytesIO(answer.content)).num_rows == 0


def test_only_a_key_for_the_catalogue_exports(shop: Shop) -> None:
    class Held:
        def checked(self, text: str) -> Any:
            return new_key("k", [Scope.SEARCH if text == "s" else Scope.CATALOGUE], datetime.now(UTC))[1]

    shop.keys = Held()
    with TestClient(shop.app()) as client:
        for key, status in (("s", 403), ("c", 200)):
            headers = {"Authorization": f"Bearer {key}"}
            assert client.get("/v1/export/products", headers=headers).status_code == status
