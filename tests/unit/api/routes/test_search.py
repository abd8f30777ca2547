"""The search endpoints: what they hand to the engine, what they answer, what they refuse."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.services import Limits
from engine.domain import Answer
from engine.errors import ImageUnreadable, NoGarmentFound, ProductNotFound, QueryRejected
from engine.filters import FacetCondition, Filter, PriceCondition
from engine.retrieval.fusion import Weights
from engine.retrieval.looks import FOR_SHOPPERS, Shown
from engine.service import TextQuery
from engine.vision.photo_analysis import ImageQuery
from tests.fixtures.shop import ANSWER, PNG, Shop

Client = TestClient[Litestar]
ACME = Filter((FacetCondition("brand", frozenset({"acme"})),))
SHOWN = {"shown": FOR_SHOPPERS}
HIT = {
    "product_id": "p 1/a",
    "title": "Linen dress",
    "link": "https://shop.example/p1",
    "image": "/v1/images/products/p%201/0.png",
    "price": 49.9,
    "currency": "EUR",
    "brand": "Acme",
    "supercategory": "full_body",
    "score": 0.8765,
    "signals": {"visual": 0.9, "semantic": 0.8, "text": None, "color": None},
    "why": ["Looks alike."],
    "availability": "in_stock",
    "list_price": 60.0,
    "color": None,
    "size": "38",
    "item_group_id": None,
    "variants": [],
    "matched_by": [],
    "confidence": None,
}


def _last_call(shop: Shop) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    name, args, kwargs = shop.looks.calls[-1]
    return name, args, {key: value for key, value in kwargs.items() if key != "deadline"}


def _refusal(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def test_photo_as_multipart(shop: Shop, client: Client) -> None:
    """The file and every form field reach the engine; the answer has the documented form."""
    response = client.post(
        "/v1/search/image",
        files={"image": ("look.png", PNG, "image/png")},
        data={"k": "3", "filters": '{"brand": "acme"}', "supercategory": "full_body", "box": "1,2,30,40"},
    )
    assert response.status_code == 200
    assert _last_call(shop) == (
        "search_image",
        (PNG, ImageQuery(("full_body",), (1.0, 2.0, 30.0, 40.0), False)),
        {"where": ACME, "k": 3, "shown": FOR_SHOPPERS},
    )
    document = response.json()
    assert document["garments"][0]["hits"] == [HIT]
    assert document["garments"][0]["class"] == "dress"
    assert (document["timing_ms"], document["width"], document["height"]) == ({"decode": 1.5, "total": 12.25}, 100, 120)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "application/octet-stream"])
def test_photo_as_the_body_itself(shop: Shop, client: Client, media_type: str) -> None:
    """Fields are query parameters then."""
    response = client.post(
        "/v1/search/image?k=4&supercategory=upper_wear&whole_image=true",
        content=PNG,
        headers={"Content-Type": media_type},
    )
    assert response.status_code == 200
    assert _last_call(shop)[1] == (PNG, ImageQuery(("upper_wear",), None, True))
    assert _last_call(shop)[2]["k"] == 4


def test_photo_in_json(shop: Shop, client: Client) -> None:
    """As base64, or as the path of a stored picture that a hit gave."""
    encoded = base64.b64encode(PNG).decode()
    assert client.post("/v1/search/image", json={"image_base64": encoded}).status_code == 200
    assert _last_call(shop)[1][0] == PNG
    assert client.post("/v1/search/image", json={"image_id": HIT["image"]}).status_code == 200
    assert _last_call(shop) == (
        "search_image",
        (PNG, ImageQuery(None)),
        {"where": Filter(), "k": 10, "shown": FOR_SHOPPERS},
    )


def test_photo_and_words(shop: Shop, client: Client) -> None:
    """Wanted and unwanted words and the weights reach the engine."""
    response = client.post(
        "/v1/search/hybrid",
        files={"image": ("look.png", PNG)},
        data={"text": ["red", "linen"], "not_text": "striped", "weights": '{"visual": 0.5, "text": 3}'},
    )
    assert response.status_code == 200
    assert _last_call(shop)[2] == {
        "text": TextQuery(("red", "linen"), ("striped",)),
        "where": Filter(),
        "k": 10,
        "weights": Weights(0.5, 1.0, 3.0),
        "shown": FOR_SHOPPERS,
    }


def test_words_alone(shop: Shop, client: Client) -> None:
    """Filters and supercategory as in the photo's search."""
    body = {"text": "navy dress", "k": 2, "supercategory": ["full_body"], "filters": {"price": {"max": 50}}}
    assert client.post("/v1/search/text", json=body).status_code == 200
    assert _last_call(shop) == (
        "search_text",
        (TextQuery(("navy dress",)),),
        {
            "supercategories": ("full_body",),
            "where": Filter((PriceCondition(maximum=50.0),)),
            "k": 2,
            "shown": FOR_SHOPPERS,
        },
    )


def test_a_stored_product(shop: Shop, client: Client) -> None:
    """An id with a slash and a space, percent-encoded; filters and words in the query."""
    response = client.get('/v1/products/p%201%2Fa/similar?k=5&filters={"brand":"acme"}&text=red&text=linen')
    assert response.status_code == 200
    assert _last_call(shop) == (
        "similar",
        ("p 1/a",),
        {"text": TextQuery(("red", "linen")), "where": ACME, "k": 5, "shown": FOR_SHOPPERS},
    )


def test_the_rest_of_a_look(shop: Shop, client: Client) -> None:
    """The product's own picture asks; the answer names it by an address. Words have no part in it."""
    shop.looks.acts = lambda: replace(ANSWER, image="p/ab.jpg")
    response = client.get('/v1/products/p%201%2Fa/look?k=3&filters={"brand":"acme"}')
    assert response.json()["image"] == "/v1/images/p/ab.jpg"
    assert _last_call(shop) == ("look", ("p 1/a",), {"where": ACME, "k": 3, "shown": FOR_SHOPPERS})
    assert client.get("/v1/products/p1/look?text=red").status_code == 422


def test_every_size_and_the_sold_out_where_they_fit(shop: Shop, client: Client) -> None:
    """`group` and `unavailable` switch both off, in JSON, in a form and in a query; another word is refused."""
    wanted = {"group": "none", "unavailable": "mixed"}
    client.post("/v1/search/text", json={"text": "dress", **wanted})
    client.post("/v1/search/image", files={"image": ("look.png", PNG)}, data=wanted)
    client.get("/v1/products/p1/similar", params=wanted)
    assert [kwargs["shown"] for _, _, kwargs in shop.looks.calls] == [Shown(), Shown(), Shown()]
    client.post("/v1/search/text", json={"text": "dress", "group": "none"})
    assert _last_call(shop)[2]["shown"] == Shown(one_per_look=False, sold_out_last=True)
    assert client.post("/v1/search/text", json={"text": "dress", "group": "all"}).status_code == 422


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"k": "0"}, 422, "request-invalid"),
        ({"k": "101"}, 422, "request-invalid"),
        ({"k": "many"}, 422, "request-invalid"),
        ({"colour": "red"}, 422, "request-invalid"),
        ({"filters": "{"}, 422, "query-rejected"),
        ({"filters": '{"sleeve": "long"}'}, 422, "filter-rejected"),
        ({"filters": '{"price": {"min": -5, "max": 10}}'}, 422, "filter-rejected"),
        ({"filters": '{"price": {"min": 50, "max": 10}}'}, 422, "filter-rejected"),
        ({"box": "30,40,1,2"}, 422, "query-rejected"),
        ({"box": "1,2,3"}, 422, "request-invalid"),
        ({"image_id": "products/p 1/0.png"}, 422, "query-rejected"),
    ],
)
def test_wrong_fields(shop: Shop, client: Client, fields: dict[str, str], status: int, code: str) -> None:
    """Each is a problem with its own code, and no search is begun."""
    response = client.post("/v1/search/image", files={"image": ("look.png", PNG)}, data=fields)
    assert _refusal(response) == (status, code)
    assert shop.looks.calls == []


def test_wrong_field_is_named(client: Client) -> None:
    """The problem's `errors` say which field, for programs."""
    problem = client.post("/v1/search/text", json={"text": "x", "k": 0}).json()
    assert problem["errors"] == [{"field": "k", "message": "Expected `int` >= 1"}]
    assert problem["detail"] == "k: Expected `int` >= 1"


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"", "image/png", 422, "image-unreadable"),
        (b"x" * 100_001, "image/png", 413, "image-too-large"),
        (b"x" * 300_000, "image/png", 413, "request-too-large"),
        (b"{", "application/json", 400, "request-malformed"),
        (b"", "application/json", 400, "request-malformed"),
        (b"[]", "application/json", 422, "request-invalid"),
        (b"{}", "application/json", 422, "query-rejected"),
        (b'{"image_base64": "%%%"}', "application/json", 422, "image-unreadable"),
        (b'{"image_id": "../ledger.sqlite"}', "application/json", 404, "object-not-found"),
        (b'{"image_url": "http://169.254.169.254/latest"}', "application/json", 422, "query-rejected"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "media-type-unsupported"),
        (b"x", "text/plain", 415, "media-type-unsupported"),
        (b"broken", "multipart/form-data; boundary=x", 400, "request-malformed"),
        (b"broken", "multipart/form-data", 422, "request-invalid"),
    ],
)
def test_wrong_bodies(client: Client, content: bytes, media_type: str, status: int, code: str) -> None:
    """Empty, too large, malformed, of another type, without a photo."""
    for path in ("/v1/search/image", "/v1/search/hybrid"):
        response = client.post(path, content=content, headers={"Content-Type": media_type})
        assert _refusal(response) in {(status, code), (422, "text-rejected")}
        if path.endswith("image"):
            assert _refusal(response) == (status, code)


def test_six_photos_or_a_photo_that_is_no_file(client: Client) -> None:
    """Files are wanted, five at most."""
    six = [("image", (f"{n}.png", PNG)) for n in range(6)]
    assert _refusal(client.post("/v1/search/image", files=six)) == (422, "query-rejected")
    as_text = client.post("/v1/search/image", files={"k": (None, "3"), "image": (None, "text")})
    assert _refusal(as_text) == (422, "query-rejected")


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": " "}, {"text": []}, {"text": "x" * 10_000}, {"text": ["x"] * 17}]
)
def test_wrong_words(shop: Shop, client: Client, body: dict[str, Any]) -> None:
    """No words, blank ones, ten thousand characters, too many texts."""
    assert _refusal(client.post("/v1/search/text", json=body)) == (422, "text-rejected")
    assert shop.looks.calls == []


def test_wrong_weights(client: Client) -> None:
    """Negative or all zero."""
    for weights in ({"visual": -1}, {"visual": 0, "semantic": 0, "text": 0}):
        body = {"image_id": HIT["image"], "text": "red", "weights": weights}
        assert _refusal(client.post("/v1/search/hybrid", json=body)) == (422, "query-rejected")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ImageUnreadable("damaged"), 422),
        (NoGarmentFound("none"), 422),
        (QueryRejected("The box covers too little of the picture."), 422),
        (ProductNotFound("gone"), 404),
    ],
)
def test_the_engines_refusals(shop: Shop, client: Client, error: Exception, status: int) -> None:
    """What the engine refuses comes back in its own words."""

    def acts() -> Answer:
        raise error

    shop.looks.acts = acts
    response = client.get("/v1/products/p1/similar")
    assert (response.status_code, response.json()["detail"]) == (status, str(error))


def test_deadline(shop: Shop) -> None:
    """A caller's shorter deadline is kept: 504 in time, although the search goes on."""
    gate = threading.Event()
    shop.looks.acts = lambda: gate.wait(5) or None  # type: ignore[assignment,return-value]
    with TestClient(shop.app(Limits(search_threads=1))) as client:
        response = client.post("/v1/search/text", json={"text": "x"}, headers={"X-Deadline-Ms": "80"})
        assert _refusal(response) == (504, "deadline-exceeded")
        gate.set()
        for wrong in ("0", "-5", "soon"):
            answer = client.post("/v1/search/text", json={"text": "x"}, headers={"X-Deadline-Ms": wrong})
            assert answer.status_code == 422


def test_deadline_can_only_be_shortened(shop: Shop) -> None:
    """An hour asked for is still our own few milliseconds."""
    gate = threading.Event()
    shop.looks.acts = lambda: gate.wait(5) or None  # type: ignore[assignment,return-value]
    with TestClient(shop.app(Limits(deadline_s=0.08))) as client:
        response = client.post("/v1/search/text", json={"text": "x"}, headers={"X-Deadline-Ms": "3600000"})
        gate.set()
    assert _refusal(response) == (504, "deadline-exceeded")
