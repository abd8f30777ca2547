"""Prometheus metrics of one app, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.workers import Workers
from engine.photo_analysis import ResultCache

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 3.5, 5.0, 10.0)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def known_method(method: str) -> str:
    """A method, or `other`: callers can invent as many as they like, and each would be a series of its own."""
    return method if method in _METHODS else "other"


class Metrics:
    """What an operator watches: latency by path, stages of a search, requests under way and waiting, errors by code.

    Searches that were shed are errors of the code `busy`, those that came too late `deadline-exceeded`.
    """

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

    def watch_uploads(self, held_bytes: Callable[[], int]) -> None:
        """Tell of what bodies hold, whenever somebody looks."""
        words = "What the bodies of requests under way hold."
        Gauge("thatlook_http_upload_bytes", words, registry=self.registry).set_function(held_bytes)

    def watch(self, searches: Workers, result_cache: ResultCache | None) -> None:
        """Tell of these searches' queue, and of photos known again, whenever somebody looks."""
        for name, words, value in (
            ("queue_depth", "Searches that wait for a thread.", lambda: searches.waiting),
            ("running", "Searches under way.", lambda: searches.running),
            ("expected_duration_seconds", "What a search took lately; admission reckons with it.", searches.mean_s),
        ):
            Gauge(f"thatlook_search_{name}", words, registry=self.registry).set_function(value)
        if result_cache:
            self.registry.register(_CachedResults(result_cache))

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


class _CachedResults:
    """Reads a memory's counts when they are scraped."""

    def __init__(self, result_cache: ResultCache) -> None:
        self._result_cache = result_cache

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Photos by whether they were known."""
        family = CounterMetricFamily(
            "thatlook_photos", "Photos asked about, by whether they had been seen before.", labels=("known",)
        )
        family.add_metric(("yes",), self._result_cache.hits)
        family.add_metric(("no",), self._result_cache.misses)
        yield family
