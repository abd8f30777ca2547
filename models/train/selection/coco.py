"""Picked photos as COCO JSON with proposals, and corrected COCO JSON back into a YOLO-seg folder.

CVAT and Label Studio read and write this form. Coordinates are of the pictures as written: upright, own size.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Garment, Pixels
from models.architectures.accessories import CLASSES
from models.train.data.datasets import LabelledPhoto, write_data_yaml, write_yolo_folder
from models.train.data.pictures import DatasetUnreadable
from models.train.selection.selection import Picked, read_upright
from models.train.splits import hash_share

ANNOTATIONS = Path("annotations") / "instances_default.json"
"""Where CVAT's COCO form has it."""
REPORT = "report.json"


def write_selection(picked: Sequence[Picked], out: Path) -> Path:
    """Write pictures, proposals and the report of why each photo was picked; returns the COCO file."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / ANNOTATIONS).parent.mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    report: list[dict[str, Any]] = []
    for number, choice in enumerate(picked, 1):
        name = f"{number:04d}-{choice.seen.path.stem}.jpg"
        Image.fromarray(read_upright(choice.seen.path)).save(out / "images" / name, quality=95)
        width, height = choice.seen.size
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for garment in (*choice.seen.garments, *choice.seen.people):
            annotations.append(_annotation(len(annotations) + 1, number, garment))
        report.append(_why(choice, name))
    categories = [{"id": index, "name": name, "supercategory": ""} for index, name in enumerate(CLASSES, 1)]
    document = {"info": {}, "licenses": [], "images": images, "categories": categories, "annotations": annotations}
    (out / ANNOTATIONS).write_text(json.dumps(document))
    (out / REPORT).write_text(json.dumps(report, indent=1))
    return out / ANNOTATIONS


def _why(choice: Picked, name: str) -> dict[str, Any]:
    doubt = choice.seen.doubt
    return {
        "image": name,
        "source": str(choice.seen.path),
        "rank": choice.rank + 1,
        "doubt": round(doubt.total, 4),
        "margin": round(doubt.margin, 4),
        "flip": round(doubt.flip, 4),
        "body": round(doubt.body, 4),
        "distance": round(choice.distance, 4),
        "why": doubt.reasons() or ["unlike the others"],
    }


def _annotation(number: int, image: int, garment: Garment) -> dict[str, Any]:
    x0, y0, x1, y1 = garment.box
    label = garment.label if garment.label in CLASSES else "person"
    return {
        "id": number,
        "image_id": image,
        "category_id": CLASSES.index(label) + 1,
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": float(garment.mask.sum()),
        "segmentation": [np.round(p, 2).reshape(-1).tolist() for p in garment.polygons if len(p) >= 3],
        "iscrowd": 0,
        "score": round(garment.score, 4),
        "attributes": {"score": round(garment.score, 4)},
    }


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came back: pictures per split, and those on which nothing is drawn."""

    data: Path
    train: int
    val: int
    empty: tuple[str, ...]


def accept_labels(given: Path, out: Path, images: Path | None = None, val_share: float = 0.0) -> Accepted:
    """Turn corrected COCO JSON into a YOLO-seg folder that `train segmenter` reads.

    Args:
        given: the JSON, or the folder that `train select` wrote, with the corrected JSON in its place.
        images: where the pictures lie; by default beside the JSON.
        val_share: so much of the photos goes to `val`, by a hash of their names.
    Raises:
        DatasetUnreadable: the file is no such JSON, names an unknown class, a picture is missing or of another size.
    """
    path = given / ANNOTATIONS if given.is_dir() else given
    document = _read(path)
    folder = images or _images_beside(path)
    photos = list(_photos(document, folder, path))
    parts: dict[str, list[LabelledPhoto]] = defaultdict(list)
    for photo in photos:
        parts["val" if hash_share(photo.name) < val_share else "train"].append(photo)
    for split in ("train", "val"):
        write_yolo_folder(out, split, parts[split])
    empty = tuple(photo.name for photo in photos if not photo.masks)
    return Accepted(write_data_yaml(out), len(parts["train"]), len(parts["val"]), empty)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetUnreadable(f"{path} cannot be read as COCO JSON: {error}.") from error
    if not isinstance(document, dict) or not all(
        isinstance(document.get(part), list) for part in ("images", "annotations", "categories")
    ):
        raise DatasetUnreadable(
            f"{path} is no COCO JSON: lists `images`, `annotations` and `categories` are needed. "
            "Export from the labelling tool as “COCO 1.0” (CVAT) or “COCO” (Label Studio)."
        )
    return document


def _images_beside(path: Path) -> Path:
    return next((f for f in (path.parent / "images", path.parent.parent / "images") if f.is_dir()), path.parent)


def _photos(document: Mapping[str, Any], folder: Path, path: Path) -> Iterator[LabelledPhoto]:
    names = {row["id"]: _class_of(str(row["name"]), path) for row in document["categories"]}
    drawn: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in document["annotations"]:
        drawn[row.get("image_id")].append(row)
    for image in document["images"]:
        pixels = _picture(folder, image, path)
        masks: dict[str, NDArray[np.bool_]] = {}
        for row in drawn[image["id"]]:
            if row.get("category_id") not in names:
                raise DatasetUnreadable(
                    f"{path}: annotation {row.get('id')} is of category {row.get('category_id')}, which is not listed."
                )
            name, mask = names[row["category_id"]], _mask(row, pixels.shape[:2], image["file_name"])
            masks[name] = masks[name] | mask if name in masks else mask
        ordered = {name: masks[name] for name in CLASSES if name in masks and masks[name].any()}
        yield LabelledPhoto(Path(image["file_name"]).stem, pixels, ordered)


def _class_of(name: str, path: Path) -> str:
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    if plain not in CLASSES:
        raise DatasetUnreadable(f"{path} names a class {name!r}; thatlook knows {', '.join(CLASSES)}.")
    return plain


def _picture(folder: Path, image: Mapping[str, Any], path: Path) -> Pixels:
    """The picture that a row speaks of; labelling tools may add or drop folders before its name."""
    name = str(image["file_name"])
    file = next((f for f in (folder / name, folder / Path(name).name) if f.is_file()), None)
    if file is None:
        raise DatasetUnreadable(f"{path} speaks of {name}, which is not in {folder}; say with --images where it lies.")
    pixels = read_upright(file)
    size = int(image.get("width") or pixels.shape[1]), int(image.get("height") or pixels.shape[0])
    if size != (pixels.shape[1], pixels.shape[0]):
        raise DatasetUnreadable(f"{file} is {pixels.shape[1]} x {pixels.shape[0]}, labelled at {size[0]} x {size[1]}.")
    return pixels


def _mask(row: Mapping[str, Any], size: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    """An annotation's outline filled: polygons, or COCO's run lengths."""
    shape = row.get("segmentation")
    if isinstance(shape, dict):
        return _run_lengths(shape, size, name)
    if not isinstance(shape, list) or not shape:
        raise DatasetUnreadable(f"Annotation {row.get('id')} of {name} has a box but no outline; draw or delete it.")
    mask = np.zeros(size[:2], np.uint8)
    for ring in shape:
        if len(ring) < 6 or len(ring) % 2:
            raise DatasetUnreadable(f"Annotation {row.get('id')} of {name} has an outline of under three points.")
        cv2.fillPoly(mask, [np.round(np.asarray(ring, np.float64).reshape(-1, 2)).astype(np.int32)], 1)
    return mask.astype(bool)


def _run_lengths(shape: Mapping[str, Any], size: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    height, width = (int(v) for v in shape.get("size", (0, 0)))
    if (height, width) != tuple(size[:2]):
        raise DatasetUnreadable(f"A mask of {name} is {width} x {height}, the picture {size[1]} x {size[0]}.")
    counts: Any = shape.get("counts")
    if not isinstance(counts, list):
        return _packed(counts, height, width)
    if sum(counts) != height * width:
        raise DatasetUnreadable(f"The run lengths of a mask of {name} do not add up to its size.")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _packed(counts: Any, height: int, width: int) -> NDArray[np.bool_]:
    """COCO's compressed run lengths."""
    from pycocotools import mask as coco_mask

    with warnings.catch_warnings(action="ignore"):  # It has not heard of NumPy 2's copies.
        return np.asarray(coco_mask.decode({"size": [height, width], "counts": counts}), bool)
