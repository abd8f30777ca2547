"""Garment photos with masks: the CCP reader, and the folder of pictures and polygons that YOLO-seg trains on.

CCP (Clothing Co-Parsing, Apache-2.0) labels the main person of a street photo with 59 classes, pixel by pixel.
Here they become the taxonomy's five classes, `person`, `bag` and `headwear`: one instance per class and photo, all
its pieces together, because a pair of shoes is one garment and a bag strap does not cut a coat in two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Pixels
from models.architectures.accessories import ACCESSORIES, CLASSES
from models.train.data.pictures import DatasetUnreadable, read_label_map, read_pixels
from models.train.splits import is_for_tuning

Mask = NDArray[np.bool_]

SKIRT_BELOW = 0.3
"""What is worn below a top and starts under this share of a person's height is no dress."""
_SMALLEST_PIECE = 0.0003
"""Pieces under this share of the picture are specks left by the resizing of the masks."""
_SMALLEST_SHARE = 0.04
"""… and so are pieces under this share of their garment."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPhoto:
    """A photo and the mask of each class that it shows.

    Attributes:
        name: unique in its dataset; becomes the file name.
        masks: class name → (H, W) bool. Masks may overlap: `person` covers the garments.
    """

    name: str
    pixels: Pixels
    masks: Mapping[str, Mask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CcpFolder:
    """The CCP data set as laid out on disk: `images/`, `masks/`, `labels.json`, `splits.json`."""

    root: Path

    def split(self, name: str) -> tuple[str, ...]:
        """The photo ids of a split: `train` or `val` of the file, or `fit` and `tune`, the two parts of `train`.

        `tune` is for choices (thresholds, input size), so that `val` is not chosen on; `fit` is what is learned.

        Raises:
            DatasetUnreadable: no such split, or a photo is in two of them.
        """
        if name in {"fit", "tune"}:
            return tuple(photo for photo in self.split("train") if is_for_tuning(photo) == (name == "tune"))
        splits: dict[str, list[str]] = read_json(self.root / "splits.json")
        if name not in splits:
            raise DatasetUnreadable(f"{self.root} has no split {name!r}, only {', '.join(splits)}.")
        elsewhere = {photo for other, photos in splits.items() if other != name for photo in photos}
        if leaked := elsewhere & set(splits[name]):
            raise DatasetUnreadable(f"{len(leaked)} photos of split {name!r} are in another split too: {self.root}.")
        return tuple(splits[name])

    def read(self, photo_id: str) -> LabelledPhoto:
        """One photo with its masks, `person` included.

        Raises:
            DatasetUnreadable: a file is missing, or mask and photo differ in size.
        """
        pixels = read_pixels(self.root / "images" / f"{photo_id}.jpg")
        values = read_label_map(self.root / "masks" / f"{photo_id}.png")
        if values.shape != pixels.shape[:2]:
            raise DatasetUnreadable(f"Photo {photo_id} of {self.root}: mask {values.shape}, photo {pixels.shape[:2]}.")
        return LabelledPhoto(photo_id, pixels, garment_masks(values, self.class_values()))

    def class_values(self) -> dict[str, tuple[int, ...]]:
        """Which pixel values make each class; `person` is everything but the background."""
        labels = read_json(self.root / "labels.json")
        number = {name: index for index, name in enumerate(labels["labels"])}
        values = {name: tuple(number[word] for word in words) for name, words in labels["mapping"].items()}
        aside = {name: tuple(number[w] for w in words if w in number) for name, words in ACCESSORIES.items()}
        return {**values, **aside, "person": tuple(range(1, len(number)))}


def garment_masks(values: NDArray[np.integer], class_values: Mapping[str, tuple[int, ...]]) -> dict[str, Mask]:
    """The clean mask of every class of `CLASSES` that a label map (H, W) shows."""
    masks = {name: without_specks(np.isin(values, class_values[name])) for name in CLASSES if name in class_values}
    return {name: mask for name, mask in masks.items() if mask.any()}


def skirts_put_right(photo: LabelledPhoto) -> LabelledPhoto:
    """The photo with what is called a dress, and is worn below a top from the waist on, named a skirt.

    A third of CCP's dresses are skirts: of 245 in training photos 84 start under the waist.
    """
    masks = dict(photo.masks)
    if not {"dress", "upper_wear", "person"} <= set(masks):
        return photo
    rows, dress = np.flatnonzero(masks["person"].any(1)), np.flatnonzero(masks["dress"].any(1))
    if dress[0] <= rows[0] + SKIRT_BELOW * (rows[-1] - rows[0]):
        return photo
    skirt = masks.pop("dress")
    return replace(photo, masks={**masks, "lower_wear": skirt | masks.get("lower_wear", False)})


def without_specks(mask: Mask) -> Mask:
    """The mask without connected pieces too small to be part of the garment."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    least = max(_SMALLEST_PIECE * mask.size, _SMALLEST_SHARE * areas[1:].max(initial=0))
    keep = [piece for piece in range(1, count) if areas[piece] >= least]
    return np.isin(pieces, keep)


def crop_photo(photo: LabelledPhoto, box: tuple[int, int, int, int], name: str) -> LabelledPhoto:
    """The part of a photo inside `box` (x0, y0, x1, y1), classes that vanish left out."""
    x0, y0, x1, y1 = box
    masks = {label: without_specks(mask[y0:y1, x0:x1]) for label, mask in photo.masks.items()}
    masks = {label: mask for label, mask in masks.items() if mask.any()}
    return LabelledPhoto(name, photo.pixels[y0:y1, x0:x1], masks)


def polygon(mask: Mask) -> NDArray[np.float32]:
    """One closed outline (n, 2) of all pieces of a mask, in pixels; empty for an empty mask.

    YOLO-seg labels hold one polygon per instance, so pieces are joined by bridges without width:
    from a piece to its nearest neighbour and back along the same line.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pieces = [np.asarray(c, np.int32).reshape(-1, 2) for c in sorted(contours, key=len, reverse=True) if len(c) >= 3]
    if not pieces:
        return np.zeros((0, 2), np.float32)
    outline = _simplified(pieces[0])
    for piece in pieces[1:]:
        outline = _bridged(outline, _simplified(piece))
    return outline.astype(np.float32)


def write_yolo_folder(out: Path, split: str, photos: Iterable[LabelledPhoto], quality: int = 92) -> int:
    """Write `images/<split>/*.jpg` and `labels/<split>/*.txt` under `out`; returns how many photos."""
    images, labels = out / "images" / split, out / "labels" / split
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    count = 0
    for photo in photos:
        Image.fromarray(photo.pixels).save(images / f"{photo.name}.jpg", quality=quality)
        (labels / f"{photo.name}.txt").write_text("".join(f"{line}\n" for line in yolo_lines(photo)))
        count += 1
    return count


def yolo_lines(photo: LabelledPhoto) -> Iterator[str]:
    """The label lines of a photo: class number and outline, x and y relative to width and height."""
    height, width = photo.pixels.shape[:2]
    for label, mask in photo.masks.items():
        outline = (polygon(mask) + 0.5) / (width, height)
        if len(outline) >= 3:
            yield f"{CLASSES.index(label)} " + " ".join(f"{value:.5f}" for value in outline.reshape(-1))


def write_data_yaml(out: Path, more: Sequence[Path] = (), *, own: bool = True) -> Path:
    """Write the `data.yaml` that ultralytics reads; class names in the order of `CLASSES`.

    Args:
        more: further folders of the same form, whose `images/train` is learned too.
        own: `out` holds pictures itself, and validates alone; else the further folders validate.
    """
    train, val = (
        ([f"images/{part}"] if own else []) + [str((folder / "images" / part).resolve()) for folder in more]
        for part in ("train", "val")
    )
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASSES))
    path = out / "data.yaml"
    chosen = json.dumps(["images/val"] if own else val)
    path.write_text(f"path: {out.resolve()}\ntrain: {json.dumps(train)}\nval: {chosen}\nnames:\n{names}")
    return path


def _simplified(contour: NDArray[np.int32]) -> NDArray[np.float64]:
    outline = cv2.approxPolyDP(contour.reshape(-1, 1, 2), 0.6, closed=True).reshape(-1, 2)
    return (outline if len(outline) >= 3 else contour).astype(np.float64)


def _bridged(outline: NDArray[np.float64], piece: NDArray[np.float64]) -> NDArray[np.float64]:
    distances = np.square(outline[:, None] - piece[None]).sum(-1)
    at, to = np.unravel_index(distances.argmin(), distances.shape)
    round_trip = np.concatenate([piece[to:], piece[: to + 1]])
    return np.concatenate([outline[: at + 1], round_trip, outline[at:]])


def read_json(path: Path) -> Any:
    """What a JSON file of a dataset holds.

    Raises:
        DatasetUnreadable: no such file, or no JSON in it.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetUnreadable(f"{path} cannot be read: {error}.") from error
