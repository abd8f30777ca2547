"""Both clients and the embedded engine against a running server: every documented route, and the same answers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

import thatlook
from tests.e2e.test_api_program import COLORS, photo
from tests.fixtures.program import Server, start, stop
from tests.fixtures.tiny_models import write_tiny_profile

LOOK = photo(COLORS["red"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a feed of three products, ingested through the embedded engine."""
    home = tmp_path_factory.mktemp("clients")
    write_tiny_profile(home / "models" / "tiny")
    rows = []
    for name, rgb in COLORS.items():
        (home / f"{name}.jpg").write_bytes(photo(rgb))
        rows.append({
            "id": f"{name}/1", "title": f"{name} shirt", "link": f"https://shop.example/{name}", "brand": "Acme",
            "image_link": f"{name}.jpg", "price": "10.00 EUR", "color": name,
        })  # fmt: skip
    feed = home / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with thatlook.open(home, profile="tiny", threads=1) as shop:
        assert isinstance(shop, thatlook.Embedded)
        assert shop.ingest(feed).indexed == 3
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    server = start(home, home / "server.log", settings={"THATLOOK_EVENTS": "1"})
    yield server
    stop(server)


def seen_by(transport: list[tuple[str, str]]) -> Any:
    """A hook of httpx's that notes each request."""

    def note(request: httpx.Request) -> None:
        transport.append((request.method.lower(), request.url.path))

    return note


def feed_jobs(shop: thatlook.Client) -> None:
    """A feed that cannot be read, as a job: started, followed, started again, cancelled."""
    job = shop.start_ingest(b'{"id": 1}', name="nothing.jsonl")
    assert [each.job_id for each in shop.ingest_jobs()] == [job.job_id]
    while (job := shop.ingest_job(job.job_id)).state in ("queued", "running"):
        time.sleep(0.05)
    assert (job.state, job.error and job.error.code) == ("failed", "feed-unreadable")
    assert shop.retry_ingest(job.job_id).job_id == shop.cancel_ingest(job.job_id).job_id == job.job_id


def exports(shop: thatlook.Client, folder: Path) -> None:
    """The catalogue as a feed that is read as it is, and its embeddings."""
    shop.export_products(folder / "out.jsonl")
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    assert [(each["id"], each["currency"]) for each in rows] == [(n, "EUR") for n in ("blue/1", "green/1", "red/1")]
    assert shop.export_products(folder / "out.parquet", form="parquet") == (folder / "out.parquet").stat().st_size
    shop.export_embeddings(folder / "e.parquet", "upper_wear")
    table = pq.read_table(folder / "e.parquet")
    assert sorted(table.column("product_id").to_pylist()) == ["blue/1", "green/1", "red/1"]
    assert np.linalg.norm(table.column("embedding")[0].as_py()) == pytest.approx(1, abs=1e-4)
    with pytest.raises(thatlook.QueryRejected):
        shop.export_embeddings(folder / "none.parquet", "hats")
    assert not (folder / "none.parquet").exists()


def feedback(shop: thatlook.Client) -> None:
    """A click on the second hit of an answer, and what is told of it."""
    answer = shop.search_text("blue shirt", k=2)
    clicked = answer.garments[0].hits[1].product_id
    event = {
        "action_name": "click", "query_id": answer.query_id, "timestamp": datetime.now(UTC).isoformat(),
        "event_attributes": {"object": {"object_id": clicked}, "position": {"ordinal": {"index": 2}}},
    }  # fmt: skip
    assert shop.send_events([event, event]) == 2
    second = next(each for each in shop.clicks(days=1).ranks if each.rank == 2)
    assert second.clicked == 1
    shop.search_text("refrigerator")
    assert "refrigerator" in [each.query for each in shop.no_match(days=1)]


def exports_and_feedback(shop: thatlook.Client, folder: Path) -> None:
    exports(shop, folder)
    feedback(shop)


def pictures(shop: thatlook.Client, hit: thatlook.Hit) -> None:
    assert shop.image(hit.image).startswith(b"\xff\xd8")
    assert len(shop.product_picture("red/1", side=32)) < len(shop.product_picture("red/1"))
    assert shop.product_analysis("red/1").image == hit.image


def test_every_documented_route_has_a_method_that_works(server: Server, tmp_path: Path) -> None:
    """A route that is added to the API without a method in the client fails here."""
    address = str(server.client.base_url)
    called: list[tuple[str, str]] = []
    with thatlook.open(address) as shop:
        assert isinstance(shop, thatlook.Client)
        shop._http.event_hooks = {"request": [seen_by(called)]}
        assert shop.ready().status == "ready"
        found = shop.search_image(LOOK, k=2, filters={"brand": "acme"})
        hit = found.garments[0].hits[0]
        assert (hit.title, hit.price, hit.availability) == ("red shirt", 10.0, "in_stock")
        pictures(shop, hit)
        moved = shop.search_image(LOOK, text="in blue", weights={"visual": 1, "semantic": 1, "text": 1, "color": 2})
        assert moved.garments[0].hits
        assert shop.search_text("shirt", not_text="red", k=1).garments[0].hits
        assert {each.product_id for each in shop.similar("red/1").garments[0].hits} == {"blue/1", "green/1"}
        assert shop.look("red/1", k=1).image
        texts = shop.search_batch([{"kind": "text", "text": "red shirt", "k": 1}, {"kind": "text"}])
        assert [each.status for each in texts] == [200, 422]
        assert shop.facets(["brand", "price"]).facets[0].values[0].label == "Acme"
        pages = [shop.search_text("shirt", k=2, total=True)]
        pages.append(shop.search_text("shirt", k=2, total=True, cursor=pages[0].garments[0].next_cursor))
        paged = [hit.product_id for page in pages for hit in page.garments[0].hits]
        assert (sorted(paged), pages[1].garments[0].next_cursor) == (["blue/1", "green/1", "red/1"], None)
        assert shop.product("red/1").state == "indexed"
        changed = shop.change_product("red/1", {"price": "12.50 EUR", "availability": "preorder"})
        assert (changed.product["price"], changed.state) == (12.5, "indexed")
        (hit,) = shop.search_text("shirt", filters={"price": {"min": 12}, "availability": "preorder"}).garments[0].hits
        assert (hit.product_id, hit.price, hit.availability) == ("red/1", 12.5, "preorder")
        told_of = shop.change_products([{"id": "red/1", "price": 10, "availability": "in stock"}, {"id": "none"}])
        assert [each.state for each in told_of.products] == ["updated", "not_found"]
        assert shop.get_products(["red/1", "none"]).missing == ["none"]
        assert shop.delete_products(["none"]).deleted == 0
        assert [each.product_id for each in shop.every_product()] == ["blue/1", "green/1", "red/1"]
        assert shop.ingest_status().products["indexed"] == 3
        (run,) = shop.ingest_runs()
        assert (run.counts["indexed"], shop.ingest_errors(run.run_id)) == (3, [])
        feed_jobs(shop)
        exports_and_feedback(shop, tmp_path)
        receipt = shop.put_products([
            {"id": "new", "title": "New", "link": "https://shop.example/new", "image_link": "http://127.0.0.1:9/x.jpg"},
            {"id": "bad"},
        ])  # fmt: skip
        assert (receipt.accepted, receipt.rejected) == (1, 1)
        assert [each.image_link for each in shop.product_pictures("new")] == ["http://127.0.0.1:9/x.jpg"]
        assert shop.retry_product("new").accepted == 1
        shop.delete_product("new")
        with pytest.raises(thatlook.ProductNotFound, match="new"):
            shop.product("new")
        assert "thatlook_" in shop.metrics()
    document = server.client.get("/schema/openapi.json").json()
    documented = {(method, path) for path, operations in document["paths"].items() for method in operations}
    left = {
        (method, path)
        for method, path in documented
        if method in ("get", "put", "post", "delete", "patch")
        and not any(method == m and re.fullmatch(re.sub(r"\{[^}]+\}", ".+", path), p) for m, p in called)
    }
    assert left <= {("get", "/healthz")}


def test_the_asynchronous_client_and_the_plain_one_get_the_same(server: Server) -> None:
    """Side by side, and several at once."""
    address = str(server.client.base_url)

    async def several() -> list[thatlook.Answer]:
        async with thatlook.AsyncClient(address) as shop:
            assert (await shop.ready()).status == "ready"
            return await asyncio.gather(shop.search_image(LOOK, k=3), shop.search_text("blue shirt", k=3))

    with thatlook.Client(address) as shop:
        plain = [shop.search_image(LOOK, k=3), shop.search_text("blue shirt", k=3)]
    assert [told(answer) for answer in asyncio.run(several())] == [told(answer) for answer in plain]


def told(answer: thatlook.Answer) -> list[Any]:
    return [(found.supercategory, [(hit.product_id, hit.score) for hit in found.hits]) for found in answer.garments]


def test_the_embedded_engine_answers_as_the_server(server: Server, home: Path) -> None:
    """The same home, once over HTTP and once in this process; while it serves, a second holder is told so."""
    address = str(server.client.base_url)
    options: Any = {"k": 3, "filters": {"not": {"color": "green"}}}
    with thatlook.Client(address) as shop:
        over_http = [shop.search_image(LOOK, **options), shop.similar("red/1"), shop.search_text("shirt", k=2)]
    with pytest.raises(thatlook.HomeInUse, match="Ask that server over HTTP"):
        thatlook.open(home, profile="tiny")
    stop(server)
    with thatlook.open(home, profile="tiny", threads=1) as shop:
        here = [shop.search_image(LOOK, **options), shop.similar("red/1"), shop.search_text("shirt", k=2)]
        assert shop.image(here[0].garments[0].hits[0].image).startswith(b"\xff\xd8")
    assert [told(answer) for answer in here] == [told(answer) for answer in over_http]
