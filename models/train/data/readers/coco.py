"""COCO-style JSON, as Fashionpedia and the converted DeepFashion2 come, and as labelling tools export it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.train.data.datasets import Mask, read_json
from models.train.data.pictures import DatasetUnreadable
from models.train.data.readers.foreign import GarmentPhoto, polygons_mask

_PRODUCT_KEYS = ("product_id", "item_id", "pair_id")
"""Fields of an image or annotation that say what product it shows, the surest first."""


def coco_photos(annotations: Path, images: Path) -> Iterator[GarmentPhoto]:
    """Every picture of the file with its masks: polygons, plain or compressed run lengths.

    Photos of one product share a group where images or annotations carry a `product_id`, `item_id` or `pair_id`.

    Raises:
        DatasetUnreadable: the file is no COCO JSON with `images`, `annotations` and `categories`.
    """
    data = read_json(annotations)
    try:
        names = {row["id"]: str(row["name"]) for row in data["categories"]}
        rows: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for row in data["annotations"]:
            rows[row["image_id"]].append(row)
        for image in data["images"]:
            yield _photo(image, rows[image["id"]], names, images)
    except (KeyError, TypeError) as error:
        raise DatasetUnreadable(f"{annotations} is not COCO JSON: {error!r} is missing or of another kind.") from error


def _photo(
    image: Mapping[str, Any], rows: list[Mapping[str, Any]], names: Mapping[Any, str], images: Path
) -> GarmentPhoto:
    size, file = (int(image["height"]), int(image["width"])), Path(str(image["file_name"]))
    garments = [
        (names[row["category_id"]], _mask(row["segmentation"], size, file))
        for row in rows
        if row.get("segmentation") and not row.get("iscrowd")
    ]
    return GarmentPhoto("_".join(file.with_suffix("").parts), images / file, _group(image, rows, file), garments)


def _group(image: Mapping[str, Any], rows: list[Mapping[str, Any]], file: Path) -> str:
    for key in _PRODUCT_KEYS:
        for holder in (image, *rows):
            if holder.get(key):
                return f"{key}/{holder[key]}"
    return f"photo/{file.stem}"


def _mask(segmentation: Any, size: tuple[int, int], file: Path) -> Mask:
    """A mask from what COCO allows: a list of polygons, or run lengths as numbers or as a string."""
    if isinstance(segmentation, list):
        return polygons_mask(segmentation, size)
    try:
        counts, (height, width) = segmentation["counts"], segmentation["size"]
        lengths = counts if isinstance(counts, list) else unpacked(str(counts))
        values = np.arange(len(lengths)) % 2 == 1
        return np.repeat(values, lengths).reshape(int(width), int(height)).T
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetUnreadable(f"A mask of {file} cannot be understood: {error!r}.") from error


def unpacked(text: str) -> list[int]:
    """The run lengths in COCO's compressed string.

    Each number comes in groups of five bits, the lowest first, one character per group: bit 6 says that more
    follows, bit 5 of the last group is the sign. From the fourth number on, it is the difference to the last but one.
    """
    lengths: list[int] = []
    number, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        number |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            number -= 1 << shift
        lengths.append(number + (lengths[-2] if len(lengths) > 2 else 0))
        number, shift = 0, 0
    return lengths
