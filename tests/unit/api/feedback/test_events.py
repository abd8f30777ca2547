"""Events and queries over HTTP: what is taken, what is kept of it, and what the reports say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.services import Limits
from engine.errors import NoGarmentFound
from engine.feedback.recorder import Recorder
from engine.keys import Scope, new_key
from engine.ledger.events import SqlEvents
from tests.fixtures.shop import ANSWER, PNG, PRODUCT, Shop

Client = TestClient[Litestar]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(feedback=Recorder(SqlEvents(f"sqlite:///{tmp_path}/events.sqlite"), 30, 1_000))
    yield made
    made.feedback.close()


def event(**said: Any) -> dict[str, Any]:
    return {"action_name": "click", "query_id": "q1", "timestamp": "2026-11-29T12:00:00Z", **said}


def of_product(product_id: Any = PRODUCT.product_id, ordinal: Any = 1) -> dict[str, Any]:
    return {"object": {"object_id": product_id}, "position": {"ordinal": ordinal}}


@pytest.mark.parametrize(
    ("told", "object_id", "rank"),
    [
        (event(), None, None),
        (event(event_attributes=of_product(ordinal={"index": 3})), "p 1/a", 3),
        (event(event_attributes=of_product(12, 2)), "12", 2),
        (event(event_attributes={"position": {"xy": {"x": 1.5, "y": 2}}}), None, None),
        (event(event_attributes={"position": {}, "object": {"object_id": "a", "internal_id": 7}}), "a", None),
    ],
)
def test_an_event_of_any_version_of_ubi_is_kept(
    shop: Shop, client: Client, told: dict[str, Any], object_id: str | None, rank: int | None
) -> None:
    """With the object and its place; who it was is not."""
    said = {**told, "client_id": "browser-7", "user_id": "jane", "session_id": "s", "message": "hello", "x": [1]}
    answer = client.post("/v1/events", json=said)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (kept,) = shop.feedback.book.events(LONG_AGO)
    assert (kept.query_id, kept.action, kept.object_id, kept.rank) == ("q1", "click", object_id, rank)
    assert kept.moment == datetime(2026, 11, 29, 12, tzinfo=UTC)
    shop.feedback.close()
    database = Path(shop.feedback.book._engine.url.database).read_bytes()
    assert not any(name in database for name in (b"browser-7", b"jane", b"hello"))


def test_a_batch_is_taken_whole_and_once(shop: Shop, client: Client) -> None:
    """As a page's beacon sends it, too; sent again it changes nothing."""
    batch = [event(query_id=f"q{n}", event_attributes=of_product()) for n in range(1_000)]
    assert client.post("/v1/events", json=batch).json() == {"accepted": 1_000}
    beacon = {"Content-Type": "text/plain;charset=UTF-8"}
    assert client.post("/v1/events", content=json.dumps(batch), headers=beacon).status_code == 202
    assert len(list(shop.feedback.book.events(LONG_AGO))) == 1_000


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "send 1 to 1,000"),
        ([event()] * 1_001, "There are 1,001 events"),
        (event(timestamp="yesterday"), "timestamp"),
        (event(timestamp=(datetime.now(UTC) + timedelta(days=3)).isoformat()), "in the future"),
        ([event(), event(query_id="")], "query_id"),
        ({"action_name": "click"}, "query_id"),
        (event(action_name="x" * 101), "action_name"),
        ("click", "object"),
    ],
)
def test_what_is_no_event_is_refused_whole(shop: Shop, client: Client, body: Any, detail: str) -> None:
    answer = client.post("/v1/events", json=body)
    assert answer.status_code == 422, answer.text
    assert detail in answer.json()["detail"]
    assert list(shop.feedback.book.events(LONG_AGO)) == []


def test_other_bodies_are_no_events(client: Client) -> None:
    assert client.post("/v1/events", content=b"a=1", headers={"Content-Type": "x/form"}).status_code == 415
    assert client.post("/v1/events", content=b"{", headers={"Content-Type": "text/plain"}).status_code == 400


def test_without_the_setting_nothing_is_kept() -> None:
    """The routes say how it is switched on, and a search notes nothing."""
    with TestClient(Shop().app()) as client:
        for method, path in (("POST", ""), ("GET", "/no-match"), ("GET", "/clicks")):
            answer = client.request(method, f"/v1/events{path}", json=event() if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "events-off")
            assert "THATLOOK_EVENTS=1" in answer.json()["detail"]
        assert client.post("/v1/search/text", json={"text": "dress"}).status_code == 200


def test_searches_are_noted_with_what_they_showed(shop: Shop, client: Client) -> None:
    """Words, products and kinds; of photos nothing. The answer's query_id is the one that events name."""
    words = client.post("/v1/search/text", json={"text": ["Navy DRESS", "jane@example.com"], "not_text": "red"})
    client.post("/v1/search/image", files={"image": ("a.png", PNG, "image/png")})
    client.post("/v1/search/hybrid", files={"image": ("a.png", PNG, "image/png")}, data={"text": "in navy"})
    client.get("/v1/products/p%201%2Fa/similar")
    client.get("/v1/products/p%201%2Fa/look")
    client.post("/v1/search/batch", json={"searches": [{"kind": "text", "text": "coat"}]})
    shop.feedback.flush()
    noted = list(shop.feedback.book.queries(LONG_AGO))
    assert [(each.kind, each.text) for each in noted] == [
        ("text", "navy dress … -red"),
        ("image", ""),
        ("hybrid", "in navy"),
        ("similar", "p 1/a"),
        ("look", "p 1/a"),
        ("text", "coat"),
    ]
    assert noted[0].query_id == words.json()["query_id"]
    assert (noted[0].shown, noted[0].best, noted[0].weak) == ((("p 1/a",),), pytest.approx(0.8765, abs=1e-4), False)


def test_queries_without_a_good_match_are_reported(shop: Shop, client: Client) -> None:
    """Words whose best hit is doubtful, photos that `no_match` is said of, and photos without a garment."""
    found = ANSWER.garments[0]
    doubtful = replace(found, hits=tuple(replace(hit, score=0.3) for hit in found.hits))
    shop.looks.acts = lambda: replace(ANSWER, garments=(doubtful,))
    for _ in range(2):
        client.post("/v1/search/text", json={"text": "Kayak"})
    shop.looks.acts = lambda: replace(ANSWER, garments=(replace(found, no_match=True),))
    photo = {"image": ("a.png", PNG, "image/png")}
    client.post("/v1/search/image", files=photo)

    def nothing() -> Any:
        raise NoGarmentFound("Nothing to search with.")

    shop.looks.acts = nothing
    assert client.post("/v1/search/image", files=photo).status_code == 422
    answer = client.get("/v1/events/no-match?days=1&limit=5").json()
    rows = [(each["query"], each["kind"], each["count"], each["best_score"]) for each in answer["queries"]]
    assert sorted(rows) == [("", "image", 2, 0.8765), ("kayak", "text", 2, 0.3)]
    assert client.get("/v1/events/no-match?days=0").status_code == 422


def test_clicks_by_rank(client: Client) -> None:
    asked = [client.post("/v1/search/text", json={"text": "dress"}).json()["query_id"] for _ in range(4)]
    now = datetime.now(UTC).isoformat()
    client.post("/v1/events", json=event(query_id=asked[0], timestamp=now, event_attributes=of_product()))
    told = client.get("/v1/events/clicks").json()
    assert told == {
        "queries": 4,
        "clicked": 1,
        "mrr": 0.25,
        "ranks": [{"rank": 1, "shown": 4, "clicked": 1, "ctr": 0.25}],
        "actions": {"click": 1},
    }


def test_a_key_for_searches_tells_events_and_reads_no_reports(shop: Shop) -> None:
    """A page's key may say what was clicked; what others asked for is the shop's affair."""

    class Held:
        def checked(self, text: str) -> Any:
            return new_key("page", [Scope.SEARCH if text == "s" else Scope.CATALOGUE], datetime.now(UTC))[1]

    shop.keys = Held()
    with TestClient(shop.app()) as client:
        page, office = {"Authorization": "Bearer s"}, {"Authorization": "Bearer c"}
        assert client.post("/v1/events", json=event()).status_code == 401
        assert client.post("/v1/events", json=event(), headers=page).status_code == 202
        assert client.get("/v1/events/no-match", headers=page).status_code == 403
        assert client.get("/v1/events/clicks", headers=office).status_code == 200


def test_another_sites_page_may_tell_events_where_it_is_listed(shop: Shop) -> None:
    """With the preflight that browsers make; other sites may not."""
    limits = Limits(origins=("https://shop.example",), allowed_hosts=frozenset({"127.0.0.1"}))
    with TestClient(shop.app(limits), base_url="http://127.0.0.1:8080") as client:
        asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type"}  # fmt: skip
        allowed = client.options("/v1/events", headers=asks)
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        told = client.post("/v1/events", json=event(), headers={"Origin": "https://shop.example"})
        assert (told.status_code, told.headers["access-control-allow-origin"]) == (202, "https://shop.example")
        beacon = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        assert client.post("/v1/events", content=json.dumps(event()), headers=beacon).status_code == 403
