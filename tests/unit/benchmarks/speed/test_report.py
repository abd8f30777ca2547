"""The report: pictures, a page that needs nothing beside it, and tables for the documentation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.speed.report.markdown import END, START, fill_in, markdown_tables
from benchmarks.speed.report.tables import quantity
from benchmarks.speed.results import Line, Machine, Result, Run, Verdict

MACHINE = Machine(cpu="a CPU", cores=2, memory_bytes=2 << 30, gemm_f32_gflops=100.0, read_gb_s=9.0)


def verdict(value: float) -> Verdict:
    return Verdict(id="photo-starter-p50", title="t", better="lower", target=120, value=value, unit="ms",
                   met=value <= 120, machine_limit=20.0, limited_by="flops")  # fmt: skip


def lines(run: str, p50_ms: float) -> list[Line]:
    told = Run(
        id=run, utc="2026-11-24T12:00:00+00:00", commit=run * 8, dirty=True, size="quick", machine=MACHINE, versions={}
    )
    results = [
        Result(suite="latency", case="photo-starter", n=9, p50_ms=p50_ms, p95_ms=70, p99_ms=80, max_ms=90, shed=2,
               stages_ms={"decode": 5.0, "embed": 20.0, "odd <stage>": 1.0}, targets=(verdict(p50_ms),)),
        *(Result(suite="recall", case=f"{index}-{n}", p50_ms=n, ann_recall=1 - n / 100, n=9,
                 parameters={"index": index, "rows": 1000, "filter": 0.01}) for index in ("a", "b") for n in (1, 2)),
        *(Result(suite="scale", case="grow", p50_ms=n / 100, parameters={"index": "a", "rows": n}) for n in (100, 999)),
    ]  # fmt: skip
    return [Line(told, result) for result in results]


@pytest.mark.integration
def test_the_page_holds_its_pictures_and_names_no_other_file(tmp_path: Path) -> None:
    """Every plot with something to show is a PNG of its own and in the page; texts are escaped."""
    pytest.importorskip("matplotlib", reason="needs the group `train`")
    from benchmarks.speed.report.report import write_report

    paths = list(write_report([*lines("1", 60), *lines("2", 50)], tmp_path))
    assert [path.name for path in paths] == [
        "targets.png", "load.png", "stages.png", "recall.png", "scale.png", "trends.png", "index.html",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[:-1])
    page = paths[-1].read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "src='http" not in page
    assert "href" not in page
    assert "odd &lt;stage&gt;" in page


def test_growth_is_told_by_one_run_alone() -> None:
    """A later run that measured one more size, in another hour, is left out."""
    pytest.importorskip("matplotlib", reason="needs the group `train`")
    from benchmarks.speed.report.report import figures

    run = lines("2", 50)[0].run
    later = Line(run, Result(suite="scale", case="odd", p50_ms=999, parameters={"index": "a", "rows": 500}))
    (drawn,) = figures([*lines("1", 60), later])["scale"].axes[0].get_lines()
    assert list(drawn.get_xdata()) == [100, 999]


def test_the_pages_targets_are_those_of_the_newest_run_beside_the_median() -> None:
    """What most runs reached counts as met, whatever the newest one says; another kind of machine has no part in it."""
    pytest.importorskip("matplotlib", reason="needs the group `train`")
    from benchmarks.speed.report.report import report_page

    other = msgspec.structs.replace(MACHINE, cpu="another")
    elsewhere = [Line(msgspec.structs.replace(line.run, machine=other), line.result) for line in lines("0", 999)]
    page = report_page([*elsewhere, *lines("1", 60), *lines("2", 70), *lines("3", 130)], {})
    cells = ("130 ms", "70 ms (3)", "20 ms (flops)", "6.5×")
    assert "".join(f"<td class=n>{cell}</td>" for cell in cells) + "<td><span class='met'>" in page
    assert "<span class='missed'>" in report_page([*lines("1", 60), *lines("2", 130)], {})


def test_tables_replace_what_stands_between_the_marks() -> None:
    """Words around the marks stay; filling twice is filling once."""
    page = f"before\n{START}\nstale\n{END}\nafter\n"
    once = fill_in(page, lines("1", 60))
    assert once.startswith(f"before\n{START}\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "stale" not in once
    assert "≤ 120 ms | 60 ms | 60 ms (1) | 20 ms (flops) | 3.0× | met |" in once
    assert fill_in(once, lines("1", 60)) == once
    with pytest.raises(ValueError, match="figures"):
        fill_in("nothing here", lines("1", 60))


def test_of_many_settings_the_quickest_that_is_exact_enough_is_quoted() -> None:
    """Per case and filter: 0.991 at 2 ms goes before 1.0 at 9 ms; where none reaches 0.99, the most exact."""
    told = lines("1", 60)[0].run
    points = [("a", 1.0, 9.0), ("a", 0.991, 2.0), ("a", 0.9, 0.5), ("b", 0.8, 1.0), ("b", 0.7, 0.1)]
    results = [
        Result(suite="recall", case=case, ann_recall=recall, p50_ms=p50, parameters={"filter": 1.0})
        for case, recall, p50 in points
    ]
    rows = [row for row in markdown_tables([Line(told, r) for r in results]).splitlines() if "ann_recall 0" in row]
    assert len(rows) == 2
    assert "p50 2 ms" in rows[0]
    assert "0.8000" in rows[1]


def test_what_was_not_measured_is_said() -> None:
    assert "| ≤ 5 ms | – | – | – | – | not measured |" in markdown_tables(lines("1", 60))


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(1234.4, "ms", "1,234 ms"), (12.34, "ms", "12.3 ms"), (0.0567, "ms", "0.057 ms"), (8.0, "×", "8×")],
)
def test_three_digits_that_count(value: float, unit: str, told: str) -> None:
    assert quantity(value, unit) == told
