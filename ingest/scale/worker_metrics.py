"""What a worker tells Prometheus."""

from __future__ import annotations

from collections import Counter as Amounts
from collections.abc import Iterable, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from engine.errors import ThatLookError
from engine.ledger.work import SharedWork
from ingest.run.stages import Outcome
from ingest.scale.drift import Kind

STALE_S = 30.0


class WorkerMetrics:
    """Counts of one worker process; `products` is how many it settled."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.products = 0
        ProcessCollector(registry=self.registry)
        self._settled = Counter(
            "thatlook_worker_products", "Products that this worker settled.", ["state"], registry=self.registry
        )
        self._drift = Counter(
            "thatlook_drift", "What the sweep found and put right, by kind.", ["kind"], registry=self.registry
        )
        self._paused = Gauge(
            "thatlook_worker_paused", "1 while the worker waits for Milvus or S3.", registry=self.registry
        )

    def settled(self, outcome: Outcome) -> None:
        """Count a product."""
        self.products += 1
        self._settled.labels(outcome.state.value).inc()

    def drift(self, found: Amounts[Kind]) -> None:
        """Count what the sweep put right."""
        for kind, n in found.items():
            self._drift.labels(kind).inc(n)

    def paused(self, is_paused: bool) -> None:
        """Whether nothing goes on at present."""
        self._paused.set(is_paused)

    def opened(self, work: SharedWork | None, version: str, fingerprints: Mapping[str, str]) -> None:
        """Tell of the queue's depth, of the build and of its models."""
        if work is not None:
            self.registry.register(_Depth(work))
        build = Gauge("thatlook_build_info", "The version that works.", ["version"], registry=self.registry)
        build.labels(version).set(1)
        words = "The models that look at pictures."
        models = Gauge("thatlook_model_info", words, ["model", "fingerprint"], registry=self.registry)
        for name, fingerprint in fingerprints.items():
            models.labels(name, fingerprint).set(1)


class _Depth(Collector):
    """Asks the queue when Prometheus asks; says nothing while it is away."""

    def __init__(self, work: SharedWork) -> None:
        self._work = work

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: else the queue would be asked when the metric is registered."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Jobs by lane and state, and how long the oldest waits."""
        jobs = GaugeMetricFamily("thatlook_queue_jobs", "Jobs in the queue.", labels=["lane", "state"])
        oldest = GaugeMetricFamily("thatlook_queue_oldest_seconds", "How long the oldest job waits.", labels=["lane"])
        with suppress(ThatLookError):
            for lane in self._work.lanes(STALE_S):
                for state in ("queued", "picked", "stale", "dead"):
                    jobs.add_metric([lane.lane, state], getattr(lane, state))
                oldest.add_metric([lane.lane], float(lane.oldest_s))
        return [jobs, oldest]
