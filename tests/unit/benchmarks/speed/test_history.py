"""Result lines: written, read back, and the newest of each case chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.speed.results import Line, Machine, Result, Run, append_lines, newest_lines, read_lines, timings
from engine.errors import QueryRejected

MACHINE = Machine(cpu="a CPU", cores=2, memory_bytes=1 << 30)


def line(case: str, p50_ms: float, run: str = "1") -> Line:
    told = Run(id=run, utc="2026-11-24T12:00:00+00:00", commit="abcdef", dirty=False, size="quick", machine=MACHINE,
               versions={"python": "3.11"})  # fmt: skip
    return Line(told, Result(suite="latency", case=case, p50_ms=p50_ms, parameters={"rows": 10}))


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Appending keeps what is there, one JSON document per line."""
    path = tmp_path / "deep" / "history.jsonl"
    append_lines(path, [line("a", 1.5)])
    append_lines(path, [line("b", 2.5)])
    assert read_lines(path) == [line("a", 1.5), line("b", 2.5)]
    assert path.read_text().count("\n") == 2


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """The caller learns which line of which file is no result."""
    path = tmp_path / "history.jsonl"
    append_lines(path, [line("a", 1)])
    path.write_text(path.read_text() + '{"run": 3}\n')
    with pytest.raises(QueryRejected, match="Line 2"):
        read_lines(path)


def test_timings_are_percentiles_of_the_samples() -> None:
    """p50 and p95 interpolate between samples, as NumPy does; no sample is no timing."""
    want = {"n": 4, "p50_ms": 2.5, "p95_ms": 3.85, "p99_ms": 3.97, "max_ms": 4.0}
    assert timings([4, 1, 3, 2]) == pytest.approx(want)
    with pytest.raises(ValueError, match="No sample"):
        timings([])


def test_the_newest_run_of_each_case_counts() -> None:
    """A case measured again replaces all of its older results; one that was not, stays."""
    lines = [line("a", 1, "1"), line("a", 2, "1"), line("b", 3, "1"), line("a", 4, "2")]
    assert [found.result.p50_ms for found in newest_lines(lines)] == [4, 3]


def test_nothing_of_the_machine_but_what_explains_figures() -> None:
    """No host name, user or path has a place in a line."""
    assert set(Machine.__struct_fields__) == {
        "cpu", "cores", "memory_bytes", "gemm_f32_gflops", "gemm_bf16_gflops", "read_gb_s",
    }  # fmt: skip


def test_figures_of_other_machines_and_lines_told_twice_do_not_count() -> None:
    """The newest run's machine decides; a history that was copied into another adds nothing."""
    other = replace(MACHINE, gemm_bf16_gflops=900.0)
    fast = replace(line("a", 1, run="1"), run=replace(line("a", 1, run="1").run, machine=other))
    slow = line("b", 2, run="2")
    assert newest_lines([fast, slow, slow]) == [slow]
    assert newest_lines([]) == []
