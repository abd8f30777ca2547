"""`thatlook bench …`: measure the speed, compare it, report it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from benchmarks.bench_history import Line, append_lines
from benchmarks.bench_run import SUITES, BenchSettings, Size, describe_run, load_cases, measure
from engine.errors import QueryRejected, ThatLookError
from models.bootstrap import read_settings


def _measuring(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every measuring command takes."""
    for option in reversed(
        (
            click.option("--full", is_flag=True, help="Everything, for hours, instead of the quick choice."),
            click.option("--tiny", is_flag=True, hidden=True, help="Seconds, for tests: the figures judge nothing."),
            click.option("--case", "only", multiple=True, help="Only cases whose name matches this pattern."),
            click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is made."),
            click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Real photos."),
            click.option("--profile", default="starter", show_default=True, help="Model profile."),
            click.option("--seed", default=7, show_default=True, help="Of everything random."),
            click.option(
                "--history",
                type=click.Path(dir_okay=False, path_type=Path),
                help="Where the result lines go; default: history.jsonl in the work folder.",
            ),
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
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


@bench.command(name="all")
@_measuring
def everything(ctx: click.Context, **options: Any) -> None:
    """Every suite, then the table of targets: what `make bench` calls."""
    run_suites(ctx, SUITES, **options)


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
    from benchmarks.bench_machine import describe_machine
    from benchmarks.bench_tables import show_lines, show_targets

    console = Console(stderr=True)
    size: Size = "tiny" if tiny else "full" if full else "quick"
    work = (work or read_settings(ctx.obj).home / "bench").resolve()
    history = history or work / "history.jsonl"
    work.mkdir(parents=True, exist_ok=True)
    chosen = {suite: load_cases(suite, size, only) for suite in suites}
    if only and not any(chosen.values()):
        raise QueryRejected(f"No case at size {size} matches {', '.join(only)}.")
    run = describe_run(size, describe_machine())
    lines: list[Line] = []
    failures = 0
    for suite, cases in chosen.items():
        if only and not cases:
            continue
        console.rule(f"bench {suite}")
        settings = BenchSettings(suite=suite, size=size, cases=cases, work=work, say=console.print, **rest)
        try:
            for line in measure(settings, run):
                append_lines(history, [line])
                lines.append(line)
                show_lines(console, [line])
        except (ThatLookError, ImportError) as error:
            if len(suites) == 1:
                raise
            failures += 1
            console.print(f"[red]bench {suite} failed:[/] {error}")
    show_targets(console, run, lines)
    if as_json:
        document = {"run": run, "results": [line.result for line in lines]}
        click.echo(msgspec.json.encode(document).decode())
    ctx.exit(1 if failures else 0)
