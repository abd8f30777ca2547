"""Cases and targets as data, and the verdicts that follow from them."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmarks.speed
from benchmarks.speed.machine import limit_ms
from benchmarks.speed.results import Machine, Result, Work
from benchmarks.speed.run import SUITES, Case, Target, dataset_hash, judge, load_cases, load_targets, parameters

MACHINE = Machine(
    cpu="a CPU", cores=2, memory_bytes=1 << 30, gemm_f32_gflops=100.0, gemm_bf16_gflops=400.0, read_gb_s=10.0
)
TARGET = Target(id="t", title="a title", suite="recall", case="c", figure="p95_ms", limit=5, least_recall=0.99)


def test_every_target_has_a_case_that_make_bench_runs() -> None:
    """A target whose case nobody measures would stay open for ever."""
    quick = {(case.suite, case.name) for suite in SUITES for case in load_cases(suite, "quick")}
    assert {(target.suite, target.case) for target in load_targets()} <= quick


def test_every_parameter_of_a_case_is_read() -> None:
    """A name that no suite asks for does nothing, and nobody would notice."""
    code = "\n".join(path.read_text() for path in Path(benchmarks.speed.__path__[0]).rglob("*.py"))
    cases = [case for suite in SUITES for size in ("quick", "full") for case in load_cases(suite, size)]
    assert not {name for case in cases for name in case.parameters if f'"{name}"' not in code}


def test_a_size_changes_a_cases_parameters(tmp_path: Path) -> None:
    """The table of the size goes over the case's own; `sizes` leaves the case out elsewhere."""
    path = tmp_path / "cases.toml"
    path.write_text(
        '[[case]]\nsuite = "recall"\nname = "one"\nrows = 10\nk = 3\n[case.full]\nrows = 99\n'
        '[[case]]\nsuite = "recall"\nname = "two"\nsizes = ["full"]\n'
    )
    assert load_cases("recall", "quick", path=path) == (Case("recall", "one", {"rows": 10, "k": 3}),)
    assert load_cases("recall", "full", ["o*"], path=path) == (Case("recall", "one", {"rows": 99, "k": 3}),)
    assert [case.name for case in load_cases("recall", "full", path=path)] == ["one", "two"]


@pytest.mark.parametrize(
    ("p95", "recall", "met"), [(5.0, 0.99, True), (5.1, 0.999, False), (1.0, 0.98, False), (1.0, None, False)]
)
def test_a_fast_answer_that_finds_too_little_misses_its_target(p95: float, recall: float | None, met: bool) -> None:
    result = judge(Result(suite="recall", case="c", p95_ms=p95, ann_recall=recall), [TARGET], MACHINE)
    assert [verdict.met for verdict in result.targets] == [met]


def test_targets_of_other_cases_and_absent_figures_give_no_verdict() -> None:
    assert not judge(Result(suite="recall", case="other", p95_ms=1), [TARGET], MACHINE).targets
    assert not judge(Result(suite="recall", case="c", p50_ms=1), [TARGET], MACHINE).targets


def test_higher_is_better_where_the_target_says_so() -> None:
    target = Target(id="t", title="", suite="compare", case="c", figure="times_faster", limit=8, better="higher")
    for value, met in ((8.0, True), (7.9, False)):
        result = judge(Result(suite="compare", case="c", figures={"times_faster": value}), [target], MACHINE)
        assert result.targets[0].met is met


def test_the_machines_limit_is_the_slower_of_arithmetic_and_memory() -> None:
    """40 GFLOP at 400 GFLOP/s are 100 ms; 2 GB at 10 GB/s are 200."""
    assert limit_ms(Work(gflop=40, precision="bf16"), MACHINE) == (100.0, "flops")
    assert limit_ms(Work(gflop=40), MACHINE) == (400.0, "flops")
    assert limit_ms(Work(gflop=40, gbyte=2, precision="bf16"), MACHINE) == (200.0, "bytes")
    unknown = Machine(cpu="", cores=1, memory_bytes=1)
    assert limit_ms(Work(gflop=1), unknown) is None


def test_the_limit_stands_beside_the_figure() -> None:
    """From the work where the figure is a time; as the subject says it where it is not."""
    timed = Result(suite="recall", case="c", p95_ms=3, ann_recall=1, work=Work(gbyte=0.01))
    (verdict,) = judge(timed, [TARGET], MACHINE).targets
    assert (verdict.machine_limit, verdict.limited_by) == (1.0, "bytes")
    size = Target(id="t", title="", suite="recall", case="c", figure="bytes_per_row", limit=200, unit="bytes")
    counted = Result(suite="recall", case="c", figures={"bytes_per_row": 130, "bytes_per_row_limit": 64})
    assert judge(counted, [size], MACHINE).targets[0].machine_limit == 64


def test_a_dataset_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert dataset_hash("x") == dataset_hash(b"x") == dataset_hash(tmp_path / "a")
    assert len({dataset_hash(part) for part in ("x", "y", "xy")}) == 3


def test_parameters_are_plain_values() -> None:
    case = Case("recall", "c", {"rows": 3, "queries": [1, 2]})
    assert parameters(case, index="flat") == {"rows": 3, "queries": "1,2", "index": "flat"}


def test_a_ratios_limit_is_ours_at_the_machines_limit() -> None:
    """8 times faster at 200 ms, of which arithmetic needs 50: at the limit it would be 32 times."""
    target = Target(id="t", title="", suite="s", case="c", figure="times_faster", limit=9, better="higher", unit="×")
    work = Work(gflop=20, precision="bf16")
    timed = Result(suite="s", case="c", p50_ms=200, figures={"times_faster": 8.0}, work=work)
    assert judge(timed, [target], MACHINE).targets[0].machine_limit == 32
    counted = Result(suite="s", case="c", figures={"times_faster": 8.0, "products_per_s": 5.0}, work=work)
    assert judge(counted, [target], MACHINE).targets[0].machine_limit == 32
