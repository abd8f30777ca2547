"""A client that openapi-python-client writes from the document: generated, compiled, and every route asked with it."""

from __future__ import annotations

import compileall
import importlib
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient

from engine.feedback.recorder import Recorder
from engine.ledger.events import SqlEvents
from engine.products.stored import picture_prefix
from engine.stores.exact import ExactStore
from engine.vision.images import encode_jpeg
from tests.fixtures.shop import ENTRY, PNG, PRODUCT, FakeFeeds, FakeLedger, Shop

NAME = "generated_thatlook_client"
PROGRAM = Path(sys.executable).parent / "openapi-python-client"
ID = PRODUCT.product_id
NEW = {"id": "n", "title": "N", "link": "https://shop.example/n", "image_link": "https://shop.example/n.jpg"}
BATCHED = {"kind": "text", "text": "a"}
EVENT = {
    "action_name": "click",
    "query_id": "q",
    "timestamp": "2026-11-30T12:00:00Z",
    "event_attributes": {"object": {"object_id": ID}, "position": {"ordinal": {"index": 1}}},
}
ACME = '{"brand": ["acme"]}'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("events")
    store = ExactStore()
    recorder = Recorder(SqlEvents(f"sqlite:///{folder}/events.sqlite"), 30, 1_000)
    far = replace(PRODUCT, product_id="far", images=("https://shop.example/far.jpg",))
    ledger = FakeLedger({ID: ENTRY, "far": replace(ENTRY, product=far)})
    feeds = FakeFeeds(tmp_path_factory.mktemp("feeds"))
    made = Shop(feedback=recorder, embeddings=lambda supercategory, space: (store, 4), ledger=ledger, feeds=feeds)
    picture = encode_jpeg(np.full((48, 40, 3), 120, np.uint8), max_side=64)
    made.objects.pictures[picture_prefix(ID) + "0123.jpg"] = picture
    yield made
    made.feedback.close()


@pytest.fixture(scope="module")
def http(shop: Shop) -> Iterator[TestClient[Any]]:
    with TestClient(shop.app()) as client:
        yield client


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, http: TestClient[Any]) -> Iterator[ModuleType]:
    """The generated package, imported."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(http.get("/schema/openapi.json").content)
    command = [PROGRAM, "generate", "--path", "openapi.json", "--meta", "none", "--output-path", NAME]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    warnings = re.findall(r"^(?:WARNING|ERROR).*\n\n(.*)$", done.stdout, re.MULTILINE)
    assert {each for each in warnings if not each.startswith("Unsupported content type")} == set()
    assert compileall.compile_dir(folder / NAME, quiet=1)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder))
        for name in [each for each in sys.modules if each.split(".")[0] == NAME]:
            del sys.modules[name]


Arguments = Callable[[Any, Any], dict[str, Any]]
CALLS: dict[str, Arguments] = {
    "search_by_image": lambda m, t: {"body": m.ImageSearchForm(image=t.File(io.BytesIO(PNG), "a.png"), k=3)},
    "search_by_image_and_text": lambda m, t: {
        "body": m.HybridSearch(image_id="products/p 1/0.png", text="red", k=3, garments=[m.GarmentOptions(index=0)])
    },
    "search_by_text": lambda m, t: {"body": m.TextSearch(text="red", k=3, facets=["brand"]), "filters": ACME},
    "search_by_product": lambda m, t: {"product_id": ID, "k": 3, "facets": ["brand", "price"]},
    "search_by_look": lambda m, t: {"product_id": ID},
    "search_search_batch": lambda m, t: {
        "body": m.BatchRequest.from_dict({"searches": [{"kind": "text", "text": "a"}]})
    },
    "search_facets": lambda m, t: {"names": ["brand"], "filters": ACME},
    "products_write": lambda m, t: {"body": [m.ListedProduct.from_dict(NEW)]},
    "products_page": lambda m, t: {},
    "products_read": lambda m, t: {"product_id": ID},
    "products_change": lambda m, t: {"product_id": ID, "body": m.ProductChange.from_dict({"price": "70 EUR"})},
    "products_change_several": lambda m, t: {"body": [m.ProductChangeRow.from_dict({"id": ID, "price": 3})]},
    "products_get_several": lambda m, t: {"body": m.Ids(ids=[ID])},
    "products_delete_several": lambda m, t: {"body": m.Ids(ids=["none"])},
    "ingest_status": lambda m, t: {},
    "ingest_runs": lambda m, t: {},
    "ingest_errors": lambda m, t: {"run_id": 7},
    "products_pictures": lambda m, t: {"product_id": ID},
    "products_picture": lambda m, t: {"product_id": ID, "side": 64},
    "products_analysis": lambda m, t: {"product_id": ID},
    "products_retry": lambda m, t: {"product_id": "far"},
    "ingest_take_feed": lambda m, t: {
        "body": m.FeedForm(feed=t.File(io.BytesIO(b"{}"), "feed.jsonl")),
        "idempotency_key": "k",
    },
    "ingest_jobs": lambda m, t: {},
    "ingest_job": lambda m, t: {"job_id": "job-0"},
    "ingest_cancel_job": lambda m, t: {"job_id": "job-0"},
    "ingest_retry_job": lambda m, t: {"job_id": "job-0"},
    "images_read_image": lambda m, t: {"key": "products/p 1/0.png"},
    "images_read_image_head": lambda m, t: {"key": "products/p 1/0.png"},
    "operation_healthz": lambda m, t: {},
    "operation_readyz": lambda m, t: {},
    "export_export_products": lambda m, t: {"state": m.IngestState.INDEXED},
    "export_export_embeddings": lambda m, t: {"supercategory": "full_body"},
    "events_take_events": lambda m, t: {"body": [m.ListedUbiEvent.from_dict(EVENT)]},
    "events_no_match": lambda m, t: {"days": 3},
    "events_clicks": lambda m, t: {"depth": 5},
    "products_remove": lambda m, t: {"product_id": ID},
}


def test_every_route_answers_the_generated_client(package: ModuleType, http: TestClient[Any], shop: Shop) -> None:
    """No call is refused, and each answer is read into the type that the document gives it."""
    document = http.get("/schema/openapi.json").json()
    operations = {
        operation["operationId"]: operation["tags"][0]
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert operations.keys() == CALLS.keys()
    client = package.Client(base_url=str(http.base_url))
    client.set_httpx_client(http)
    models, types = (importlib.import_module(f"{NAME}.{part}") for part in ("models", "types"))
    for name, arguments in CALLS.items():
        module = importlib.import_module(f"{NAME}.api.{operations[name]}.{name}")
        answer = module.sync_detailed(client=client, **arguments(models, types))
        assert answer.status_code < 300, (name, answer.content)
        if answer.status_code == 200 and not name.startswith(("images", "export")):
            assert answer.parsed is not None, name
            assert "Problem" not in type(answer.parsed).__name__, name
    asked = [options["k"] for name, _, options in shop.looks.calls if name in ("search_image", "search_text")]
    assert asked[:3] == [3, 3, 3]
