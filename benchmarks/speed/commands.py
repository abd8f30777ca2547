"""`thatlook bench …`: measure the speed, compare it, report it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.speed.report.compare import NOISE, chosen_lines, latest_run, regressed
from benchmarks.speed.report.compare import compare as judged
from benchmarks.speed.report.markdown import fill_in, markdown_tables
from benchmarks.speed.report.tables import judgements_table, show_lines, show_targets
from benchmarks.speed.results import Line, Run, append_lines, read_lines
from benchmarks.speed.run import SUITES, BenchSettings, Size, describe_run, load_cases, measure
from benchmarks.speed.soak import soak
from engine.errors import QueryRejected, ThatLookError
from engine.system.console import plain_console, wide_console, words
from engine.system.options import JSON
from engine.system.printing import print_json, printable
from models.settings import read_settings

HISTORY = "history.jsonl"
"""In the work folder: what was measured here."""
RELEASES = Path(__file__).with_name(HISTORY)
"""What was measured for releases, on a quiet machine: comes with the repository."""


def _measuring(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every measuring command takes."""
    for option in reversed(
        (
            click.option("--full", is_flag=True, help="Everything, for hours, instead of the quick choice."),
            click.option("--tiny", is_flag=True, hidden=True, help="Seconds, for tests: the figures judge nothing."),
            click.option("--case", "only", multiple=True, help="Only cases whose name matches this pattern."),
            click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is made."),
            click.option(
                "--data",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="Folder of data sets with real photos.",
            ),
            click.option("--profile", default="starter", show_default=True, help="Model profile."),
            click.option("--seed", default=7, show_default=True, help="Seed of everything random."),
            click.option(
                "--history",
                type=click.Path(dir_okay=False, path_type=Path),
                help="Where the result lines go; default: history.jsonl in the work folder.",
            ),
            JSON,
            click.pass_context,
        )
    ):
        command = option(command)
    return command


@click.group()
def bench() -> None:
    """Measure how fast the answers are, and what they cost."""


def _suite_command(suite: str, sentence: str) -> click.Command:
    def call(ctx: click.Context, **options: Any) -> None:
        run_suites(ctx, (suite,), **options)

    call.__doc__ = sentence
    return click.command(name=suite)(_measuring(call))


bench.add_command(_suite_command("latency", "A running server over HTTP: photos in, JSON out, one client and many."))
bench.add_command(_suite_command("recall", "Agreement with exact search, by index, filter and state; what it costs."))
bench.add_command(_suite_command("scale", "How latency, memory and build time grow with the rows."))
bench.add_command(_suite_command("ingest", "Products per second, and where the time goes."))


bench.add_command(soak)


@bench.command(name="all")
@_measuring
def everything(ctx: click.Context, **options: Any) -> None:
    """Every suite, then the table of targets: what `make bench` calls."""
    run_suites(ctx, SUITES, **options)


@bench.command()
@click.argument("base", required=False)
@click.option("--head", help="What is judged: a history file, run id or commit; default: the newest run.")
@click.option(
    "--noise",
    type=click.FloatRange(0.01),
    default=NOISE,
    show_default=True,
    help="Relative difference that counts as none.",
)
@_measuring
def compare(ctx: click.Context, base: str | None, head: str | None, noise: float, **options: Any) -> None:
    """Without BASE: measure thatlook beside what one would do instead. With BASE: judge a run against it.

    BASE is a history file, or a run id or commit in a history. Every time is taken as a multiple of a reference
    workload of its own run, so machines may differ; figures count only at equal recall on the same dataset.
    Exit status 1 if anything became slower than the noise allows, less exact, or fails.
    """
    if base is None:
        run_suites(ctx, ("compare",), **options)
        return
    work = _work(ctx, options["work"])
    histories = [options["history"] or work / HISTORY, RELEASES]
    lines = chosen_lines(head, histories) if head else latest_run(histories[:1])
    judgements = judged(chosen_lines(base, histories), lines, noise)
    _console().print(judgements_table(judgements))
    if options["as_json"]:
        document = {"regressed": regressed(judgements), "noise": noise, "judgements": judgements}
        print_json(document)
    ctx.exit(1 if regressed(judgements) else 0)


@bench.command()
@click.option("--history", "histories", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is made.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write; by default `report` in the work folder.",
)
@click.option("--markdown", is_flag=True, help="Only the tables of the newest results, as Markdown, on stdout.")
@click.option(
    "--fill",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Markdown page whose tables are renewed.",
)
@click.pass_context
def report(
    ctx: click.Context,
    histories: tuple[Path, ...],
    work: Path | None,
    out: Path | None,
    markdown: bool,
    fill: Path | None,
) -> None:
    """Draw what was measured: PNG plots and one HTML page that needs nothing beside it."""
    folder = _work(ctx, work)
    paths = histories or tuple(path for path in (RELEASES, folder / HISTORY) if path.is_file())
    lines = [line for path in paths for line in read_lines(path)]
    if not lines:
        raise QueryRejected("Nothing was measured yet; run `thatlook bench latency`, or name a history with --history.")
    if fill:
        fill.write_text(fill_in(fill.read_text("utf-8"), lines), "utf-8")
    if markdown:
        click.echo(markdown_tables(lines))
    if fill or markdown:
        return
    from benchmarks.speed.report.report import write_report

    for path in write_report(lines, out or folder / "report"):
        plain_console().print(f"Written: {path}", soft_wrap=True)


def run_suites(
    ctx: click.Context,
    suites: tuple[str, ...],
    *,
    full: bool,
    tiny: bool,
    only: tuple[str, ...],
    work: Path | None,
    history: Path | None,
    as_json: bool,
    **rest: Any,
) -> None:
    """Measure suites, write their lines, show them; exit status 1 where a case failed."""
    from benchmarks.speed.machine import cores, describe_machine
    from benchmarks.speed.prepare import build_all

    console = _console()
    size: Size = "tiny" if tiny else "full" if full else "quick"
    work = _work(ctx, work)
    history = history or work / HISTORY
    chosen = {suite: load_cases(suite, size, only) for suite in suites}
    if only and not any(chosen.values()):
        raise QueryRejected(f"No case at size {size} matches {', '.join(only)}.")
    run = describe_run(size, describe_machine(peaks=size != "tiny"))
    settings = [
        BenchSettings(suite=suite, size=size, cases=cases, work=work, say=console.print, **rest)
        for suite, cases in chosen.items()
        if cases or not only
    ]
    build_all(settings, cores())
    lines, failures = _measured(settings, run, history, console, alone=len(suites) == 1)
    show_targets(console, run, lines, suites)
    if as_json:
        document = {"run": run, "results": [line.result for line in lines]}
        print_json(document)
    ctx.exit(1 if failures else 0)


def _measured(
    settings: Sequence[BenchSettings], run: Run, history: Path, console: Console, *, alone: bool
) -> tuple[list[Line], int]:
    """The lines of every suite, and how many suites failed; one that was asked for alone raises instead."""
    lines: list[Line] = []
    failures = 0
    for each in settings:
        console.rule(f"bench {each.suite}")
        try:
            for line in measure(each, run):
                append_lines(history, [line])
                lines.append(line)
                show_lines(console, [line])
        except (ThatLookError, ImportError) as error:
            if alone:
                raise
            failures += 1
            console.print(words(f"bench {each.suite} failed: ", "red").append(printable(str(error)), "not red"))
    return lines, failures


def _work(ctx: click.Context, given: Path | None) -> Path:
    folder = (given or read_settings(ctx.obj).home / "bench").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _console() -> Console:
    """People's tables; where nobody's terminal is attached (a CI log), wide enough for them."""
    return wide_console(130)
