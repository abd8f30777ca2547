"""A Python client that openapi-generator writes from the document: compiled, and every route asked with it.

Needs Java and the package `openapi-generator-cli`, which brings the generator's jar.
"""

from __future__ import annotations

import compileall
import importlib
import inspect
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from engine.feedback.recorder import Recorder
from engine.ledger.events import SqlEvents
from engine.products.stored import picture_prefix
from engine.stores.exact import ExactStore
from engine.vision.images import encode_jpeg
from tests.fixtures.s3 import free_port
from tests.fixtures.shop import ENTRY, PNG, PRODUCT, FakeFeeds, FakeLedger, Shop

pytestmark = pytest.mark.integration
NAME = "generated_by_openapi_generator"
ID = PRODUCT.product_id
NEW = {"id": "n", "title": "N", "link": "https://shop.example/n", "image_link": "https://shop.example/n.jpg"}
EVENT = {"action_name": "click", "query_id": "q", "timestamp": "2026-11-30T12:00:00Z"}
FORM = {"_content_type": "multipart/form-data"}
"""Of several kinds of body the generator takes JSON unless it is told otherwise."""
Arguments = Callable[[Any], dict[str, Any]]


def jar() -> Path:
    spec = find_spec("openapi_generator_cli")
    if spec is None or spec.origin is None or shutil.which("java") is None:
        pytest.skip("Java or openapi-generator-cli is not installed")
    return Path(spec.origin).parent / "openapi-generator.jar"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API of fakes on a port of its own."""
    folder, store = tmp_path_factory.mktemp("fakes"), ExactStore()
    far = replace(PRODUCT, product_id="far", images=("https://shop.example/far.jpg",))
    recorder = Recorder(SqlEvents(f"sqlite:///{folder}/events.sqlite"), 30, 1_000)
    ledger = FakeLedger({ID: ENTRY, "far": replace(ENTRY, product=far)})
    shop = Shop(feedback=recorder, ledger=ledger, feeds=FakeFeeds(folder), embeddings=lambda kind, space: (store, 4))
    picture = encode_jpeg(np.full((48, 40, 3), 120, np.uint8), max_side=64)
    shop.objects.pictures[picture_prefix(ID) + "0123.jpg"] = picture
    app = shop.app()

    async def aside(scope: Any, receive: Any, send: Any) -> None:
        await app(dict(scope), receive, send)  # uvicorn logs its own copy of the path, which ours is not fit for.

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(aside, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    recorder.close()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[ModuleType]:
    """The generated package, imported."""
    program, folder = jar(), tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(httpx.get(f"{address}/schema/openapi.json").content)
    command = ["java", "-Xmx512m", "-jar", program, "generate", "-g", "python", "-i", "openapi.json", "-o", "out"]
    command += [
        "--package-name",
        NAME,
        "--global-property",
        "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false",
    ]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=240)
    assert compileall.compile_dir(folder / "out" / NAME, quiet=1)
    sys.path.insert(0, str(folder / "out"))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder / "out"))
        for name in [each for each in sys.modules if each.split(".")[0] == NAME]:
            del sys.modules[name]


CALLS: dict[str, Arguments] = {
    "events_clicks": lambda m: {},
    "events_no_match": lambda m: {"days": 3},
    "events_take_events": lambda m: {"events_take_events_request": m.EventsTakeEventsRequest.from_dict(EVENT)},
    "export_export_embeddings": lambda m: {"supercategory": "full_body"},
    "export_export_products": lambda m: {"format": "csv"},
    "images_read_image": lambda m: {"key": "products/p 1/0.png"},
    "images_read_image_head": lambda m: {"key": "products/p 1/0.png"},
    "ingest_take_feed": lambda m: {"feed": ("feed.jsonl", b"{}"), **FORM},
    "ingest_jobs": lambda m: {},
    "ingest_job": lambda m: {"job_id": "job-0"},
    "ingest_cancel_job": lambda m: {"job_id": "job-0"},
    "ingest_retry_job": lambda m: {"job_id": "job-0"},
    "ingest_errors": lambda m: {"run_id": 7},
    "ingest_runs": lambda m: {},
    "ingest_status": lambda m: {},
    "operation_healthz": lambda m: {},
    "operation_readyz": lambda m: {},
    "products_change": lambda m: {"product_id": ID, "product_change": m.ProductChange.from_dict({"price": "70 EUR"})},
    "products_change_several": lambda m: {"product_change_row": [m.ProductChangeRow.from_dict({"id": ID, "price": 3})]},
    "products_delete_several": lambda m: {"ids": m.Ids(ids=["none"])},
    "products_get_several": lambda m: {"ids": m.Ids(ids=[ID])},
    "products_page": lambda m: {"limit": 3},
    "products_pictures": lambda m: {"product_id": ID},
    "products_read": lambda m: {"product_id": ID},
    "products_picture": lambda m: {"product_id": ID, "side": 64},
    "products_analysis": lambda m: {"product_id": ID},
    "products_retry": lambda m: {"product_id": "far"},
    "products_write": lambda m: {"products_write_request": m.ProductsWriteRequest.from_dict(NEW)},
    "search_by_image": lambda m: {"image": ("a.png", PNG), "k": 3, **FORM},
    "search_by_image_and_text": lambda m: {"image": ("a.png", PNG), "text": ["red"], **FORM},
    "search_by_look": lambda m: {"product_id": ID},
    "search_by_product": lambda m: {"product_id": ID, "facets": ["brand"]},
    "search_by_text": lambda m: {"text_search": m.TextSearch.from_dict({"text": "red", "k": 3})},
    "search_facets": lambda m: {"names": ["brand"]},
    "search_search_batch": lambda m: {
        "batch_request": m.BatchRequest.from_dict({"searches": [{"kind": "text", "text": "a"}]})
    },
    "products_remove": lambda m: {"product_id": ID},
}


def test_every_route_answers_the_generated_client(package: ModuleType, address: str) -> None:
    """No call is refused, and each answer is read into the type that the document gives it."""
    client = package.ApiClient(package.Configuration(host=address))
    methods = {
        name: method
        for api in (getattr(package, each)(client) for each in dir(package) if each.endswith("Api"))
        for name, method in inspect.getmembers(api, inspect.ismethod)
        if not name.startswith("_") and name.endswith("_with_http_info")
    }
    assert {name.removesuffix("_with_http_info") for name in methods} - CALLS.keys() <= {"operation_backup"}
    for name, arguments in CALLS.items():
        answer = methods[f"{name}_with_http_info"](**arguments(package))
        assert answer.status_code < 300, name
        if answer.status_code == 200 and not name.startswith(("images", "export")):
            assert answer.data is not None, name


def test_typescript_is_written_and_compiles(tmp_path: Path, address: str) -> None:
    """With tsc's strict rules, where it is installed; writing it must not fail in any case."""
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{address}/schema/openapi.json").content)
    command = [
        "java",
        "-Xmx512m",
        "-jar",
        jar(),
        "generate",
        "-g",
        "typescript-fetch",
        "-i",
        "openapi.json",
        "-o",
        "out",
    ]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=240)
    if (compiler := shutil.which("tsc")) is None:
        pytest.skip("tsc is not installed; the client was written and not compiled")
    strict = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    done = subprocess.run(
        [compiler, *strict, "--lib", "es2022,dom", "index.ts"],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
