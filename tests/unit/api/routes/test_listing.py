"""Pages, facets and batches over HTTP, as the engine is asked for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.cursors import Place, read_cursor, search_digest, write_cursor
from api.requests.calls import by_text
from api.requests.queries import TextSearch
from engine.errors import QueryRejected
from engine.facets import FacetAsk
from engine.retrieval.listing import Listing, Seen, Total
from engine.retrieval.looks import Shown
from engine.system.clock import Deadline
from tests.fixtures.shop import ANSWER, COUNTED, Shop

Client = TestClient[Litestar]
SEEN = Seen(frozenset({1, 2**32 - 1}), 2)


def test_options_reach_the_engine(shop: Shop, client: Client) -> None:
    """As JSON and as query parameters they mean the same."""
    body = {"text": "red", "sort": "price_asc", "min_score": 0.5, "diversity": 0.25, "unavailable": "hidden"}
    body["diversity_by"] = "brand"
    assert client.post("/v1/search/text", json={**body, "facets": ["brand", "price"]}).status_code == 200
    address = (
        "?sort=price_asc&min_score=0.5&diversity=0.25&diversity_by=brand&unavailable=hidden&facets=brand&facets=price"
    )
    assert client.get("/v1/products/p1/similar" + address).status_code == 200
    for _, _, options in shop.looks.calls:
        assert options["listing"] == Listing("price_asc", 0.5, 0.25, total=True, diversity_by="brand")
        assert options["facets"] == FacetAsk(("brand", "price"))
        assert options["shown"] == Shown(one_per_look=True, sold_out_left_out=True)


def test_a_page_leads_to_the_next(shop: Shop, client: Client) -> None:
    """The cursor of the second garment asks for it alone, behind what was shown; of another search it is refused."""
    garment = replace(ANSWER.garments[0], seen=SEEN, total=Total(9, at_least=True), counted=COUNTED)
    shop.looks.acts = lambda: replace(ANSWER, garments=(ANSWER.garments[0], garment))
    first = client.post("/v1/search/text", json={"text": "red", "k": 2, "facets": "*"}).json()
    assert first["garments"][0]["next_cursor"] is None
    told = first["garments"][1]
    assert (told["total"], told["matching"]) == ({"value": 9, "relation": "gte"}, 7)
    brand = {"name": "brand", "values": [{"value": "acme", "label": "Acme", "count": 4}], "more": 2}
    assert told["facets"] == [brand]
    assert told["price"]["buckets"] == [{"from": 0, "to": 60, "count": 7}]
    cursor = told["next_cursor"]
    second = client.post("/v1/search/text", json={"text": "red", "k": 5, "cursor": cursor})
    assert second.status_code == 200
    assert shop.looks.calls[-1][2]["listing"].after == SEEN
    for other in ({"text": "blue"}, {"text": "red", "sort": "newest"}, {"text": "red", "filters": {"brand": "a"}}):
        refused = client.post("/v1/search/text", json={**other, "cursor": cursor})
        assert (refused.status_code, "another search" in refused.json()["detail"]) == (422, True)


def test_a_photos_next_page_is_of_one_garment(shop: Shop, client: Client) -> None:
    seen = replace(ANSWER.garments[0], seen=SEEN)
    shop.looks.acts = lambda: replace(ANSWER, garments=(seen,))
    body = {"image_id": "products/p 1/0.png"}
    cursor = client.post("/v1/search/image", json=body).json()["garments"][0]["next_cursor"]
    assert client.post("/v1/search/image", json={**body, "cursor": cursor}).status_code == 200
    assert shop.looks.calls[-1][2]["only"] == 0


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "A" * 16_000, "gg==", "_-_-"])
def test_a_damaged_cursor_is_told(client: Client, cursor: str) -> None:
    answer = client.post("/v1/search/text", json={"text": "red", "cursor": cursor})
    assert (answer.status_code, "ursor" in answer.json()["detail"]) == (422, True)


def test_cursors_come_back_as_they_went() -> None:
    digest = search_digest("text", {"text": "red", "k": 3})
    place = Place(4, SEEN)
    assert read_cursor(write_cursor(digest, place), search_digest("text", {"text": "red", "k": 9})) == place
    with pytest.raises(QueryRejected, match="another search"):
        read_cursor(write_cursor(digest, place), search_digest("image", {"text": "red"}))
    assert read_cursor(write_cursor(digest, replace(place, generation=3)), digest).generation == 3


def test_a_further_page_asks_the_models_of_the_first(shop: Shop) -> None:
    """A search without a cursor asks the generation that serves; one with a cursor the generation that it names."""

    class Generations:
        def pinned(self, number: int | None = None) -> tuple[Any, int]:
            return (shop.looks, 5) if number is None else (f"generation {number}", number)

    deadline, asked = Deadline.within(5), TextSearch(text=["red"], k=3)
    first = by_text(Generations(), asked, deadline)  # type: ignore[arg-type]
    first.call()
    assert shop.looks.calls
    cursor = first.cursor(0, SEEN)
    with pytest.raises(AttributeError, match="search_text"):  # It is the former one that is asked.
        by_text(Generations(), msgspec.structs.replace(asked, cursor=cursor), deadline)  # type: ignore[arg-type]


def test_garments_points_and_photos_reach_the_engine(shop: Shop, client: Client) -> None:
    """`garments` as JSON in a form; a point; several files."""
    files = [("image", ("a.png", b"\x89PNG one")), ("image", ("b.png", b"\x89PNG two"))]
    data = {"garments": '[{"index": 1, "text": "in red", "filters": {"brand": "acme"}, "k": 3}]'}
    assert client.post("/v1/search/hybrid", files=files, data=data).status_code == 200
    _, (photos, _), options = shop.looks.calls[-1]
    assert photos == [b"\x89PNG one", b"\x89PNG two"]
    (asked,) = options["garments"]
    assert (asked.index, asked.text.positive, asked.k, bool(asked.where)) == (1, ("in red",), 3, True)
    clicked = client.post("/v1/search/image?point=12.5,40", content=b"\x89PNG", headers={"Content-Type": "image/png"})
    assert clicked.status_code == 200
    assert shop.looks.calls[-1][2]["garments"][0].point == (12.5, 40.0)
    both = {"image_id": "products/p 1/0.png", "images": [{"image_id": "x"}]}
    assert client.post("/v1/search/image", json=both).status_code == 422


def test_a_batch_answers_each_search_by_itself(shop: Shop, client: Client) -> None:
    """One of four is refused, and says why; the others are answered, in their order."""
    searches = [
        {"kind": "text", "text": "red"},
        {"kind": "similar", "product_id": "p1", "k": 500},
        {"kind": "image", "image_id": "products/p 1/0.png"},
        {"kind": "dance"},
    ]
    answers = client.post("/v1/search/batch", json={"searches": searches}).json()["answers"]
    assert [each["status"] for each in answers] == [200, 422, 200, 422]
    assert answers[0]["answer"]["garments"][0]["hits"][0]["product_id"] == "p 1/a"
    assert answers[1]["problem"]["code"] == "request-invalid"
    assert "'kind'" in answers[3]["problem"]["detail"]
    assert [name for name, _, _ in shop.looks.calls] == ["search_text", "search_image"]
    assert client.post("/v1/search/batch", json={"searches": []}).status_code == 422
    assert client.post("/v1/search/batch", json={"searches": searches * 5}).status_code == 422


def test_values_to_filter_by(shop: Shop, client: Client) -> None:
    filters = {"filters": '{"color": "red"}', "limit": 3, "prefix": "a"}
    found = client.get("/v1/facets", params={**filters, "names": ["brand", "price"], "supercategory": "upper_wear"})
    assert found.json()["products"] == 7
    _, (kinds, where, ask), _ = shop.looks.calls[-1]
    assert (kinds, ask) == (("upper_wear",), FacetAsk(("brand", "price"), 3, "a"))
    assert where.conditions[0].facet == "color"
    for wrong in ("?limit=0", "?colour=1", "?filters=x", "?limit=1&limit=2", "?filters=[]"):
        assert client.get("/v1/facets" + wrong).status_code in (400, 422)
