"""Metrics that are read when they are scraped: the catalogue, what was refused, feed jobs, build and models."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric

from api.http.metrics import info
from api.services import Services
from engine.errors import ThatLookError
from engine.jobs import FeedJobs, FeedsNotTaken, JobState
from engine.seams import CUT_OFF, Ledger
from engine.system.redaction import redacted

KEPT_S = 10.0
"""The ledger counts all products, so it is not asked more often than this."""
REASONS = 20
"""Reasons told, of the most frequent: each is a series."""


class CatalogueMetrics:
    """Asks ledger and feed jobs; where they do not answer, their series are absent and `thatlook_ledger_up` is 0."""

    def __init__(self, services: Services, version: str) -> None:
        self._services = services
        self._version = version
        self._lock = Lock()
        self._read_at, self._families = -KEPT_S, list[Metric]()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_S:
                self._families, self._read_at = list(self._collect()), time.monotonic()
            yield from self._families

    def _collect(self) -> Iterator[Metric]:
        labels = {"version": self._version, "python": platform.python_version()}
        yield info("thatlook_build_info", "The program that answers.", labels)
        models = GaugeMetricFamily("thatlook_model_info", "The models that look.", labels=("model", "fingerprint"))
        for name, fingerprint in self._services.models.items():
            models.add_metric((name, fingerprint[:12]), 1)
        yield models
        try:
            families = list(_of_ledger(self._services.ledger))
        except ThatLookError:
            families = []
        yield GaugeMetricFamily("thatlook_ledger_up", "Whether the ledger answers.", value=bool(families))
        yield from families
        if self._services.feeds is not None:
            with suppress(FeedsNotTaken):
                yield from _of_feeds(self._services.feeds)


def _of_ledger(ledger: Ledger) -> Iterator[Metric]:
    counts = {state.value: n for state, n in ledger.counts().items()}
    yield _by("thatlook_products", "Products, by where they stand.", "state", counts)
    rows = GaugeMetricFamily(
        "thatlook_index_rows", "Indexed garments that products name.", value=ledger.rows_named()[1]
    )
    yield rows
    yield _waiting(ledger)
    refused = _most(ledger.refusal_counts())
    yield _by("thatlook_pictures_refused", "Pictures that are not indexed, by reason.", "reason", refused)
    failed = _most(ledger.failure_counts())
    yield _by("thatlook_products_failed", "Products that failed, by reason.", "reason", failed)
    whole = [run for run in ledger.runs(20) if run.finished and not run.counts.get(CUT_OFF)]
    if whole and whole[0].finished:
        words = "When a feed was last taken to its end."
        yield GaugeMetricFamily("thatlook_last_feed_timestamp_seconds", words, value=whole[0].finished.timestamp())


def _waiting(ledger: Ledger) -> Metric:
    since, now = ledger.waiting_since(), time.time()
    oldest, newest = (max(0.0, now - moment.timestamp()) for moment in since) if since else (0.0, 0.0)
    words = "How long the oldest and the newest change waits that searches do not know yet; 0 where none waits."
    return _by("thatlook_index_waiting_seconds", words, "change", {"oldest": oldest, "newest": newest})


def _of_feeds(feeds: FeedJobs) -> Iterator[Metric]:
    states = Counter(job.state.value for job in feeds.latest(200))
    counts = {state.value: states[state.value] for state in JobState}
    yield _by("thatlook_feed_jobs", "Feed jobs that are remembered, by where they stand.", "state", counts)
    if (watched := feeds.watched()) is None:
        return
    words = "Looks at the watched feed that failed, in a row."
    yield GaugeMetricFamily("thatlook_watched_feed_failures", words, value=watched.failures)
    if watched.last_checked and not watched.failures:
        words = "When the watched feed was last asked for, where that went well."
        yield GaugeMetricFamily(
            "thatlook_watched_feed_checked_timestamp_seconds", words, value=watched.last_checked.timestamp()
        )


def _by(name: str, words: str, label: str, counts: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent, and the others together."""
    told = Counter[str]()
    for reason, count in counts.items():
        told[redacted(reason)] += count
    ordered = told.most_common()
    rest = sum(n for _, n in ordered[REASONS:])
    return dict(ordered[:REASONS]) | ({"other": rest} if rest else {})
