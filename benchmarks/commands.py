"""Commands of the top floor: `demo`, `doctor`, `eval`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from models.bootstrap import read_settings


@click.command()
@click.option("--products", type=click.IntRange(20, 100_000), default=150, show_default=True, help="How many to draw.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another catalogue.")
@click.option("--check", is_flag=True, help="Do the same work, then end instead of serving.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a picture.")
@click.option("--host", default=None, help="Where to serve; THATLOOK_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Where to serve; THATLOOK_PORT.")
@click.pass_obj
def demo(
    options: dict[str, Any],
    products: int,
    seed: int,
    check: bool,
    picture: Path | None,
    host: str | None,
    port: int | None,
) -> None:
    """Draw a catalogue, ingest it, show one query's answer, and serve.

    Works in the folder `demo` of the home, so that a shop's own catalogue is left alone.
    """
    from benchmarks.demo import run_demo

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = read_settings({**options, **given})
    settings = settings.model_copy(update={"home": settings.home / "demo"})
    run_demo(settings, products=products, seed=seed, serve=not check, picture=picture)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at this installation and say what is wrong and what to do."""
    from benchmarks.doctor import examine

    findings = list(examine(read_settings(ctx.obj)))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table("", "part", "what was seen", box=None)
        for finding in findings:
            table.add_row("[green]ok[/]" if finding.well else "[red]no[/]", finding.part, finding.detail)
        Console(stderr=True).print(table)
    ctx.exit(0 if all(finding.well for finding in findings) else 1)


@click.group(name="eval")
def evaluate() -> None:
    """Measure how good the answers are."""


@evaluate.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder with ccp, magento_catalog and clothing_dataset.",
)
@click.option("-n", "photos", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many photos.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_obj
def street(options: dict[str, Any], data: Path, photos: int, as_json: bool) -> None:
    """Real street photos against a real catalogue: products of the right kind for every visible garment?

    The catalogue is ingested into the home first, which takes a while; a second call finds it there.
    """
    from benchmarks.street import evaluate_street, street_report

    cases = evaluate_street(read_settings(options), data, photos)
    report = street_report(cases)
    if as_json:
        click.echo(json.dumps(report))
        return
    table = Table("photo", "visible (masks)", "answered", "holds", box=None)
    for case in cases:
        table.add_row(case.photo, ", ".join(case.visible), ", ".join(case.answered), "yes" if case.holds else "NO")
    console = Console(stderr=True)
    console.print(table)
    console.print(f"All visible garments answered: {report['photos_holding']} of {report['photos']} photos.")
