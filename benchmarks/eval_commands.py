"""`thatlook eval`: how good the answers are, one command per subject.

Every command takes `--data DIR` (the folder with ccp, magento_catalog, clothing_dataset, weights, …) and
`--json`: one document `{"task", "profile", "figures", "targets": [{"name", "target", "value", "met"}]}` on stdout.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from models.bootstrap import read_settings


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
