"""`thatlook train select` and `train accept`: out to the labelling tool, and back."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.progress import Progress
from rich.table import Table

from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say
from models.registry import WEIGHTS

STARTER = WEIGHTS / "starter"
PATH = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("select")
@click.argument("photos", nargs=-1, required=True, type=PATH)
@click.option("--budget", type=click.IntRange(min=1), required=True, help="How many photos you can label.")
@click.option("--out", type=FOLDER, required=True, help="Folder for pictures, proposals and the report.")
@click.option("--profile", type=click.Path(exists=True, file_okay=False, path_type=Path), default=STARTER)
@JSON
def select_command(photos: tuple[Path, ...], budget: int, out: Path, profile: Path, as_json: bool) -> None:
    """Pick the unlabelled photos worth labelling next: doubtful, and unlike each other.

    Writes COCO JSON with proposals (`annotations/instances_default.json`) and the pictures, as CVAT and
    Label Studio open them, and `report.json`, which says why each photo was picked.
    """
    from models.train.selection.coco import REPORT, write_selection
    from models.train.selection.selection import Doubter, find_photos, look_at_all, pick

    if (out / "annotations").exists():
        raise click.UsageError(f"{out} holds a selection already; give another --out, or delete it.")
    console, files = plain_console(), find_photos(photos)
    with Progress(console=console, disable=as_json, transient=True) as progress:
        task = progress.add_task("Looking", total=len(files))

        def tell(path: Path, problem: str | None) -> None:
            progress.advance(task)
            if problem:
                say(f"thatlook: {path}: {problem}")

        picked = pick(look_at_all(Doubter(profile), files, tell), budget)
    if not picked:
        raise click.ClickException("None of the pictures could be read.")
    write_selection(picked, out)
    report = json.loads((out / REPORT).read_text())
    if as_json:
        print_json(report)
        return
    table = Table("picture", "doubt", "why", box=None)
    for row in report:
        table.add_row(row["image"], f"{row['doubt']:.2f}", "; ".join(row["why"]))
    console.print(table)
    console.print(f"{len(picked)} of {len(files)} photos, with proposals, are in {out}.")


@click.command("accept")
@click.argument("labels", type=PATH)
@click.option("--out", type=FOLDER, required=True, help="YOLO-seg folder to write.")
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the pictures.")
@click.option(
    "--val-share", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share kept for measuring."
)
@JSON
def accept_command(labels: Path, out: Path, images: Path | None, val_share: float, as_json: bool) -> None:
    """Take corrected labels (COCO JSON, or the folder of `train select`) back as training data.

    Everything of one class in a photo becomes one instance, as in all training data: label the main person alone.
    """
    from models.train.selection.coco import accept_labels

    accepted = accept_labels(labels, out, images, val_share)
    report = {
        "data": str(accepted.data),
        "train": accepted.train,
        "val": accepted.val,
        "without_labels": list(accepted.empty),
    }
    if as_json:
        print_json(report)
        return
    console = plain_console()
    console.print(f"{accepted.train} photos to learn from and {accepted.val} to measure with are in {out}.")
    if accepted.empty:
        console.print(
            f"[yellow]Nothing is drawn on {len(accepted.empty)} of them: taken for photos without garments.[/]"
        )
