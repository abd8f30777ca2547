"""Prometheus metrics of one app, in a registry of its own; of several processes behind one socket, all together.

Where processes share a folder (prometheus_client's multiprocess mode), whichever answers sums up the counters and
histograms of all of them, the dead included. What can only be read, such as the depth of a queue, is sampled after each
request and before each scrape.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from api.workers import Workers
from engine.vision.photo_analysis import ResultCache

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 3.5, 5.0, 10.0)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_GARMENTS = (0, 1, 2, 3, 4, 6, 10)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def known_method(method: str) -> str:
    """A method, or `other`: callers can invent as many as they like, and each would be a series of its own."""
    return method if method in _METHODS else "other"


class Metrics:
    """What an operator watches: latency by path, stages of a search, requests under way and waiting, errors by code.

    Searches that were shed are errors of the code `busy`, those that came too late `deadline-exceeded`.
    """

    content_type = CONTENT_TYPE_LATEST.partition("; charset")[0]

    def __init__(self, folder: Path | None = None) -> None:
        """Make the series.

        Args:
            folder: where the processes of one server keep theirs together; None where there is one process.
        """
        self.registry = CollectorRegistry()
        self._folder = folder
        self._read = CollectorRegistry()
        self._read.register(_Processes(folder))
        self._sampled: list[tuple[Gauge, Callable[[], float]]] = []
        self._results: ResultCache | None = None
        self._photos_counted = {"yes": 0, "no": 0}
        self.latency = Histogram(
            "thatlook_http_request_duration_seconds",
            "Time to answer, by path template, method and status.",
            ("path", "method", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = self._gauge("thatlook_http_requests_in_flight", "Requests that are being answered.", "livesum")
        self.stages = Histogram(
            "thatlook_search_stage_duration_seconds",
            "Time of a search by stage.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=self.registry,
        )
        self.garments = Histogram(
            "thatlook_search_garments", "Garments of an answer.", buckets=_GARMENTS, registry=self.registry
        )
        self.searches = Counter(
            "thatlook_searches", "Searches that were answered, by what they found: hits, no_hits or no_garment.",
            ("outcome",), registry=self.registry,
        )  # fmt: skip
        words = "Garments (or queries in words) that were answered for."
        self.asked = Counter("thatlook_search_garments_asked", words, registry=self.registry)
        words = "Those of them of which the catalogue has nothing much alike (`no_match`)."
        self.unlike = Counter("thatlook_search_garments_without_match", words, registry=self.registry)
        self.errors = Counter(
            "thatlook_http_errors", "Problem answers, by code and status.", ("code", "status"), registry=self.registry
        )
        self.photos = Counter(
            "thatlook_photos", "Photos asked about, by whether they had been seen before.", ("known",),
            registry=self.registry,
        )  # fmt: skip

    def watch_uploads(self, held_bytes: Callable[[], int]) -> None:
        """Tell of what bodies hold."""
        self._sample("thatlook_http_upload_bytes", "What the bodies of requests under way hold.", held_bytes)

    def watch(self, searches: Workers, result_cache: ResultCache | None) -> None:
        """Tell of these searches' queue, and of photos known again."""
        self._sample("thatlook_search_queue_depth", "Searches that wait for a thread.", lambda: searches.waiting)
        self._sample("thatlook_search_running", "Searches under way.", lambda: searches.running)
        words = "What a search took lately; admission reckons with it."
        self._sample("thatlook_search_expected_duration_seconds", words, searches.mean_s, "livemax")
        self._results = result_cache

    def read(self, collector: Collector) -> None:
        """Tell of what is the same whichever process reads it: the catalogue, the jobs, the build."""
        self._read.register(collector)

    def observe_stages(self, timing_ms: Mapping[str, float]) -> None:
        """Count one search's stages."""
        for stage, ms in timing_ms.items():
            self.stages.labels(stage).observe(ms / 1000)

    def observe_answer(self, garments: int, hits: int, unlike: int = 0) -> None:
        """Count one answer's garments, those of them with nothing alike, and whether anything was found."""
        self.asked.inc(garments)
        self.unlike.inc(unlike)
        self.garments.observe(garments)
        self.searches.labels("hits" if hits else "no_hits").inc()

    def observe_request(self, path: str, method: str, status: int, seconds: float, code: str | None) -> None:
        """Count one request; `code` is its problem's, if it ended in one."""
        self.latency.labels(path, method, str(status)).observe(seconds)
        if code:
            self.errors.labels(code, str(status)).inc()
        if code == "no-garment-found":
            self.garments.observe(0)
            self.searches.labels("no_garment").inc()
        if self._folder is not None:
            self.sample()

    def sample(self) -> None:
        """Read what can only be read; on the event loop."""
        for gauge, value in self._sampled:
            gauge.set(value())
        if self._results is not None:
            for known, count in (("yes", self._results.hits), ("no", self._results.misses)):
                self.photos.labels(known).inc(count - self._photos_counted[known])
                self._photos_counted[known] = count

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes; asks the ledger, so not on the event loop. `sample` goes before."""
        registry = self.registry
        if self._folder is not None:
            _bury(self._folder)
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._read)

    def _gauge(self, name: str, words: str, mode: Literal["livesum", "livemax"]) -> Gauge:
        return Gauge(name, words, registry=self.registry, multiprocess_mode=mode)

    def _sample(
        self, name: str, words: str, value: Callable[[], float], mode: Literal["livesum", "livemax"] = "livesum"
    ) -> None:
        self._sampled.append((self._gauge(name, words, mode), value))


class _Processes:
    """`process_*` of this process, or of all that share a folder, summed up."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Processor time, memory, files; the start of the oldest."""
        pids = {os.getpid()} if self._folder is None else {pid for pid in _pids(self._folder) if _is_alive(pid)}
        families: dict[str, list[Metric]] = {}
        for pid in sorted(pids):
            for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                families.setdefault(family.name, []).append(family)
        for name, found in families.items():
            first, values = found[0], [sample.value for family in found for sample in family.samples]
            total = min(values) if name == "process_start_time_seconds" else sum(values)
            merged = Metric(name, first.documentation, first.type)
            merged.add_sample(first.samples[0].name, {}, total)
            yield merged


def info(name: str, words: str, labels: Mapping[str, str]) -> GaugeMetricFamily:
    """A series of value 1 that says something by its labels."""
    family = GaugeMetricFamily(name, words, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _pids(folder: Path) -> set[int]:
    names = (path.stem.rpartition("_")[2] for path in folder.glob("*.db"))
    return {int(name) for name in names if name.isdigit()}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _bury(folder: Path) -> None:
    """Forget what dead processes had under way; what they counted stays."""
    for pid in _pids(folder):
        if not _is_alive(pid):
            for path in folder.glob(f"gauge_live*_{pid}.db"):
                path.unlink(missing_ok=True)
