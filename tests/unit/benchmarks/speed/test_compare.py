"""The judge: ratios to the reference, only at equal recall on the same dataset."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.speed.report.compare import chosen_lines, compare, latest_run, regressed
from benchmarks.speed.results import Line, Machine, Result, Run, append_lines
from engine.errors import QueryRejected

MACHINE = Machine(cpu="a CPU", cores=2, memory_bytes=1 << 30)
RESULT = Result(
    suite="recall", case="embedded", n=100, p50_ms=2.0, p95_ms=3.0, qps=400, ann_recall=0.995, dataset="d",
    parameters={"rows": 1000, "n": 100}, reference_ms=10.0,
    figures={"bytes_per_row": 100.0, "build_s": 5.0, "depth": 1.0},
)  # fmt: skip


def run(*results: Result, name: str = "20261124T1", commit: str = "abcdef12") -> list[Line]:
    told = Run(id=name, utc="2026", commit=commit, dirty=False, size="quick", machine=MACHINE, versions={})
    return [Line(told, result) for result in results]


def outcomes(head: Result) -> dict[str, str]:
    return {one.figure: one.outcome for one in compare(run(RESULT), run(head))}


def changed(**fields: object) -> Result:
    return msgspec.structs.replace(RESULT, **fields)


def test_the_same_figures_are_no_regression() -> None:
    """Every figure with a direction is judged; one without (`depth`) is not."""
    found = outcomes(RESULT)
    assert found == dict.fromkeys(("p50_ms", "p95_ms", "qps", "bytes_per_row", "build_s"), "same")


def test_a_slower_build_on_the_same_machine_is_a_regression() -> None:
    found = outcomes(changed(p50_ms=3.0, qps=200))
    assert (found["p50_ms"], found["qps"], found["p95_ms"]) == ("slower", "slower", "same")


def test_a_slower_machine_is_not() -> None:
    """All times doubled, the reference workload's too: the ratios are what they were."""
    slow = changed(
        p50_ms=4.0, p95_ms=6.0, qps=200, reference_ms=20.0, figures={"bytes_per_row": 100.0, "build_s": 10.0}
    )
    assert set(outcomes(slow).values()) == {"same"}


def test_a_slower_build_on_a_faster_machine_is_found_out() -> None:
    """Equal times although the reference became twice as fast: this build needs twice the work."""
    assert outcomes(changed(reference_ms=5.0))["p50_ms"] == "slower"


def test_memory_is_counted_not_timed() -> None:
    """The reference has no part in bytes, and a tenth more is too much."""
    found = outcomes(changed(figures={"bytes_per_row": 112.0, "build_s": 5.0}))
    assert found["bytes_per_row"] == "slower"


def test_less_exact_is_a_regression_however_fast() -> None:
    (one,) = compare(run(RESULT), run(changed(ann_recall=0.98, p50_ms=0.1)))
    assert (one.outcome, one.figure) == ("less exact", "ann_recall")
    assert regressed([one])


def test_more_exact_and_slower_is_not_judged() -> None:
    other = changed(case="other")
    found = compare(run(changed(ann_recall=0.9), other), run(changed(p50_ms=9.0), other))
    assert found[0].outcome == "not comparable"
    assert not regressed(found)


def test_another_dataset_is_not_comparable() -> None:
    other = changed(case="other")
    found = compare(run(RESULT, other), run(changed(dataset="e", p50_ms=90.0), other))
    assert [one.outcome for one in found if one.case == "recall embedded"] == ["not comparable"]
    assert not regressed(found)


def test_silence_is_no_verdict() -> None:
    """Where nothing at all could be judged, that is an error, not the absence of a regression."""
    with pytest.raises(QueryRejected, match="another dataset"):
        compare(run(RESULT), run(changed(dataset="e")))


def test_failures_that_were_not_there_fail() -> None:
    (one,) = compare(run(RESULT), run(changed(errors=3)))
    assert one.outcome == "failing"
    assert regressed([one])


def test_a_case_that_was_not_measured_again_is_told_but_no_regression() -> None:
    other = changed(case="other")
    found = compare(run(RESULT, other), run(other))
    assert [one.outcome for one in found if one.case == "recall embedded"] == ["missing"]
    assert not regressed(found)


def test_nothing_in_common_cannot_be_judged() -> None:
    """Other parameters are another case; how often it was repeated is not a parameter."""
    with pytest.raises(QueryRejected, match="no case"):
        compare(run(RESULT), run(changed(parameters={"rows": 2000})))
    assert compare(run(RESULT), run(changed(parameters={"rows": 1000, "n": 7})))


def test_p95_of_a_few_samples_is_not_judged() -> None:
    assert "p95_ms" not in outcomes(changed(n=5, p95_ms=30.0))


def test_the_noise_allowed_for_is_the_callers() -> None:
    head = run(changed(p50_ms=3.0, qps=400))
    assert regressed(compare(run(RESULT), head))
    assert not regressed(compare(run(RESULT), head, noise=0.6))


def test_several_runs_of_base_count_by_their_median() -> None:
    """One bad moment among base's runs does not hide a regression."""
    base = run(changed(p50_ms=2.0), changed(p50_ms=90.0), changed(p50_ms=2.0))
    assert {one.figure: one.outcome for one in compare(base, run(changed(p50_ms=3.0)))}["p50_ms"] == "slower"


def test_base_is_a_file_a_run_or_a_commit(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    first, second = run(RESULT, name="20261101-a", commit="1111aaaa"), run(RESULT, name="20261102-b", commit="2222bbbb")
    append_lines(history, [*first, *second])
    assert chosen_lines(str(history), []) == [*first, *second]
    assert chosen_lines("20261102", [history]) == second
    assert chosen_lines("1111a", [history, tmp_path / "missing"]) == first
    assert latest_run([history]) == second
    with pytest.raises(QueryRejected, match="no run or commit"):
        chosen_lines("3333", [history])
    with pytest.raises(QueryRejected, match="Nothing was measured"):
        latest_run([tmp_path / "missing"])
