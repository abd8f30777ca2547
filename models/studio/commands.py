"""The commands `studio sheet`, `studio catalogue`, `studio queries` and `studio segmentation`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.system.options import JSON
from engine.system.printing import print_json, say

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
SEED = click.option("--seed", default=0, show_default=True, help="Equal seeds draw equal pictures.")
WORKERS = click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that draw.")
SIZE = click.option(
    "--size", nargs=2, type=click.IntRange(32, 4096), default=(480, 640), show_default=True, metavar="WIDTH HEIGHT"
)


@click.group()
def studio() -> None:
    """Draw a generated catalogue: products, people who wear them, and exact truth."""


@studio.command()
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--show",
    type=click.Choice(["looks", "products"]),
    default="looks",
    show_default=True,
    help="People, or products alone.",
)
@click.option("--kind", help="Only this kind of garment, such as sneakers.")
@click.option("--rows", default=3, show_default=True, type=click.IntRange(1))
@click.option("--columns", default=6, show_default=True, type=click.IntRange(1))
@click.option(
    "--size", nargs=2, type=click.IntRange(32, 4096), default=(300, 400), show_default=True, metavar="WIDTH HEIGHT"
)
@SEED
def sheet(
    picture: Path, show: str, kind: str | None, rows: int, columns: int, size: tuple[int, int], seed: int
) -> None:
    """Draw a contact sheet into PICTURE, to look at."""
    from PIL import Image

    from models.studio.figures.kinds import KINDS
    from models.studio.output.sheet import look_sheet, product_sheet

    if kind is not None and kind not in KINDS:
        raise click.BadParameter(f"there is no kind {kind!r}; use one of {', '.join(KINDS)}", param_hint="--kind")
    draw = look_sheet if show == "looks" else product_sheet
    Image.fromarray(draw(rows * columns, columns, seed, size, kind)).save(picture)
    say(f"{picture}: {rows * columns} pictures")


@studio.command()
@FOLDER
@click.option("--products", default=120, show_default=True, type=click.IntRange(1))
@click.option(
    "--queries",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Street photos of people in these products, in FOLDER/queries.",
)
@SEED
@SIZE
@WORKERS
@JSON
def catalogue(
    folder: Path, products: int, queries: int, seed: int, size: tuple[int, int], workers: int, as_json: bool
) -> None:
    """Write a shop into FOLDER: images, feed.jsonl, truth.jsonl."""
    from models.studio.catalogue import sample_catalogue
    from models.studio.output.feed import write_catalogue, write_queries

    feed = write_catalogue(folder, products, seed, size, workers=workers)
    book = write_queries(folder / "queries", sample_catalogue(products, seed), queries, seed, size) if queries else None
    report = {
        "feed": str(feed),
        "truth": str(folder / "truth.jsonl"),
        "queries": str(book) if book else None,
        "products": products,
    }
    if as_json:
        print_json(report)
    else:
        say(f"{products} products in {feed}" + (f", {queries} queries in {book}" if book else ""))


@studio.command()
@FOLDER
@click.option("--pictures", default=1000, show_default=True, type=click.IntRange(1))
@SEED
@SIZE
@WORKERS
def segmentation(folder: Path, pictures: int, seed: int, size: tuple[int, int], workers: int) -> None:
    """Write a YOLO-seg training set into FOLDER."""
    from models.studio.output.dataset import write_segmentation_set

    click.echo(
        f"{pictures} pictures; {write_segmentation_set(folder, pictures, seed, size, workers=workers)}", err=True
    )
