"""`thatlook bench` as a program: suites run, lines written, regressions told by the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Done

from benchmarks.speed import commands as bench_commands
from benchmarks.speed import run as bench_run
from benchmarks.speed.results import Machine, Result, read_lines, timings
from benchmarks.speed.run import BenchSettings
from engine.errors import QueryRejected, StoreUnavailable


def worked_ms() -> float:
    """What the stand-in suite measures."""
    return 30.0


def suite(settings: BenchSettings) -> Iterable[Result]:
    samples = [worked_ms() + n / 10 for n in range(5)]
    yield Result(suite=settings.suite, case="embedded-1m", ann_recall=1.0, dataset="d", **timings(samples))  # type: ignore[arg-type]


def broken(settings: BenchSettings) -> Iterable[Result]:
    raise StoreUnavailable("The store is away.")
    yield  # type: ignore[unreachable]


@pytest.fixture
def suites(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `subject` finds by suite; the machine stands still: its peaks and its reference are given."""
    found: dict[str, Any] = dict.fromkeys(bench_run.SUITES, suite)
    monkeypatch.setattr(bench_run, "subject", lambda name: SimpleNamespace(run=found[name]))
    described = Machine(cpu="a CPU", cores=1, memory_bytes=1)
    monkeypatch.setattr("benchmarks.speed.machine.describe_machine", lambda peaks: described)
    monkeypatch.setattr(bench_run, "reference_ms", lambda: 10.0)
    monkeypatch.setattr("benchmarks.speed.prepare.build_all", lambda settings, workers: None)
    return found


def bench(work: Path, *arguments: str) -> Done:
    return CliRunner().invoke(bench_commands.bench, [*arguments, "--work", str(work)], obj={})


def test_a_suite_prints_one_document_and_keeps_its_lines(tmp_path: Path, suites: dict[str, Any]) -> None:
    done = bench(tmp_path, "recall", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [result["case"] for result in document["results"]] == ["embedded-1m"]
    assert [verdict["id"] for verdict in document["results"][0]["targets"]] == ["search-1m"]
    (line,) = read_lines(tmp_path / "history.jsonl")
    assert line.run.id == document["run"]["id"]
    assert line.result.reference_ms


def test_tiny_sizes_judge_nothing(tmp_path: Path, suites: dict[str, Any]) -> None:
    document = json.loads(bench(tmp_path, "recall", "--json", "--tiny").stdout)
    assert "targets" not in document["results"][0]


def test_one_failing_suite_does_not_take_the_others_with_it(tmp_path: Path, suites: dict[str, Any]) -> None:
    suites["scale"] = broken
    done = bench(tmp_path, "all", "--json")
    assert done.exit_code == 1
    assert {result["suite"] for result in json.loads(done.stdout)["results"]} == {
        "latency", "recall", "ingest", "compare",
    }  # fmt: skip


def test_a_slowed_build_makes_compare_fail(
    tmp_path: Path, suites: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured, measured again, slowed, measured: the second is no regression of the first, the third is one."""
    for _ in range(2):
        assert bench(tmp_path, "recall").exit_code == 0
    base = read_lines(tmp_path / "history.jsonl")[0].run.id
    same = bench(tmp_path, "compare", base, "--noise", "4", "--json")
    assert (same.exit_code, json.loads(same.stdout)["regressed"]) == (0, False), same.output
    monkeypatch.setitem(globals(), "worked_ms", lambda: 400.0)
    assert bench(tmp_path, "recall").exit_code == 0
    slowed = bench(tmp_path, "compare", base, "--noise", "4", "--json")
    assert (slowed.exit_code, json.loads(slowed.stdout)["regressed"]) == (1, True), slowed.output


def test_what_cannot_be_judged_is_a_mistake_of_usage(tmp_path: Path, suites: dict[str, Any]) -> None:
    """The program turns it into exit status 2."""
    bench(tmp_path, "recall")
    for arguments in (("compare", "nowhere"), ("recall", "--case", "no-such-case")):
        done = bench(tmp_path, *arguments)
        assert isinstance(done.exception, QueryRejected)


def test_report_without_a_history_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_commands, "RELEASES", tmp_path / "none.jsonl")
    done = bench(tmp_path, "report")
    assert isinstance(done.exception, QueryRejected)
    assert "bench latency" in str(done.exception)
