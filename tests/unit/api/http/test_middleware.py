"""What every answer carries, what is logged and counted, health, the description and the page."""

from __future__ import annotations

import json
import logging
import re
import threading
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.logs import JsonFormatter
from tests.fixtures.shop import ANSWER, Shop

Client = TestClient[Litestar]


def test_request_id(client: Client) -> None:
    """A sound one is kept, an unsound one is replaced, and unrouted paths have one too."""
    assert client.get("/healthz", headers={"X-Request-ID": "order-17.a"}).headers["x-request-id"] == "order-17.a"
    for wrong in ("", "a b", "x" * 129, "<script>"):
        given = client.get("/healthz", headers={"X-Request-ID": wrong}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", given)
    unrouted = client.get("/nothing", headers={"X-Request-ID": "r2"})
    assert (unrouted.headers["x-request-id"], unrouted.json()["request_id"]) == ("r2", "r2")


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/v1/products/nobody", "/v1/images/products/p%201/0.png"])
def test_security_headers(client: Client, path: str) -> None:
    """Every answer, errors and unrouted ones too."""
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_access_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """One JSON line per request: what, how long, how large, and the problem's code."""
    with caplog.at_level(logging.INFO, "thatlook.access"):
        client.get("/v1/products/nobody", headers={"X-Request-ID": "r3"})
    (record,) = [r for r in caplog.records if r.name == "thatlook.access"]
    line = json.loads(JsonFormatter().format(record))
    assert line["duration_ms"] >= 0
    assert line["size_bytes"] > 100
    assert {k: line[k] for k in ("level", "message", "method", "path", "route", "status", "code")} == {
        "level": "info",
        "message": "request",
        "method": "GET",
        "path": "/v1/products/nobody",
        "route": "/v1/products/{product_id}",
        "status": 404,
        "code": "product-not-found",
    }


def test_log_lines_are_one_json_object_each() -> None:
    """Line breaks and odd values in a message cannot forge a second line."""
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "bad\n%s", ({"a": object},), None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"].startswith("bad\n")


def test_metrics(own_client: Client) -> None:
    """Latency by template, stages of searches, errors by code; paths of strangers make no new series."""
    own_client.post("/v1/search/text", json={"text": "x"})
    own_client.get("/v1/products/nobody")
    own_client.get("/wp-login.php")
    text = own_client.get("/metrics").text
    assert 'thatlook_http_request_duration_seconds_count{method="POST",path="/v1/search/text",status="200"} 1.0' in text
    assert 'thatlook_search_stage_duration_seconds_sum{stage="total"} 0.01225' in text
    assert 'thatlook_http_errors_total{code="product-not-found",status="404"} 1.0' in text
    assert 'path="(none)",status="404"} 1.0' in text
    assert "wp-login" not in text
    assert "nobody" not in text
    assert "thatlook_http_requests_in_flight 1.0" in text


def test_each_app_counts_for_itself(client: Client) -> None:
    """Two apps in one process share no series."""
    client.get("/v1/ingest/status")
    with TestClient(Shop().app()) as other:
        assert "/v1/ingest/status" not in other.get("/metrics").text


def test_health_and_readiness(shop: Shop, client: Client) -> None:
    """Alive whatever is missing; ready only with everything, and it says what is not there."""
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "waiting_for": {}}
    shop.missing["store"] = "Milvus does not answer."
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "waiting", "waiting_for": {"store": "Milvus does not answer."}},
    )
    assert client.get("/healthz").status_code == 200


def test_searches_do_without_stored_pictures(shop: Shop, client: Client) -> None:
    """S3 that is away takes no server out of service: it is told beside, as long as all else answers."""
    shop.missing["pictures"] = "S3 does not answer."
    told = {"status": "ready", "waiting_for": {}, "degraded": {"pictures": "S3 does not answer."}}
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, told)
    shop.missing["vectors"] = "A collection is not loaded."
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").json()["waiting_for"] == {"vectors": "A collection is not loaded."}


def test_routing_refusals(client: Client) -> None:
    """Unknown path, wrong method: problems like all others."""
    for response, status, code in (
        (client.get("/v1/nothing"), 404, "no-such-path"),
        (client.get("/v1/search/image"), 405, "method-not-allowed"),
        (client.post("/v1/products/x"), 405, "method-not-allowed"),
        (client.get("/v1/ingest/runs/seven/errors"), 404, "no-such-path"),
    ):
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["content-type"] == "application/problem+json"


def test_description(client: Client) -> None:
    """Every endpoint with its bodies, examples and problems, and nothing from other hosts."""
    document = client.get("/schema/openapi.json").json()
    assert {f"{method} {path}" for path, row in document["paths"].items() for method in row} == {
        "post /v1/search/image",
        "post /v1/ingest",
        "get /v1/ingest/jobs",
        "get /v1/ingest/jobs/{job_id}",
        "delete /v1/ingest/jobs/{job_id}",
        "post /v1/ingest/jobs/{job_id}/retry",
        "post /v1/search/hybrid",
        "post /v1/search/text",
        "post /v1/search/batch",
        "get /v1/facets",
        "get /v1/products/{product_id}/similar",
        "get /v1/products/{product_id}/look",
        "get /v1/products/{product_id}/pictures",
        "get /v1/products/{product_id}/picture",
        "get /v1/products/{product_id}/analysis",
        "post /v1/products/{product_id}/retry",
        "put /v1/products",
        "get /v1/products",
        "get /v1/products/{product_id}",
        "delete /v1/products/{product_id}",
        "patch /v1/products/{product_id}",
        "patch /v1/products",
        "post /v1/products/get",
        "post /v1/products/delete",
        "get /v1/ingest/status",
        "get /v1/ingest/runs",
        "get /v1/ingest/runs/{run_id}/errors",
        "get /v1/images/{key}",
        "head /v1/images/{key}",
        "get /v1/export/products",
        "get /v1/export/embeddings",
        "post /v1/events",
        "get /v1/events/clicks",
        "get /v1/events/no-match",
        "get /healthz",
        "get /readyz",
    }
    image = document["paths"]["/v1/search/image"]["post"]
    kinds = {"multipart/form-data", "application/json", "application/octet-stream", "image/*"}
    assert set(image["requestBody"]["content"]) == kinds
    refusals = {"400", "401", "403", "404", "405", "408", "413", "414", "415", "421", "422", "429", "500", "503", "504"}
    assert set(image["responses"]) == {"200", *refusals}
    assert set(image["responses"]["422"]["content"]) == {"application/problem+json"}
    example = image["responses"]["200"]["content"]["application/json"]["examples"]["example"]["value"]
    assert example["garments"][0]["class"] == "foot_wear"
    names = [row["name"] for row in document["paths"]["/v1/products/{product_id}/similar"]["get"]["parameters"]]
    assert {"product_id", "k", "filters", "text", "not_text"} <= set(names)
    assert "$defs" not in json.dumps(document)
    assert client.get("/schema").json() == document
    assert "openapi: 3.1.0" in client.get("/schema/openapi.yaml").text


def test_examples_of_the_description_are_accepted(shop: Shop, client: Client) -> None:
    """The requests that the description shows work as shown."""
    shop.objects.pictures["products/dress-17/0.jpg"] = b"\xff\xd8\xffjpeg"
    paths = client.get("/schema").json()["paths"]
    for path, method in (
        ("/v1/search/image", "post"),
        ("/v1/search/hybrid", "post"),
        ("/v1/search/text", "post"),
        ("/v1/products", "put"),
    ):
        content = paths[path][method]["requestBody"]["content"]["application/json"]
        response = client.request(method.upper(), path, json=content["examples"]["example"]["value"])
        assert response.status_code in (200, 202), response.text


def test_the_page_is_of_this_host_alone(client: Client) -> None:
    """The document names its own modules, its policy allows no script but theirs, and nothing stands in line."""
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", response.text)
    assert " style=" not in response.text
    assert not re.search(r"\son\w+=", response.text)
    assert not re.search(r"<script[^>]*>[^<]", response.text)


def test_modules_of_the_page_are_kept_for_good(client: Client) -> None:
    """Under the digest of what they hold; an older page's address brings today's module, to be kept by nobody."""
    addresses = re.findall(r'(?:src|href)="(/page/[^"]+)"', client.get("/").text)
    assert len(addresses) > 10
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200, address
        assert "immutable" in response.headers["cache-control"]
        kind = "text/css" if address.endswith(".css") else "text/javascript"
        assert response.headers["content-type"].startswith(kind)
    assert client.get("/page/0123456789ab/app.js").headers["cache-control"] == "no-cache"
    assert client.get("/page/0123456789ab/nothing.js").status_code == 404
    assert client.get("/page/0123456789ab/..%2Fapp.py").status_code == 404
    assert client.get("/page/0123456789ab/index.html").status_code == 404


def test_services_are_opened_and_closed_with_the_app(shop: Shop) -> None:
    """Threads of the app end with it."""
    before = set(threading.enumerate())
    with TestClient(shop.app()) as client:
        client.post("/v1/search/text", json={"text": "x"})
        assert [t.name for t in set(threading.enumerate()) - before if t.name.startswith("search")]
    assert not [t.name for t in set(threading.enumerate()) - before if t.name.startswith(("search", "lookup"))]


def test_garments_with_nothing_alike_are_counted(shop: Shop, own_client: Client) -> None:
    """Their share of the garments that were answered for tells what the catalogue lacks."""
    alike, unlike = ANSWER.garments[0], replace(ANSWER.garments[0], no_match=True)
    shop.looks.acts = lambda: replace(ANSWER, garments=(alike, unlike, unlike))
    own_client.post("/v1/search/text", json={"text": "x"})
    text = own_client.get("/metrics").text
    assert "thatlook_search_garments_asked_total 3.0" in text
    assert "thatlook_search_garments_without_match_total 2.0" in text


def test_the_objectives_are_edges_of_the_histograms(client: Client) -> None:
    """One second and five: shares within them are read off exactly, of requests and of stages."""
    client.post("/v1/search/text", json={"text": "x"})
    text = client.get("/metrics").text
    for edge in ("1.0", "5.0"):
        request = f'thatlook_http_request_duration_seconds_bucket{{le="{edge}",method="POST",path="/v1/search/text"'
        assert request in text
        assert f'thatlook_search_stage_duration_seconds_bucket{{le="{edge}",stage="total"}}' in text
