"""A plain YOLO-seg folder: `data.yaml` with names, `images/…` and `labels/…` side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models.train.data.datasets import Mask
from models.train.data.pictures import DatasetUnreadable, size_of
from models.train.data.readers.foreign import GarmentPhoto, polygons_mask
from models.train.splits import Split

_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def yolo_photos(data: Path) -> Iterator[GarmentPhoto]:
    """The photos of both splits, which stay as they are.

    Args:
        data: a `data.yaml`, or the folder that holds one.
    Raises:
        DatasetUnreadable: no `data.yaml`, a folder that is not there, a label of an unknown class, or a photo that
            is in both splits.
    """
    path = data / "data.yaml" if data.is_dir() else data
    described = _described(path)
    names = _names(described, path)
    pictures = {split: _pictures(described, path, split) for split in ("train", "val")}
    if both := {p.stem for p in pictures["train"]} & {p.stem for p in pictures["val"]}:
        raise DatasetUnreadable(f"{len(both)} photos of {path} are in both splits, {min(both)} for one.")
    for picture in pictures["train"]:
        yield _photo(picture, names, "train")
    for picture in pictures["val"]:
        yield _photo(picture, names, "val")


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DatasetUnreadable(f"{path} cannot be read: {error}.") from error
    if not isinstance(described, dict) or "train" not in described or "names" not in described:
        raise DatasetUnreadable(f"{path} says neither where the pictures are (`train`) nor the classes (`names`).")
    return described


def _names(described: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = described["names"]
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    try:
        return {int(number): str(name) for number, name in pairs}
    except (TypeError, ValueError) as error:
        raise DatasetUnreadable(f"{path}: names are neither a list nor numbered: {error}.") from error


def _pictures(described: Mapping[str, Any], path: Path, split: str) -> list[Path]:
    root = path.parent / str(described.get("path") or ".")
    given = described.get(split) or []
    folders = [root / str(folder) for folder in (given if isinstance(given, list) else [given])]
    for folder in folders:
        if not folder.is_dir():
            raise DatasetUnreadable(f"{path} names {folder} for {split!r}, which is no folder.")
    return [p for folder in folders for p in sorted(folder.iterdir()) if p.suffix.lower() in _PICTURES]


def _photo(picture: Path, names: Mapping[int, str], split: Split) -> GarmentPhoto:
    size = size_of(picture)
    parts = ["labels" if part == "images" else part for part in picture.with_suffix(".txt").parts]
    labels = Path(*parts)
    lines = labels.read_text("utf-8").splitlines() if labels.exists() else []
    garments = [_garment(line, size, names, labels) for line in lines if line.strip()]
    return GarmentPhoto(picture.stem, picture, f"photo/{picture.stem}", garments, split)


def _garment(line: str, size: tuple[int, int], names: Mapping[int, str], labels: Path) -> tuple[str, Mask]:
    """One line: a class number and at least three corners, as shares of width and height."""
    try:
        number, *values = line.split()
        corners = np.array(values, np.float64).reshape(-1, 2) * (size[1], size[0])
        if len(corners) < 3:
            raise ValueError("a line with fewer than three corners; boxes alone do not do")
        return names[int(number)], polygons_mask([corners.reshape(-1).tolist()], size)
    except (ValueError, KeyError) as error:
        raise DatasetUnreadable(f"{labels}: {error}.") from error
