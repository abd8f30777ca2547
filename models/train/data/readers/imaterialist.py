"""iMaterialist Fashion 2019 (FGVC6): `train.csv` with run-length masks, `label_descriptions.json` with the words.

Every row is one garment or part of one: `ImageId, EncodedPixels, Height, Width, ClassId`, where the class may carry
attributes behind underscores (`"13_20_90"` is class 13).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from models.train.data.datasets import Mask, read_json
from models.train.data.pictures import DatasetUnreadable
from models.train.data.readers.foreign import GarmentPhoto, run_lengths

_COLUMNS = {"ImageId", "EncodedPixels", "Height", "Width", "ClassId"}


def imaterialist_photos(root: Path, images: Path | None = None) -> Iterator[GarmentPhoto]:
    """The photos of the labelled part, rows of one picture together.

    Args:
        root: holds `train.csv` and `label_descriptions.json`.
        images: the pictures; `train/` of `root` unless given.
    Raises:
        DatasetUnreadable: a file is missing or a row cannot be understood.
    """
    names = _names(root / "label_descriptions.json")
    folder = images or root / "train"
    for image_id, rows in groupby(_rows(root / "train.csv"), key=lambda numbered: numbered[1]["ImageId"]):
        stem = Path(image_id).stem
        path = folder / (image_id if Path(image_id).suffix else f"{image_id}.jpg")
        yield GarmentPhoto(stem, path, f"imaterialist/{stem}", [_garment(line, row, names) for line, row in rows])


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered rows of the table; those of one picture follow each other in the published file."""
    csv.field_size_limit(sys.maxsize)  # Run lengths of a large garment are far longer than Python's default allows.
    try:
        with path.open(newline="", encoding="utf-8") as table:
            reader = csv.DictReader(table)
            if missing := _COLUMNS - set(reader.fieldnames or ()):
                raise DatasetUnreadable(f"{path} lacks the columns {', '.join(sorted(missing))}.")
            yield from enumerate(reader, start=2)
    except OSError as error:
        raise DatasetUnreadable(f"{path} cannot be read: {error}.") from error


def _garment(line: int, row: Mapping[str, str], names: Mapping[int, str]) -> tuple[str, Mask]:
    try:
        number = int(row["ClassId"].split("_")[0])
        runs = [int(value) for value in row["EncodedPixels"].split()]
        return names[number], run_lengths(runs, (int(row["Height"]), int(row["Width"])))
    except (ValueError, KeyError, DatasetUnreadable) as error:
        raise DatasetUnreadable(f"Line {line} of train.csv, picture {row['ImageId']}: {error}.") from error


def _names(path: Path) -> dict[int, str]:
    try:
        return {int(row["id"]): str(row["name"]) for row in read_json(path)["categories"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetUnreadable(f"{path} has no list of categories with id and name: {error}.") from error
