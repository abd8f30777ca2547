"""What is built before a run of every suite: each home and each index once, and failures left to the suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.speed import prepare as bench_prepare
from benchmarks.speed.prepare import build_all
from benchmarks.speed.run import BenchSettings, Case
from engine.errors import ModelUnavailable


def settings(suite: str, *cases: dict[str, object]) -> BenchSettings:
    told = tuple(Case(suite, str(number), case) for number, case in enumerate(cases))
    return BenchSettings(suite=suite, size="tiny", cases=told, work=Path("nowhere"))


def test_every_home_is_built_once() -> None:
    small, large = {"profile": "starter", "rows": 10}, {"profile": "starter", "rows": 20}
    jobs = bench_prepare._latency_jobs(settings("latency", small, small, large, {"profile": "standard", "rows": 10}))
    homes = [job.settings.cases for job in jobs if job.build is bench_prepare._home]
    assert [[case.name for case in cases] for cases in homes] == [["0"], ["2"], ["3"]]


def test_builders_compute_on_one_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """And this process goes on as it was."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with bench_prepare._own_core():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("1", "1")
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("OPENBLAS_NUM_THREADS")) == ("7", None)


def test_one_suite_alone_or_one_core_builds_nothing_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing can be built beside anything; each suite builds for itself."""

    def never(_: BenchSettings) -> None:
        raise AssertionError

    monkeypatch.setattr(bench_prepare, "_sample", never)
    latency, recall = settings("latency", {"rows": 1}), settings("recall", {"rows": 1, "index": "embedded"})
    build_all([recall], workers=2)
    build_all([latency, recall], workers=1)
    build_all([settings("latency"), settings("recall"), settings("ingest", {"products": 1})], workers=2)


def test_a_builder_that_fails_says_so_and_lets_the_run_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: BenchSettings) -> None:
        raise ModelUnavailable("There is no such profile.")

    bench_prepare._build(bench_prepare.Job(fails, settings("latency", {"rows": 1})))
    assert capsys.readouterr().err == "latency: There is no such profile.\n"
