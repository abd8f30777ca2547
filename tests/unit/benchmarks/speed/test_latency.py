"""What `bench latency` makes of requests: answers, shed ones and failures apart, stages as the server tells them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.speed.load import FAILED, Sample
from benchmarks.speed.photos import street_photos
from benchmarks.speed.results import Result
from benchmarks.speed.run import BenchSettings, Case
from benchmarks.speed.suites import latency as bench_latency
from benchmarks.speed.suites.latency_requests import Prepared, figures_of
from benchmarks.speed.suites.standard import TrainingMissing
from engine.errors import ContractBroken, StoreUnavailable
from engine.vision.images import decode
from models.settings import Settings

CASE = Case("latency", "load-200", {"rows": 10, "garments": 1})
PREPARED = Prepared(Settings(home=Path("unused")), "d1")
STAGES = "queue;dur=10.0, decode;dur=2.0, segment;dur=5.5, total;dur=7.5, serialize;dur=0.5"


def test_answers_shed_and_failures_are_told_apart() -> None:
    """Only answers make the latencies; what was shed with Retry-After is no error, everything else is."""
    samples = [Sample(200, 100.0 + n, stages=STAGES) for n in range(10)]
    samples += [Sample(503, 4.0, told_when=True), Sample(503, 3.0), Sample(504, 5000.0), Sample(FAILED, 30_000.0)]
    result = figures_of(CASE, PREPARED, samples, 2.0, 1.0, (100, 60))
    assert (result.n, result.qps, result.shed, result.errors) == (10, 5.0, 1, 3)
    assert (result.p50_ms, result.max_ms) == (104.5, 109.0)
    assert result.figures["shed_p99_ms"] == 4.0
    assert result.figures["slowest_reply_ms"] == 5000.0
    assert result.figures["cpu_ms_per_answer"] == 100.0
    assert (result.rss_bytes, result.figures["anonymous_bytes"]) == (100, 60)
    assert result.stages_ms == {"queue": 10.0, "decode": 2.0, "segment": 5.5, "serialize": 0.5, "http": 86.5}
    assert result.work is not None
    assert 1 < result.work.gflop < 10


def test_late_answers_are_named() -> None:
    """An answer past the budget of 5 s counts as answered, and the result says so."""
    result = figures_of(CASE, PREPARED, [Sample(200, 5001.0, stages=STAGES), Sample(200, 9.0)], 1.0, 1.0, (1, 1))
    assert result.figures["within_budget_share"] == 0.5
    assert "budget" in result.note


def test_no_answer_at_all_is_no_result() -> None:
    """A broken server must not look like a fast one."""
    with pytest.raises(ContractBroken, match=r"none of 2 requests.*503"):
        figures_of(CASE, PREPARED, [Sample(503, 1.0, told_when=True)] * 2, 1.0, 1.0, (1, 1))


def test_a_failing_case_stops_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The others are measured, then the failure is told; what needs torch is left out where there is none."""
    good, lame, torchless = (Case("latency", name, {"rows": 1}) for name in ("good", "lame", "torchless"))

    def prepare(_: BenchSettings, case: Case) -> Prepared:
        if case is torchless:
            raise TrainingMissing("No torch.")
        return PREPARED

    def measured(_: BenchSettings, case: Case, *__: object) -> Result:
        if case is lame:
            raise StoreUnavailable("The store is away.")
        return Result(suite="latency", case=case.name)

    monkeypatch.setattr(bench_latency, "prepare", prepare)
    monkeypatch.setattr(bench_latency, "_measured", measured)
    said: list[str] = []
    results = bench_latency.run(BenchSettings("latency", "tiny", (lame, torchless, good), tmp_path, say=said.append))
    assert next(iter(results)).case == "good"
    with pytest.raises(StoreUnavailable):
        list(results)
    assert said == ["lame failed: The store is away.", "torchless left out: No torch."]


def test_photos_are_drawn_once_and_look_like_a_cameras(tmp_path: Path) -> None:
    """Of the size asked for, noisy as a sensor's, the same at the second asking."""
    (first,) = islice(street_photos("small", tmp_path, seed=1), 1)
    (again,) = islice(street_photos("small", tmp_path, seed=1), 1)
    assert first == again
    pixels = decode(first)
    assert pixels.shape == (640, 480, 3)
    assert len(first) > 0.1 * 640 * 480
