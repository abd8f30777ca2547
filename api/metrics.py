"""Prometheus metrics of one app, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 3.5, 5.0, 10.0)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What an operator watches: latency by path, stages of a search, requests under way, errors by code."""

    content_type = CONTENT_TYPE_LATEST.partition("; charset")[0]

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.latency = Histogram(
            "thatlook_http_request_duration_seconds",
            "Time to answer, by path template, method and status.",
            ("path", "method", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "thatlook_http_requests_in_flight", "Requests that are being answered.", registry=self.registry
        )
        self.stages = Histogram(
            "thatlook_search_stage_duration_seconds",
            "Time of a search by stage.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=self.registry,
        )
        self.errors = Counter(
            "thatlook_http_errors", "Problem answers, by code and status.", ("code", "status"), registry=self.registry
        )

    def observe_stages(self, timing_ms: Mapping[str, float]) -> None:
        """Count one search's stages."""
        for stage, ms in timing_ms.items():
            self.stages.labels(stage).observe(ms / 1000)

    def observe_request(self, path: str, method: str, status: int, seconds: float, code: str | None) -> None:
        """Count one request; `code` is its problem's, if it ended in one."""
        self.latency.labels(path, method, str(status)).observe(seconds)
        if code:
            self.errors.labels(code, str(status)).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
