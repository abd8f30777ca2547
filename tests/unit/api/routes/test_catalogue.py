"""Products, ingest and pictures over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engine.products.stored import picture_prefix
from engine.vision.images import decode, encode_jpeg
from tests.fixtures.shop import ENTRY, PNG, PRODUCT, Shop

Client = TestClient[Litestar]
ROW = {
    "id": "p2",
    "title": "Wool coat",
    "link": "https://shop.example/p2",
    "image_link": "https://shop.example/p2.jpg",
    "price": 120,
}


def test_write_one_or_several(shop: Shop, client: Client) -> None:
    """202 with a state for each; the bad one is told why and does not stop the rest."""
    response = client.put("/v1/products", json=ROW)
    assert (response.status_code, response.json()) == (
        202,
        {"accepted": 1, "rejected": 0, "products": [{"id": "p2", "state": "pending"}]},
    )
    response = client.put("/v1/products", json=[ROW | {"id": "p3"}, {"id": "p4", "price": "cheap"}])
    assert response.status_code == 202
    assert [row["state"] for row in response.json()["products"]] == ["pending", "rejected"]
    assert [p.product_id for p in shop.intake.submitted] == ["p2", "p3"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'[{"id": "p4"}]', 422, "products-rejected"),
        (b"[]", 422, "input-rejected"),
        (b"3", 422, "input-rejected"),
        (b"{", 400, "request-malformed"),
        (b"[" + b"{}," * 1_000 + b"{}]", 422, "input-rejected"),
        (b" " * (16 * 1024 * 1024 + 1), 413, "request-too-large"),
    ],
)
def test_write_refusals(shop: Shop, client: Client, content: bytes, status: int, code: str) -> None:
    """Nothing usable, not JSON, too many, too large: nothing is taken."""
    response = client.put("/v1/products", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert shop.intake.submitted == []


def test_read(client: Client) -> None:
    """State, refusals with reasons, and the product as its shop would write it."""
    response = client.get("/v1/products/p%201%2Fa")
    assert response.status_code == 200
    assert response.json() == {
        "product_id": "p 1/a",
        "state": "indexed",
        "reason": None,
        "feed": "spring.jsonl",
        "updated": "2026-11-01T12:00:00Z",
        "indexed_items": 1,
        "supercategories": ["full_body"],
        "refusals": [
            {"image": "https://shop.example/p1b.jpg", "stage": "gate", "reason": "The person is seen from the back."}
        ],
        "product": {
            "id": "p 1/a",
            "title": "Linen dress",
            "link": "https://shop.example/p1",
            "image_link": "https://shop.example/p1.jpg",
            "additional_image_link": ["https://shop.example/p1b.jpg"],
            "price": 60.0,
            "sale_price": 49.9,
            "currency": "EUR",
            "brand": "Acme",
            "size": "38",
            "attributes": {"sole": "rubber"},
        },
    }


def test_list(client: Client) -> None:
    """By state, page by page; a full page names the next one."""
    assert [p["product_id"] for p in client.get("/v1/products?state=indexed").json()["products"]] == ["p 1/a"]
    assert client.get("/v1/products?state=refused").json() == {"products": [], "next_after": None}
    assert client.get("/v1/products?limit=1").json()["next_after"] == "p 1/a"
    problem = client.get("/v1/products?state=lost").json()
    assert (problem["status"], problem["errors"][0]["field"]) == (422, "state")


def test_delete(shop: Shop, client: Client) -> None:
    """204 and gone; an unknown one is 404 and nothing is touched."""
    assert client.delete("/v1/products/p%201%2Fa").status_code == 204
    assert shop.intake.deleted == ["p 1/a"]
    response = client.delete("/v1/products/nobody")
    assert (response.status_code, response.json()["code"]) == (404, "product-not-found")
    assert client.get("/v1/products/nobody").status_code == 404
    assert shop.intake.deleted == ["p 1/a"]


def test_ingest(client: Client) -> None:
    """Counts by state, refusals by reason, runs, and a run's rows page by page."""
    run = {
        "run_id": 7,
        "feed": "spring.jsonl",
        "started": "2026-11-01T12:00:00Z",
        "finished": None,
        "total": 250,
        "counts": {"indexed": 1},
    }
    assert client.get("/v1/ingest/status").json() == {
        "products": {"indexed": 1},
        "refusals": {"The person is seen from the back.": 1},
        "latest_run": run,
        "failures": {"The models failed on this product (ValueError).": 2},
        "watched": None,
    }
    assert client.get("/v1/ingest/runs").json() == {"runs": [run]}
    first = client.get("/v1/ingest/runs/7/errors").json()
    assert (len(first["errors"]), first["next_offset"]) == (100, 100)
    assert first["errors"][0] == {"line": 1, "reason": "no price in line 1", "product_id": "p1"}
    last = client.get("/v1/ingest/runs/7/errors?offset=200&limit=50").json()
    assert (len(last["errors"]), last["next_offset"]) == (50, None)
    assert client.get("/v1/ingest/runs/8/errors").status_code == 404
    for wrong in ("7/errors?limit=0", "7/errors?limit=1001", "7/errors?offset=-1"):
        assert client.get(f"/v1/ingest/runs/{wrong}").status_code == 422


def test_picture(client: Client) -> None:
    """Its own type, caching headers, an ETag that spares the second transfer, HEAD."""
    response = client.get("/v1/images/products/p%201/0.png")
    assert (response.status_code, response.content, response.headers["content-type"]) == (200, PNG, "image/png")
    assert response.headers["cache-control"].startswith("public, max-age=")
    assert response.headers["x-content-type-options"] == "nosniff"
    again = client.get("/v1/images/products/p%201/0.png", headers={"If-None-Match": f'"x", {response.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", response.headers["etag"])
    head = client.head("/v1/images/products/p%201/0.png")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))


def test_what_is_no_picture_is_not_served_as_a_page(client: Client) -> None:
    """HTML in the object store is a download in a sandbox, never a page of this site."""
    response = client.get("/v1/images/notes.html")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["gone.png", "..%2f..%2fetc/passwd", "a/%2e%2e/%2e%2e/b", "%2fetc%2fpasswd"])
def test_pictures_that_are_not_there(client: Client, path: str) -> None:
    """Unknown keys and keys that climb are alike: not there."""
    response: Any = client.get(f"/v1/images/{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_which_pictures_are_searched(shop: Shop, client: Client) -> None:
    """Each picture that the shop names: the stored one by its path, a refused one with stage and reason."""
    key = picture_prefix("p 1/a") + "0123.jpg"
    shop.objects.pictures[key] = PNG
    assert client.get("/v1/products/p%201%2Fa/pictures").json() == {
        "pictures": [
            {"image_link": "https://shop.example/p1.jpg", "stored": "/v1/images/" + key, "stage": None, "reason": None},
            {
                "image_link": "https://shop.example/p1b.jpg",
                "stored": None,
                "stage": "gate",
                "reason": "The person is seen from the back.",
            },
        ]
    }
    assert client.get("/v1/products/nobody/pictures").status_code == 404


def test_a_product_by_its_picture(shop: Shop, client: Client) -> None:
    """As stored, or as a JPEG no larger than asked for, which is short-lived; a product without one has none."""
    key = picture_prefix("p 1/a") + "0123.jpg"
    shop.objects.pictures[key] = encode_jpeg(np.full((300, 200, 3), 120, np.uint8), max_side=1024)
    path = "/v1/products/p%201%2Fa/picture"
    assert client.get(path).content == shop.objects.pictures[key]
    small = client.get(f"{path}?side=64")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/jpeg")
    assert decode(small.content).shape == (64, 43, 3)
    assert small.headers["cache-control"].startswith("public, max-age=60,")
    assert client.get(f"{path}?side=64", headers={"If-None-Match": small.headers["etag"]}).status_code == 304
    assert [client.get(f"{path}?side={side}").status_code for side in (15, 1025)] == [422, 422]
    assert client.get("/v1/products/nobody/picture").status_code == 404
    shop.objects.pictures.clear()
    assert client.get(path).json()["detail"] == "No picture of product 'p 1/a' is stored."


def test_what_is_seen_in_a_picture(shop: Shop, client: Client) -> None:
    """The garments with their outlines, and what the gate says; of the picture that is stored."""
    key = picture_prefix("p 1/a") + "0123.jpg"
    shop.objects.pictures[key] = PNG
    seen = client.get("/v1/products/p%201%2Fa/analysis").json()
    assert [one["class"] for one in seen.pop("garments")] == ["dress"]
    assert seen == {
        "image": "/v1/images/" + key, "width": 100, "height": 120, "people": 1, "view": "front", "full_shot": True,
        "keep": True, "reason": "Full-shot and front-facing.",
    }  # fmt: skip
    assert shop.looks.calls == [("analyze", (PNG,), {})]
    assert client.get("/v1/products/nobody/analysis").status_code == 404


def test_another_try(shop: Shop, client: Client) -> None:
    """The product goes to the intake as the catalogue knows it; one whose pictures lie beside its feed cannot."""
    response = client.post("/v1/products/p%201%2Fa/retry")
    assert (response.status_code, response.json()["products"]) == (202, [{"id": "p 1/a", "state": "pending"}])
    assert shop.intake.submitted == [PRODUCT]
    shop.ledger.entries["p 1/a"] = replace(ENTRY, product=replace(PRODUCT, images=("images/p1.jpg",)))
    refused = client.post("/v1/products/p%201%2Fa/retry")
    assert (refused.status_code, len(shop.intake.submitted)) == (422, 1)
    assert "take the feed again" in refused.json()["detail"]
    assert client.post("/v1/products/nobody/retry").status_code == 404


def test_pictures_lie_where_they_lay() -> None:
    """The prefix is part of every home's format."""
    assert picture_prefix("p1") == "products/9f/9f337fb591630b33ea62035835802a0b/"
