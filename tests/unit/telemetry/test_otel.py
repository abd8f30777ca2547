"""Traces: a span per request, stage and job, within the caller's trace; nothing at all where they are off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from litestar.testing import TestClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from engine.domain import Answer
from engine.errors import StoreUnavailable
from engine.ledger.sql import SqlLedger
from engine.objects.s3 import connect
from engine.objects.s3_settings import S3Settings
from engine.retrieval.concurrent import Together
from engine.system import tracing
from engine.system.clock import Stopwatch
from engine.telemetry.otel import exporting
from tests.fixtures.shop import ANSWER, Shop

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with exporting("thatlook", exporter):
        yield exporter


def spans_of(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def stages_of_a_search() -> Answer:
    watch = Stopwatch()
    for stage in ("segment", "embed", "rank"):
        with watch.stage(stage):
            pass
    return ANSWER


def test_a_search_is_a_span_with_its_stages_within_the_callers_trace(exporter: InMemorySpanExporter) -> None:
    """`traceparent` is obeyed; stages lie within the request's span; what was found is told, no word of the query."""
    shop = Shop()
    shop.looks.acts = stages_of_a_search
    with TestClient(shop.app()) as client:
        answer = client.post("/v1/search/text", json={"text": "a secret wish"}, headers=TRACEPARENT)
    spans = spans_of(exporter)
    request = spans["POST /v1/search/text"]
    assert request.kind is SpanKind.SERVER
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT
    for stage in ("segment", "embed", "rank"):
        parent = spans[stage].parent
        assert parent is not None
        assert parent.span_id == request.context.span_id
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST", "http.route": "/v1/search/text", "http.response.status_code": 200,
        "thatlook.request_id": answer.headers["x-request-id"], "thatlook.garments": 1, "thatlook.hits": 1,
    }  # fmt: skip
    assert "secret wish" not in str([span.to_json() for span in spans.values()])


def test_only_our_failures_are_errors(exporter: InMemorySpanExporter) -> None:
    """A 404 is the caller's affair, a 503 ours; an exception is told by its kind, without its words."""
    shop = Shop()

    def fails() -> Answer:
        with Stopwatch().stage("candidates"):
            raise StoreUnavailable("milvus at 10.0.0.7 does not answer")

    shop.looks.acts = fails
    with TestClient(shop.app()) as client:
        client.get("/v1/products/nobody")
        client.post("/v1/search/text", json={"text": "x"})
    spans = spans_of(exporter)
    missing, failed = spans["GET /v1/products/{product_id}"], spans["POST /v1/search/text"]
    assert (missing.status.status_code, failed.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert (missing.attributes or {})["error.type"] == "product-not-found"
    assert (spans["candidates"].attributes or {})["error.type"] == "StoreUnavailable"
    assert "10.0.0.7" not in str([span.to_json() for span in spans.values()])


def test_health_checks_are_no_spans(exporter: InMemorySpanExporter) -> None:
    """They come every few seconds."""
    with TestClient(Shop().app()) as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            client.get(path)
    assert exporter.get_finished_spans() == ()


def test_a_request_without_a_trace_begins_one_that_the_log_names(
    exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """So that a line of the log leads to its trace."""
    with caplog.at_level("INFO", "thatlook.access"), TestClient(Shop().app()) as client:
        client.get("/v1/products/nobody")
    (span,) = exporter.get_finished_spans()
    (line,) = [record.fields for record in caplog.records if record.name == "thatlook.access"]  # type: ignore[attr-defined]
    assert line["trace_id"] == f"{span.context.trace_id:032x}"


def test_stages_on_other_threads_stay_in_the_trace(exporter: InMemorySpanExporter) -> None:
    """Garments are searched side by side."""

    def part() -> None:
        with Stopwatch().stage("rescore"):
            pass

    threads = Together(2, "search")
    with tracing.span("outer"):
        threads.run([part, part, part])
    threads.close()
    outer = spans_of(exporter)["outer"]
    parents = {span.parent.span_id for span in exporter.get_finished_spans() if span.name == "rescore" and span.parent}
    assert parents == {outer.context.span_id}
    assert len(exporter.get_finished_spans()) == 4


def test_calls_of_milvus_carry_the_trace(exporter: InMemorySpanExporter) -> None:
    """pymilvus speaks gRPC: what it sends has the trace in its metadata."""
    seen: list[dict[str, str]] = []

    class Echo(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            seen.append({str(k): str(v) for k, v in details.invocation_metadata})
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request)

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with tracing.span("candidates"), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert channel.unary_unary("/milvus.proto.milvus.MilvusService/Search")(b"query", timeout=10) == b"query"
    finally:
        server.stop(0).wait()
    outer = spans_of(exporter)["candidates"]
    assert f"{outer.context.trace_id:032x}" in seen[0]["traceparent"]
    assert any("MilvusService/Search" in span.name for span in exporter.get_finished_spans())


def test_calls_of_s3_carry_the_trace(exporter: InMemorySpanExporter) -> None:
    """Signed as ever: the header that is added is none of those signed."""
    seen: list[str | None] = []

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.headers["traceparent"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        s3 = connect(S3Settings(f"http://127.0.0.1:{server.server_port}", "key", "secret"))
        with tracing.span("pictures"):
            assert s3.bucket_exists("thatlook")
    finally:
        server.shutdown()
        server.server_close()
    assert f"{spans_of(exporter)['pictures'].context.trace_id:032x}" in str(seen[0])


def test_statements_of_the_ledger_are_spans(exporter: InMemorySpanExporter, tmp_path: Path) -> None:
    """By their text, in which values are marked and not written."""
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    try:
        exporter.clear()
        with tracing.span("look up"):
            ledger.get(["secret-product"])
    finally:
        ledger.close()
    spans = exporter.get_finished_spans()
    outer = next(span for span in spans if span.name == "look up")
    inner = [span for span in spans if span.parent and span.parent.span_id == outer.context.span_id]
    assert any("SELECT" in span.name for span in inner)
    assert "secret-product" not in str([span.to_json() for span in spans])


@pytest.mark.integration
def test_off_there_is_nothing(tmp_path: Path) -> None:
    """The same object for every span, and no library of traces is imported by the server."""
    assert tracing.current() is None
    assert tracing.span("one") is tracing.span("two", {"a": 1})
    program = (
        "import sys, api.serving, ingest.commands, models.bootstrap\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
