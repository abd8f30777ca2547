"""The newest figures as Markdown, for `docs/performance.md` and release notes: written by the run, copied by nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.speed.report.tables import plain_figures, settled_cells
from benchmarks.speed.results import Line, Result, Run, newest_lines, recent_verdicts
from benchmarks.speed.run import SUITES, load_targets

START, END = "<!-- figures: begin -->", "<!-- figures: end -->"
"""Between these marks of a page the tables are replaced by `fill_in`."""
QUOTED = 0.99
"""The recall at which an index is quoted."""


def markdown_tables(lines: Sequence[Line]) -> str:
    """What was measured on what, the targets with their verdicts, then every case by suite."""
    newest = newest_lines(lines)
    last = max((line.run for line in lines), key=lambda run: run.id)
    verdicts = recent_verdicts(lines)
    targets = [settled_cells(target, verdicts.get(target.id, ())) for target in load_targets()]
    headings = ("target", "wanted", "newest run", "median (runs)", "machine's limit", "off by", "most runs")
    parts = [run_sentence(last), table(headings, targets)]
    for suite in SUITES:
        rows = [_row(result) for result in _telling([line.result for line in newest if line.result.suite == suite])]
        if rows:
            parts += [f"**{suite}**", table(("case", "parameters", "measured"), rows)]
    return "\n\n".join(parts) + "\n"


def _telling(results: Sequence[Result]) -> list[Result]:
    """Of an index measured with many settings, the one to quote per filter: the quickest at recall 0.99, else the most
    exact. All of them are in the report's plot.
    """
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        given = result.parameters
        groups.setdefault((result.case, f"{given.get('filter')} {given.get('state')}"), []).append(result)
    return [min(group, key=_rank) for group in groups.values()]


def _rank(result: Result) -> tuple[float, float]:
    recall, p50_ms = result.ann_recall, result.p50_ms or 0.0
    return (0.0, p50_ms) if recall is None or recall >= QUOTED else (1.0 - recall, p50_ms)


def fill_in(page: str, lines: Sequence[Line]) -> str:
    """The page with fresh tables between its marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page has no {START} … {END}.")
    return f"{before}{START}\n\n{markdown_tables(lines)}\n{END}{after}"


def run_sentence(run: Run) -> str:
    """When, which build, on what machine, and what the machine reaches by itself."""
    machine = run.machine
    peaks = [(machine.gemm_f32_gflops, "GFLOP/s in f32"), (machine.gemm_bf16_gflops, "GFLOP/s in bf16")]
    reached = [f"{value:,.0f} {unit}" for value, unit in (*peaks, (machine.read_gb_s, "GB/s read")) if value]
    build = f"commit {(run.commit or 'unknown')[:10]}{' with changes' if run.dirty else ''}, size `{run.size}`"
    where = f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB"
    peak = f"; in the same run the machine itself reached {', '.join(reached)}" if reached else ""
    return f"Measured {run.utc[:16].replace('T', ' ')} UTC, {build}, on {where}{peak}."


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _row(result: Result) -> tuple[str, str, str]:
    given = ", ".join(f"{name} {value}" for name, value in result.parameters.items())
    return result.case, given, "; ".join(plain_figures(result))
