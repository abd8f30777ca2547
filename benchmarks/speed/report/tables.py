"""Benchmark results as people read them: one table of figures, one table of targets with verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.speed.report.compare import BAD, Judgement
from benchmarks.speed.results import Line, Result, Run, Verdict
from benchmarks.speed.run import Target, load_targets
from engine.system.console import words
from engine.system.printing import printable

_COLORS = {"met": "green", "missed": "red", "not measured": "dim"}


def show_lines(console: Console, lines: Sequence[Line]) -> None:
    """One block per result: what was measured and what stood out."""
    for result in (line.result for line in lines):
        figures = printable(f"  {' · '.join(plain_figures(result))}")
        console.print(Text.assemble((printable(result.case), "bold"), figures), soft_wrap=True)
        if result.note:
            console.print(f"  {result.note}")


def show_targets(console: Console, run: Run, lines: Iterable[Line], suites: Collection[str]) -> None:
    """The table of targets: figure, limit of the machine, how far off it is, verdict."""
    if run.size == "tiny":
        console.print("Tiny sizes judge nothing: they only show that everything runs.")
    else:
        console.print(targets_table(lines, suites))


def targets_table(lines: Iterable[Line], suites: Collection[str]) -> Table:
    """Every target of `cases.toml` that these suites speak of, measured or not."""
    table = Table("target", box=None, pad_edge=False)
    for heading in ("wanted", "measured", "machine's limit", "off by"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    measured = {verdict.id: verdict for line in lines for verdict in line.result.targets}
    for target in load_targets():
        if target.suite in suites:
            *cells, verdict = target_cells(target, measured.get(target.id))
            table.add_row(*cells, words(verdict, _COLORS[verdict]))
    return table


def target_cells(target: Target, verdict: Verdict | None) -> tuple[str, ...]:
    """A target's row: title, wanted, measured, the machine's limit, how far off, verdict."""
    wanted = f"{'≤' if target.better == 'lower' else '≥'} {quantity(target.limit, target.unit)}"
    if verdict is None:
        return target.title, wanted, "–", "–", "–", "not measured"
    limit = off = "–"
    if verdict.machine_limit:
        limit = f"{quantity(verdict.machine_limit, verdict.unit)} ({verdict.limited_by})"
        off = f"{off_by(verdict):.1f}×"
    return target.title, wanted, quantity(verdict.value, verdict.unit), limit, off, "met" if verdict.met else "missed"


def settled_cells(target: Target, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """A target's row over the newest runs: title, wanted, newest, median, the machine's limit, how far off, verdict.

    Limit and distance are the newest run's; the verdict is that of most runs.
    """
    title, wanted, measured, limit, off, verdict = target_cells(target, verdicts[0] if verdicts else None)
    if not verdicts:
        return title, wanted, measured, "–", limit, off, verdict
    middle = quantity(median(each.value for each in verdicts), target.unit)
    met = 2 * sum(each.met for each in verdicts) > len(verdicts)
    return title, wanted, measured, f"{middle} ({len(verdicts)})", limit, off, "met" if met else "missed"


def judgements_table(judgements: Iterable[Judgement]) -> Table:
    """What became faster, slower, or cannot be said; what was not measured again is only counted."""
    told = list(judgements)
    left_out = sum(one.outcome == "missing" for one in told)
    caption = f"{left_out} results of base were not measured again." if left_out else None
    table = Table("case", "figure", box=None, pad_edge=False, caption=caption, caption_justify="left")
    for heading in ("base", "head", "head ÷ base", "noise up to"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for one in (one for one in told if one.outcome != "missing"):
        color = "red" if one.outcome in BAD else "green" if one.outcome == "faster" else "dim"
        figures = [f"{value:,.4g}" if value is not None else "–" for value in (one.base, one.head)]
        ratio, allowed = (f"{one.ratio:.2f}×", f"{one.allowed:.2f}×") if one.ratio else ("–", "–")
        outcome = Text.assemble((one.outcome, color), f": {printable(one.reason)}" if one.reason else "")
        table.add_row(one.case, one.figure, *figures, ratio, allowed, outcome)
    return table


def off_by(verdict: Verdict) -> float:
    """How far a figure is from the machine's limit, as a factor; 1 is there."""
    limit, value = verdict.machine_limit or float("nan"), verdict.value
    return value / limit if verdict.better == "lower" else limit / value


def quantity(value: float, unit: str) -> str:
    """A number with its unit, three digits that count."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}{unit}" if unit in {"×", "%"} else f"{text} {unit}"


def plain_figures(result: Result) -> list[str]:
    """What a result says, figure by figure, for people."""
    parts = []
    if result.p50_ms is not None:
        tail = "".join(f" / {quantity(v, 'ms')}" for v in (result.p95_ms, result.p99_ms) if v is not None)
        parts.append(f"p50 {quantity(result.p50_ms, 'ms')}{tail} (p95 / p99), n {result.n}")
    if result.qps is not None:
        parts.append(f"{quantity(result.qps, 'per s')}")
    if result.ann_recall is not None:
        parts.append(f"ann_recall {result.ann_recall:.4f}")
    if result.shed or result.errors:
        parts.append(f"shed {result.shed}, errors {result.errors}")
    parts += [f"{name} {value:,.4g}" for name, value in result.figures.items()]
    if result.stages_ms:
        parts.append("stages " + ", ".join(f"{name} {ms:.1f}" for name, ms in result.stages_ms.items()))
    return parts
