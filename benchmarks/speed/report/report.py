"""`bench report`: PNG plots, and one HTML page with everything in it, out of a history."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.speed.report.plots import (
    load_figure,
    recall_figure,
    scale_figure,
    stages_figure,
    targets_figure,
    trend_figure,
)
from benchmarks.speed.report.tables import plain_figures, settled_cells
from benchmarks.speed.results import Line, Result, Run, newest_lines, recent_verdicts
from benchmarks.speed.run import load_targets

FIGURES: Mapping[str, str] = {
    "targets": "Bars end at the measured figure and begin at this machine's limit, where one follows from arithmetic "
    "or memory traffic: the bar is what could still be gained.",
    "load": "Open-loop cases count from the moment a request was due, not from when it could be sent.",
    "stages": "Medians per stage; the embedders take all garments of a photo in one batch.",
    "recall": "Measured on the models' own embeddings, expanded; dashed: 0.99.",
    "peers": "Other indexes with their documented defaults, on the same rows and queries in one run.",
    "scale": "One index grown, the same queries.",
    "trends": "Medians of runs, a line for each kind of machine; `thatlook bench compare` compares them by ratios.",
}
"""By name, in the order of the page: what to know when reading it."""
_STATES = {"met": "met", "missed": "missed", "not measured": "open"}
"""A verdict's look."""


def figures(lines: Sequence[Line]) -> dict[str, Figure]:
    """All plots of a history that have something to show; all but the trends show its newest results."""
    newest = newest_lines(lines)
    results = [line.result for line in newest]
    drawn = {
        "targets": targets_figure(newest),
        "load": load_figure(results),
        "stages": stages_figure(results),
        "recall": recall_figure([result for result in results if result.suite == "recall"]),
        "peers": recall_figure([r for r in results if r.suite == "compare"], "Beside other indexes"),
        "scale": scale_figure(_grown(newest)),
        "trends": trend_figure(lines),
    }
    return {name: figure for name, figure in drawn.items() if figure}


def _grown(newest: Sequence[Line]) -> list[Result]:
    """The sizes that one run measured: a busy hour beside a quiet one would look like growth."""
    lines = [line for line in newest if line.result.suite == "scale"]
    sizes = Counter(line.run.id for line in lines)
    run = max(sizes, key=lambda each: (sizes[each] > 1, each), default=None)
    return [line.result for line in lines if line.run.id == run]


def write_report(lines: Sequence[Line], folder: Path) -> Iterator[Path]:
    """Write `<plot>.png` for every plot and `index.html`, which holds them all; gives the paths as they are written."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for name, figure in figures(lines).items():
        pictures[name] = _png(figure)
        path = folder / f"{name}.png"
        path.write_bytes(pictures[name])
        yield path
    page = folder / "index.html"
    page.write_text(report_page(lines, pictures), "utf-8")
    yield page


def report_page(lines: Sequence[Line], pictures: Mapping[str, bytes]) -> str:
    """The page: what was measured on what, the targets, the plots, and every newest result."""
    newest = newest_lines(lines)
    last = max((line.run for line in lines), key=lambda run: run.id)
    plots = "".join(_figure(name, FIGURES[name], picture) for name, picture in pictures.items())
    return _PAGE.format(
        run=_run_words(last, len({line.run.id for line in lines})),
        targets=_targets(lines),
        plots=plots,
        results=_results(newest),
    )


def _targets(lines: Sequence[Line]) -> str:
    verdicts = recent_verdicts(lines)
    rows = []
    for target in load_targets():
        title, *numbers, verdict = (html.escape(cell) for cell in settled_cells(target, verdicts.get(target.id, ())))
        cells = "".join(f"<td class=n>{number}</td>" for number in numbers)
        rows.append(f"<tr><td>{title}</td>{cells}<td><span class='{_STATES[verdict]}'>{verdict}</span></td></tr>")
    return "".join(rows)


def _results(newest: Sequence[Line]) -> str:
    rows = []
    for result in (line.result for line in newest):
        given = ", ".join(f"{name} {value}" for name, value in result.parameters.items())
        told = " · ".join(plain_figures(result))
        cells = (result.suite, result.case, given, told)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return "".join(rows)


def _run_words(run: Run, runs: int) -> str:
    machine = run.machine
    peaks = [
        f"{value:,.0f} {unit}"
        for value, unit in (
            (machine.gemm_f32_gflops, "GFLOP/s f32"),
            (machine.gemm_bf16_gflops, "GFLOP/s bf16"),
            (machine.read_gb_s, "GB/s"),
        )
        if value
    ]
    build = f"commit {(run.commit or 'unknown')[:10]}{' with changes' if run.dirty else ''}"
    where = f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB; measured {', '.join(peaks)}"
    many = f"; {runs} runs in this history" if runs > 1 else ""
    return html.escape(f"{run.utc[:16].replace('T', ' ')} UTC · {build} · {where}{many}")


def _figure(name: str, words: str, picture: bytes) -> str:
    data = base64.b64encode(picture).decode()
    return (
        f"<figure><img alt='{name}' src='data:image/png;base64,{data}'>"
        f"<figcaption>{html.escape(words)}</figcaption></figure>"
    )


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})
    return buffer.getvalue()


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>thatlook: benchmark report</title>
<style>
:root {{ --ink: #1c2230; --muted: #667085; --line: #e4e7ec; --paper: #f7f8fa; --good: #16866a; --bad: #c8394f }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", sans-serif }}
main {{ max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }}
h1 {{ font-size: 1.7rem; margin: 0 0 .25rem; letter-spacing: -.01em }}
h2 {{ font-size: 1.15rem; margin: 2.5rem 0 .75rem }}
p.run {{ color: var(--muted); margin: 0; font-size: .9rem }}
.sheet, figure {{ background: #fff; border: 1px solid var(--line); border-radius: .75rem; overflow-x: auto }}
.sheet {{ padding: .5rem 1.25rem }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem }}
th {{ text-align: left; color: var(--muted); font-weight: 500; font-size: .8rem }}
th, td {{ padding: .5rem .6rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top }}
tr:last-child td {{ border-bottom: 0 }}
.sheet td:last-child, .sheet th:last-child {{ padding-left: 1rem }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }}
.met, .missed, .open {{ padding: .1rem .55rem; border-radius: 1rem; font-size: .8rem; white-space: nowrap }}
.met {{ background: #e3f4ee; color: var(--good) }} .missed {{ background: #fbe7ea; color: var(--bad) }}
.open {{ background: #eef0f3; color: var(--muted) }}
figure {{ margin: 0 0 1.25rem; padding: 1rem 1.25rem }} figure img {{ display: block; max-width: 100%; height: auto }}
figcaption {{ color: var(--muted); font-size: .85rem; margin-top: .5rem }}
details {{ margin-top: 2rem }} summary {{ cursor: pointer; color: var(--muted) }}
details td {{ font-size: .8rem; overflow-wrap: anywhere }}
</style>
<main>
<h1>thatlook: benchmark report</h1>
<p class="run">{run}</p>
<h2>Targets</h2>
<div class="sheet"><table>
<thead><tr><th>target</th><th class=n>wanted</th><th class=n>newest run</th><th class=n>median (runs)</th>
<th class=n>machine’s limit</th>
<th class=n>off by</th><th>verdict</th></tr></thead><tbody>{targets}</tbody></table></div>
<h2>Pictures</h2>
{plots}
<details><summary>Every newest result</summary><div class="sheet"><table>
<thead><tr><th>suite</th><th>case</th><th>parameters</th><th>figures</th></tr></thead>
<tbody>{results}</tbody></table></div></details>
</main></html>
"""
