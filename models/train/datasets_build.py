"""Build the segmenter's training folder out of CCP and, where given, flat-lays, a teacher's labels, generated pictures.

The validation split is written as it is: no bystander blurred, nothing moved to a studio. The photos that are kept
for choices (`tune`) are in neither part.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.taxonomy import load_taxonomy
from models.studio.dataset import write_segmentation_set
from models.train.datasets import CcpFolder, DatasetUnreadable, LabelledPhoto, write_data_yaml, write_yolo_folder
from models.train.datasets_foreign import ClassWords, write_garment_folder
from models.train.datasets_people import PeopleFinder
from models.train.datasets_scenes import around_person, flat_lay_mask, in_studio, without_bystanders
from models.train.datasets_yolo import yolo_photos
from models.train.self_training import Teacher, agreed_photos, catalogue_accessories, catalogue_photos, tagged_photos

FLAT_LAY_CLASSES: dict[str, str] = {
    "T-Shirt": "upper_wear",
    "Longsleeve": "upper_wear",
    "Shirt": "upper_wear",
    "Polo": "upper_wear",
    "Hoodie": "upper_wear",
    "Blouse": "upper_wear",
    "Top": "upper_wear",
    "Undershirt": "upper_wear",
    "Pants": "lower_wear",
    "Shorts": "lower_wear",
    "Skirt": "lower_wear",
    "Shoes": "foot_wear",
    "Dress": "dress",
    "Outwear": "outerwear",
    "Blazer": "outerwear",
}
"""The labels of the Clothing Dataset (CC0) that are garments of ours."""


FLAT_LAY_OTHERS = {"Hat"}
"""Labels of things that are no garment of ours: pictures of them teach what to leave alone."""


@dataclass(frozen=True, slots=True)
class SceneMix:
    """What the training folder is made of.

    Attributes:
        ccp: the CCP folder, or None where `more` holds all photos.
        flat_lays: the Clothing Dataset's folder (`images/`, `images.csv`), or None.
        people_finder: YOLOX weights that find bystanders, or None to leave them in.
        studio_share: studio scenes per street photo.
        flat_lays_per_class: at most this many flat-lays of each class.
        teacher: profile whose segmenter labels CCP's tag-only photos, or None to leave them out.
        catalogue: the Magento catalogue, whose Luma pictures the teacher labels too, or None.
        generated: how many pictures the studio draws.
        more: further folders in the form that `train dataset` writes.
        long_side: pictures are written no larger.
        limit: use only the first so many photos of each split (for a smoke run).
    """

    ccp: Path | None = None
    flat_lays: Path | None = None
    people_finder: Path | None = None
    studio_share: float = 0.8
    flat_lays_per_class: int = 110
    teacher: Path | None = None
    catalogue: Path | None = None
    generated: int = 0
    more: tuple[Path, ...] = ()
    long_side: int = 512
    seed: int = 0
    limit: int | None = None


def build_segmenter_folder(out: Path, mix: SceneMix) -> Path:
    """Write pictures and labels of both splits and return the path of `data.yaml`.

    Raises:
        DatasetUnreadable: neither CCP nor another folder is given, or one cannot be read.
    """
    if mix.ccp is None:
        return _of_others(out, mix.more)
    folder = CcpFolder(mix.ccp)
    write_yolo_folder(out, "train", (_smaller(p, mix.long_side) for p in _training_photos(folder, mix)))
    val = (_smaller(folder.read(photo), mix.long_side) for photo in folder.split("val")[: mix.limit])
    write_yolo_folder(out, "val", val)
    if mix.generated:
        drawn = write_segmentation_set(out.parent / "studio", mix.generated, mix.seed, (384, 512), val_share=0)
        write_garment_folder(out, yolo_photos(drawn), ClassWords(load_taxonomy(None)), long_side=mix.long_side)
    return write_data_yaml(out, mix.more)


def _of_others(out: Path, more: Sequence[Path]) -> Path:
    """The `data.yaml` of a training on a shop's own folders: theirs is the validation, too."""
    if not more:
        raise DatasetUnreadable("There is nothing to learn from: give CCP or at least one folder of labelled photos.")
    out.mkdir(parents=True, exist_ok=True)
    return write_data_yaml(out, more, own=False)


def _training_photos(folder: CcpFolder, mix: SceneMix) -> Iterator[LabelledPhoto]:
    rng = np.random.default_rng(mix.seed)
    finder = PeopleFinder(mix.people_finder) if mix.people_finder else None
    for photo in (_alone(folder.read(photo_id), finder) for photo_id in folder.split("fit")[: mix.limit]):
        yield around_person(photo, rng)
        if rng.random() < mix.studio_share:
            yield in_studio(photo, f"{photo.name}_studio", rng)
    if mix.flat_lays is not None:
        yield from flat_lay_photos(mix.flat_lays, mix.flat_lays_per_class, mix.seed)
    if mix.teacher is not None:
        yield from _taught_photos(folder.root, mix, Teacher(mix.teacher), finder)


def _alone(photo: LabelledPhoto, finder: PeopleFinder | None) -> LabelledPhoto:
    """The photo without its bystanders, where there is a finder for them."""
    return without_bystanders(photo, finder.find(photo.pixels)) if finder else photo


def _taught_photos(root: Path, mix: SceneMix, teacher: Teacher, finder: PeopleFinder | None) -> Iterator[LabelledPhoto]:
    for photo in agreed_photos(teacher, list(tagged_photos(root))[: mix.limit]):
        yield _alone(photo, finder)
    if mix.catalogue is not None:
        yield from agreed_photos(teacher, list(catalogue_photos(mix.catalogue))[: mix.limit])
        yield from list(catalogue_accessories(mix.catalogue))[: mix.limit]


def flat_lay_photos(root: Path, per_class: int, seed: int) -> Iterator[LabelledPhoto]:
    """Flat-lays whose garment could be told from the floor, at most `per_class` of each class, and as many hats."""
    with (root / "images.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["label"] in {*FLAT_LAY_CLASSES, *FLAT_LAY_OTHERS}]
    order = np.random.default_rng(seed).permutation(len(rows))
    taken: Counter[str | None] = Counter()
    for row in (rows[index] for index in order):
        label = FLAT_LAY_CLASSES.get(row["label"])
        path = root / "images" / f"{row['image'].removesuffix('.jpg')}.jpg"
        if taken[label] >= per_class or not path.exists():
            continue
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        mask = flat_lay_mask(pixels) if label else None
        if label is None or mask is not None:
            taken[label] += 1
            yield LabelledPhoto(f"flat_{path.stem}", pixels, {label: mask} if label and mask is not None else {})


def _smaller(photo: LabelledPhoto, long_side: int) -> LabelledPhoto:
    height, width = photo.pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return photo
    size = max(1, round(width * scale)), max(1, round(height * scale))
    masks = {
        label: cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        if mask.sum() < 200
        else cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        for label, mask in photo.masks.items()
    }
    pixels = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return replace(photo, pixels=pixels, masks=masks)
