"""The plots of `bench report`: result lines in, matplotlib figures out, one per question that people ask.

Figures are built without pyplot: nothing global, no display. Every function returns None where the lines hold nothing
for it, so that a report of one suite alone is as good as one of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.speed.report.canvas import (
    BAD,
    GOOD,
    GRID,
    INK,
    MUTED,
    PAPER,
    canvas,
    color_of,
    legend,
    mark_of,
    ticks,
    titled,
    wrapped,
)
from benchmarks.speed.report.tables import quantity
from benchmarks.speed.results import Line, Result, Verdict
from benchmarks.speed.run import Target, load_targets

BUDGET_MS = 5_000
_RAW = ", not rescored"
_RECALLS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
_STAGES = (
    ("decode",),
    ("segment",),
    ("crop",),
    ("embed", "visual"),
    ("candidates", "search"),
    ("rescore",),
    ("rank",),
    ("serialize", "write"),
    ("gate", "pose"),
    ("pictures",),
    ("http",),
    ("queue",),
    ("recognise",),
    ("semantic",),
)
"""Each stage keeps its colour over all plots; what does the same work has the same."""
_GROWING = {
    "p50, ms": ("p50_ms",),
    "p95, ms": ("p95_ms",),
    "resident memory, MB": ("resident_mb",),
    "building the index, s": ("index_s", "build_s"),
}


def targets_figure(lines: Sequence[Line]) -> Figure | None:
    """Every judged target on one scale: the share of what is allowed, with the machine's limit beside it."""
    verdicts = {verdict.id: verdict for line in lines for verdict in line.result.targets}
    rows = [(target, verdicts[target.id]) for target in load_targets() if target.id in verdicts]
    if not rows:
        return None
    figure, (axes,) = canvas(12, 1.1 + 0.42 * len(rows))
    axes.axvspan(1, 1e4, color="#fdf1f2", zorder=0)
    axes.axvline(1, color=INK, linewidth=1.2, zorder=2)
    for y, (target, verdict) in enumerate(reversed(rows)):
        _bullet(axes, y, target, verdict)
    shares = [_share(v, v.value) for _, v in rows] + [_share(v, v.machine_limit) for _, v in rows if v.machine_limit]
    axes.set(xscale="log", xlim=(min(*shares, 0.2) / 1.6, max(*shares, 1) * 1.4), ylim=(-0.7, len(rows) - 0.3))
    axes.set_yticks(range(len(rows)), [wrapped(target.title, 46) for target, _ in reversed(rows)], color=INK)
    axes.set_xlabel("share of what the target allows (log); left of the line it is met. ┃ is this machine's limit")
    ticks(axes, "x", lambda value: f"{value:.0%}" if value < 1 else f"{value:g}×")
    return titled(figure, "What was promised, and what was measured")


def recall_figure(results: Sequence[Result], title: str = "Recall against latency, by index") -> Figure | None:
    """A panel per catalogue and share of rows that the filter lets through; up and to the left is better."""
    found = [r for r in results if r.ann_recall is not None and r.p50_ms and "state" not in r.parameters]
    panels = {
        name: members
        for name, members in _grouped(found, _panel).items()
        if len(members) > 2 and "state" not in members[0].parameters
    }
    if not panels:
        return None
    series = list(dict.fromkeys(_family(_series(r)) for members in panels.values() for r in members))
    columns = min(3, len(panels))
    figure, grid = canvas(10 if columns == 1 else 3.9 * columns, 3.9 * -(-len(panels) // columns) + 0.9, len(panels))
    for axes, (panel, members) in zip(grid, panels.items(), strict=True):
        for name, points in _grouped(members, _series).items():
            _recall_series(axes, name, series.index(_family(name)), points)
        axes.axhline(_nines(0.99), color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(xscale="log", xlabel="p50, milliseconds (log)")
        lowest = min(point.ann_recall or 0 for point in members)
        shown = [recall for recall in _RECALLS if recall >= min(lowest, 0.95) - 0.2]
        axes.set_ylim(min(_nines(lowest) - 0.15, _nines(shown[0])), _nines(1) + 0.2)
        axes.set_yticks([_nines(recall) for recall in shown], [f"{recall:g}" for recall in shown])
        axes.set_title(panel, fontsize=10, color=MUTED, loc="left")
        ticks(axes, "x", lambda value: f"{value:g}")
    grid[0].set_ylabel("ann_recall@k against exact search (by its nines)")
    legend(figure, grid)
    return titled(figure, title)


def _recall_series(axes: Axes, name: str, number: int, points: Sequence[Result]) -> None:
    order = sorted(points, key=lambda point: point.p50_ms or 0)
    times, recalls = [point.p50_ms or 0.0 for point in order], [_nines(point.ann_recall or 0.0) for point in order]
    look = {"color": color_of(number), "markersize": 7, "linewidth": 1.2, "markeredgecolor": PAPER, "label": name}
    if name == _family(name):
        axes.plot(times, recalls, mark_of(number) + "-", zorder=3, **look)  # type: ignore[arg-type]
    else:  # Without rescoring: the same colour, hollow.
        look |= {"markerfacecolor": PAPER, "markeredgecolor": color_of(number)}
        axes.plot(times, recalls, mark_of(number) + ":", zorder=3, **look)  # type: ignore[arg-type]


def _nines(recall: float) -> float:
    """0.9 → 1, 0.99 → 2; all that is above 0.9997 is drawn as 1, three and a half nines up."""
    return min(3.5, -log10(max(1 - recall, 1e-9)))


def load_figure(results: Sequence[Result]) -> Figure | None:
    """The percentiles of every latency case on one scale, beside the budget of five seconds."""
    found = [r for r in results if r.suite == "latency" and r.p50_ms and "ready_s" not in r.figures]
    if not found:
        return None
    figure, (axes,) = canvas(10, 1.2 + 0.5 * len(found))
    for y, result in enumerate(reversed(found)):
        values = [value for value in (result.p50_ms, result.p95_ms, result.p99_ms, result.max_ms) if value]
        axes.plot([values[0], values[-1]], [y, y], color=GRID, linewidth=7, solid_capstyle="round", zorder=1)
        for value, name, number in zip(values, ("p50", "p95", "p99", "max"), (0, 5, 3, 4), strict=False):
            axes.plot([value], [y], "o", markersize=8, color=color_of(number), label=name if not y else None, zorder=3)
        told = f"{values[0]:,.0f} / {values[1]:,.0f} ms" if len(values) > 1 else ""
        told += f"   {result.shed} shed of {result.n + result.shed}" if result.shed else ""
        late = values[-1] > BUDGET_MS / 5  # No room for words before the budget's line.
        axes.annotate(
            told,
            (values[0] if late else values[-1], y),
            xytext=(-8, 0) if late else (8, 0),
            textcoords="offset points",
            va="center",
            ha="right" if late else "left",
            color=MUTED,
            fontsize=9,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
            zorder=4,
        )
    axes.axvline(BUDGET_MS, color=BAD, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate("5 s budget", (BUDGET_MS, len(found) - 0.45), color=BAD, ha="right", xytext=(-5, 0),
                  textcoords="offset points", fontsize=9)  # fmt: skip
    axes.set(
        xscale="log", xlabel="milliseconds from the moment the request was due (log)", ylim=(-0.6, len(found) - 0.2)
    )
    axes.set_yticks(range(len(found)), [_case(result) for result in reversed(found)], color=INK)
    ticks(axes, "x", lambda value: f"{value:,.0f}")
    axes.legend(loc="lower right", frameon=False, ncols=4, bbox_to_anchor=(1, 1), fontsize=9)
    return titled(figure, "How long people wait")


def stages_figure(results: Sequence[Result]) -> Figure | None:
    """Where the time of one photo (or one product) goes."""
    found = [r for r in results if r.stages_ms and r.suite != "scale" and "state" not in r.parameters]
    if not found:
        return None
    stages = [{name: ms for name, ms in result.stages_ms.items() if name != "total"} for result in found]
    names = list(dict.fromkeys(name for one in stages for name in one))
    figure, (axes,) = canvas(10, 1.5 + 0.5 * len(found))
    for y, one in enumerate(reversed(stages)):
        left, total = 0.0, sum(one.values()) or 1.0
        for name, ms in one.items():
            share = 100 * ms / total
            axes.barh(
                y, share, left=left, height=0.62, color=color_of(_stage(name, names)), edgecolor=PAPER, linewidth=1
            )
            if share > 7:
                axes.text(left + share / 2, y, f"{ms:,.0f}" if ms >= 10 else f"{ms:.1f}", ha="center", va="center",
                          color=PAPER, fontsize=8.5)  # fmt: skip
            left += share
        axes.text(
            101, y, f"{total:,.0f} ms" if total >= 10 else f"{total:.1f} ms", va="center", color=MUTED, fontsize=9
        )
    for name in sorted(names, key=lambda name: _stage(name, names)):
        axes.bar(0, 0, color=color_of(_stage(name, names)), label=name)
    axes.set(xlim=(0, 110), xlabel="share of the whole, %; numbers are milliseconds (medians)")
    axes.set_yticks(range(len(found)), [_case(result) for result in reversed(found)], color=INK)
    axes.grid(visible=False)
    legend(figure, [axes])
    return titled(figure, "Where the time goes")


def _stage(name: str, names: Sequence[str]) -> int:
    known = (number for number, same in enumerate(_STAGES) if name in same)
    return next(known, len(_STAGES) + names.index(name))


def scale_figure(results: Sequence[Result]) -> Figure | None:
    """Latency, memory and build time against the number of rows, both axes logarithmic."""
    found = [result for result in results if result.suite == "scale" and result.parameters.get("rows")]
    if not found:
        return None
    panels = {name: keys for name, keys in _GROWING.items() if any(_first(r, keys) for r in found)}
    figure, grid = canvas(3.7 * min(3, len(panels)), 3.6 * -(-len(panels) // 3) + 0.9, len(panels))
    for axes, (name, keys) in zip(grid, panels.items(), strict=True):
        for number, (label, members) in enumerate(_grouped(found, _series).items()):
            points = sorted(
                (float(r.parameters["rows"] or 0), _first(r, keys) or 0.0) for r in members if _first(r, keys)
            )
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    mark_of(number) + "-",
                    color=color_of(number),
                    label=label,
                    markersize=6,
                )
        axes.set(xscale="log", yscale="log", xlabel="rows")
        axes.set_title(name, fontsize=10, color=MUTED, loc="left")
        ticks(axes, "x", _rows)
        ticks(axes, "y", lambda value: f"{value:,g}")
    legend(figure, grid)
    return titled(figure, "How it grows with the catalogue")


def trend_figure(lines: Sequence[Line]) -> Figure | None:
    """A panel per target: its figure over the runs of the history, a line for each machine, and one for the target."""
    runs = sorted({line.run.id for line in lines})
    history = {target.id: _history(lines, target.id, runs) for target in load_targets()}
    shown = [target for target in load_targets() if history[target.id]]
    if len(runs) < 2 or not shown:
        return None
    machines: dict[str, set[str]] = {}
    for line in lines:
        machines.setdefault(line.run.machine.kind, set()).add(line.run.id)
    figure, grid = canvas(11, 2.5 * -(-len(shown) // 3) + 0.8, len(shown))
    for axes, target in zip(grid, shown, strict=True):
        points = history[target.id]
        for number, (machine, members) in enumerate(machines.items()):
            if own := [point for point in points if runs[point[0]] in members]:
                axes.plot(*zip(*own, strict=True), mark_of(number) + "-", color=color_of(number), label=machine,
                          markersize=5, linewidth=1.4)  # fmt: skip
        axes.axhline(target.limit, color=BAD, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlim=(-0.4, len(runs) - 0.6), ylim=(0, 1.15 * max(target.limit, *(value for _, value in points))))
        axes.set_title(wrapped(f"{target.title}, {target.unit}", 40), fontsize=8.5, color=MUTED, loc="left")
        axes.set_xticks(range(len(runs)), [_short_run(lines, run) for run in runs], fontsize=7.5)
        if len(runs) > 6:
            axes.set_xticks(axes.get_xticks()[:: -(-len(runs) // 6)])
    legend(figure, grid)
    return titled(figure, "From run to run")


def _history(lines: Sequence[Line], target: str, runs: Sequence[str]) -> list[tuple[int, float]]:
    found = {line.run.id: v.value for line in lines for v in line.result.targets if v.id == target}
    return [(runs.index(run), found[run]) for run in runs if run in found]


def _short_run(lines: Sequence[Line], run: str) -> str:
    info = next(line.run for line in lines if line.run.id == run)
    return f"{(info.commit or 'no commit')[:7]}{'+' if info.dirty else ''}\n{info.utc[5:10]}"


def _bullet(axes: Axes, y: int, target: Target, verdict: Verdict) -> None:
    share, limit = _share(verdict, verdict.value), verdict.machine_limit
    color = GOOD if verdict.met else BAD
    start = _share(verdict, limit) if limit else 1e-4
    axes.plot([start, share], [y, y], color=color, linewidth=9, alpha=0.85, solid_capstyle="butt", zorder=3)
    axes.plot([share], [y], "o", color=color, markersize=9, zorder=4)
    if limit:
        axes.plot([start], [y], "|", color=INK, markersize=17, markeredgewidth=2, zorder=5)
    sign = "≤" if target.better == "lower" else "≥"
    right = axes.get_yaxis_transform()
    told = (quantity(verdict.value, verdict.unit), f"{sign} {quantity(target.limit, target.unit)}")
    for x, text, ink in ((1.13, told[0], color), (1.26, told[1], MUTED)):
        axes.text(x, y, text, va="center", ha="right", fontsize=9.5, color=ink, transform=right)


def _share(verdict: Verdict, value: float | None) -> float:
    value = max(value or 0.0, 1e-9)
    return value / verdict.target if verdict.better == "lower" else verdict.target / value


def _grouped(results: Iterable[Result], name: Any) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(name(result), []).append(result)
    return groups


def _panel(result: Result) -> str:
    share = result.parameters.get("filter", result.parameters.get("selectivity"))
    rows = result.parameters.get("rows")
    told = "no filter" if share in {None, 1, "none", ""} else f"filter lets {_percent(share)} through"
    return f"{_rows(float(rows))} rows, {told}" if isinstance(rows, int | float) else told


def _percent(share: Any) -> str:
    return f"{100 * share:g} %" if isinstance(share, float | int) else str(share)


def _series(result: Result) -> str:
    """The line a result is a point of: cases of one name, rescored or not; sizes of one index."""
    given = result.parameters
    if result.suite == "recall":
        return result.case + (_RAW if given.get("rescored") == 0 and result.case != "faiss-exact" else "")
    return str(given.get("index") or ("embedded" if result.suite == "scale" else result.case))


def _family(series: str) -> str:
    return series.removesuffix(_RAW)


def _case(result: Result) -> str:
    return result.case if result.suite in {"latency", "compare"} else f"{result.suite}: {result.case}"


def _first(result: Result, keys: Iterable[str]) -> float | None:
    return next((value for value in map(result.value, keys) if value), None)


def _rows(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"
