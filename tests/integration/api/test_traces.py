"""A real server tells a real exporter's collector of a search: one trace, models and store included."""

from __future__ import annotations

import gzip
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from models.studio.output.feed import write_catalogue
from tests.fixtures.program import PROGRAM, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile

pytestmark = pytest.mark.integration
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collected() -> Iterator[tuple[str, list[Any]]]:
    """The address of a collector, and the spans that it was sent."""
    spans: list[Any] = []

    class Collects(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            spans.extend(span for each in sent.resource_spans for scope in each.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collects)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


def test_a_search_is_one_trace(
    tmp_path: Path, collected: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's trace goes on through decoding, models, index and ledger; what is left at the end is sent."""
    address, spans = collected
    write_tiny_profile(tmp_path / "models" / "tiny")
    feed = write_catalogue(tmp_path / "shop", 4, seed=4, size=(120, 160))
    subprocess.run([*PROGRAM, "ingest", str(feed)], env=environment(tmp_path), check=True, capture_output=True)
    monkeypatch.setenv("THATLOOK_OTEL", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    server = start(tmp_path, tmp_path / "serve.log")
    picture = next((tmp_path / "shop" / "images").glob("*.jpg")).read_bytes()
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = server.client.post("/v1/search/image", files={"image": ("a.jpg", picture)}, headers=headers)
    assert answer.status_code == 200
    assert stop(server) == 0, os.linesep + server.log.read_text()
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    names = {span.name for span in ours}
    assert {"POST /v1/search/image", "decode", "segment", "embed", "rank"} <= names
    assert any(name.startswith("SELECT") for name in names)
