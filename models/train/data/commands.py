"""`thatlook train dataset`: a published data set, or the studio's pictures, as the folder that trainings read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json

KINDS = ("imaterialist", "fashionpedia", "deepfashion2", "coco", "yolo", "studio")


@click.command("dataset")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the pictures.")
@click.option("--class", "own", multiple=True, metavar="WORD=CLASS", help="What a word of the data set means; repeat.")
@click.option(
    "--people",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Profile whose segmenter labels the people, which garment data sets do not (not needed for `studio`).",
)
@click.option("--long-side", type=click.IntRange(min=64), default=640, show_default=True)
@JSON
def train_dataset_command(
    kind: str,
    source: Path,
    out: Path,
    images: Path | None,
    own: tuple[str, ...],
    people: Path | None,
    long_side: int,
    as_json: bool,
) -> None:
    """Write a data set into OUT, for `train segmenter --add OUT`.

    \b
    imaterialist  SOURCE: folder with train.csv and label_descriptions.json; pictures in train/ or --images
    fashionpedia  SOURCE: the JSON file; --images
    deepfashion2  SOURCE: folder with annos/ and image/
    coco          SOURCE: any COCO-style JSON with masks; --images
    yolo          SOURCE: data.yaml of a YOLO-seg folder; its own splits stay
    studio        SOURCE: how many pictures to draw

    Class names are read by the taxonomy's synonyms; what means no garment of ours is left out and counted. One photo
    in ten, or all photos of one product in ten, become validation.
    """
    written = (
        _studio(source, out) if kind == "studio" else _converted(kind, source, out, images, own, people, long_side)
    )
    if as_json:
        print_json(written)
        return
    table = Table("", "", box=None)
    for name, value in written.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, count in rows:
            table.add_row(f"{name} {key}".strip(), str(count))
    plain_console().print(table)


def _converted(
    kind: str,
    source: Path,
    out: Path,
    images: Path | None,
    own: tuple[str, ...],
    people: Path | None,
    long_side: int,
) -> dict[str, Any]:
    from engine.taxonomy import load_taxonomy
    from models.train.data.readers.foreign import ClassWords, write_garment_folder

    words = ClassWords(load_taxonomy(None), dict(_pair(text) for text in own))
    finder = _people(people) if people else None
    written = write_garment_folder(out, _photos(kind, source, images), words, finder, long_side)
    return {
        "data": str(written.data),
        "photos": dict(written.photos),
        "instances": dict(written.instances),
        "ignored": dict(written.ignored),
    }


def _pair(text: str) -> tuple[str, str]:
    from models.architectures.accessories import CLASSES

    word, equals, label = text.partition("=")
    if not equals or (label and label not in CLASSES):
        raise click.BadParameter(
            f"{text!r}: write WORD=CLASS with a class of {', '.join(CLASSES)}, or nothing behind = to leave it out.",
            param_hint="--class",
        )
    return word, label


def _photos(kind: str, source: Path, images: Path | None) -> Iterator[Any]:
    from models.train.data.readers.coco import coco_photos
    from models.train.data.readers.deepfashion2 import deepfashion2_photos
    from models.train.data.readers.imaterialist import imaterialist_photos
    from models.train.data.readers.yolo import yolo_photos

    if kind in {"fashionpedia", "coco"}:
        if images is None:
            raise click.UsageError(f"`{kind}` needs --images, the folder that the JSON file's names start from.")
        return coco_photos(source, images)
    if kind == "imaterialist":
        return imaterialist_photos(source, images)
    return deepfashion2_photos(source) if kind == "deepfashion2" else yolo_photos(source)


def _people(profile: Path) -> Any:
    from models.train.data.self_training import PeopleOf

    return PeopleOf(profile)


def _studio(source: Path, out: Path) -> dict[str, Any]:
    from models.studio.output.dataset import write_segmentation_set

    try:
        count = int(str(source))
    except ValueError:
        raise click.UsageError(f"For `studio`, SOURCE is how many pictures to draw, not {source}.") from None
    data = write_segmentation_set(out, count)
    return {
        "data": str(data),
        "photos": {part: len(list((out / "images" / part).iterdir())) for part in ("train", "val")},
    }
