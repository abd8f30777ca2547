"""Build the segmenter's training folder out of CCP and, where given, flat-lays, a teacher's labels, generated pictures.

The validation split is written as it is: no bystander blurred, nothing moved to a studio. The photos that are kept
for choices (`tune`) are in neither part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from engine.taxonomy import load_taxonomy
from models.studio.output.dataset import write_segmentation_set
from models.train.data.datasets import (
    CcpFolder,
    LabelledPhoto,
    skirts_put_right,
    write_data_yaml,
    write_yolo_folder,
)
from models.train.data.drawn import drawn_shop_photos
from models.train.data.long_tops import with_long_top
from models.train.data.patterns import in_other_cloth
from models.train.data.people import PeopleFinder
from models.train.data.pictures import DatasetUnreadable
from models.train.data.products import (
    RARE_ALONE,
    as_shops_show,
    cut_out,
    flat_lays,
    repeated,
    sample_photos,
    with_bars,
)
from models.train.data.readers.foreign import ClassWords, write_garment_folder
from models.train.data.readers.yolo import yolo_photos
from models.train.data.scenes import around_person, in_studio, without_bystanders
from models.train.data.self_training import (
    Teacher,
    agreed_photos,
    catalogue_accessories,
    catalogue_photos,
    tagged_photos,
)

OTHER_CLOTH = 0.3
"""Share of the made pictures in which a garment is of another cloth."""
TAUGHT_STUDIO, TAUGHT_THIGH = 0.35, 0.25
"""Studio scenes per street photo that a teacher labelled: whole, and from the head to the thigh."""
DRAWN_SHOP = 8800
"""Added to the seed of drawn shops, so that they are none of another part's."""


@dataclass(frozen=True, slots=True)
class SceneMix:
    """What the training folder is made of.

    Attributes:
        ccp: the CCP folder, or None where `more` holds all photos.
        flat_lays: the Clothing Dataset's folder (`images/`, `images.csv`), or None.
        samples: the shop samples' folder (a folder per shop with `products.jsonl`), or None.
        people_finder: YOLOX weights that find bystanders, or None to leave them in.
        framings: how often a street photo is shown, each time cut differently.
        studio_share: studio scenes per street photo.
        thigh_share: studio scenes from the head to the thigh, as shops show tops, per street photo.
        alone_share: things cut from a street photo and shown before a wall by themselves, per street photo.
        flat_lays_per_class: at most this many flat-lays of each class.
        teacher: profile whose segmenter labels CCP's tag-only photos, or None to leave them out.
        catalogue: the Magento catalogue, whose Luma pictures the teacher labels too, or None.
        generated: how many pictures the studio draws, four in five of them a shop's.
        more: further folders in the form that `train dataset` writes.
        long_side: pictures are written no larger.
        limit: use only the first so many photos of each split (for a smoke run).
    """

    ccp: Path | None = None
    flat_lays: Path | None = None
    samples: Path | None = None
    people_finder: Path | None = None
    framings: int = 2
    studio_share: float = 0.85
    thigh_share: float = 0.9
    alone_share: float = 0.7
    flat_lays_per_class: int = 420
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
        _draw(out, mix)
    return write_data_yaml(out, mix.more)


def _draw(out: Path, mix: SceneMix) -> None:
    """A fifth of the generated pictures show anything; the others a shop's products, worn and alone."""
    any_looks = max(1, mix.generated // 5)
    drawn = write_segmentation_set(out.parent / "studio", any_looks, mix.seed, (384, 512), val_share=0)
    write_garment_folder(out, yolo_photos(drawn), ClassWords(load_taxonomy(None)), long_side=mix.long_side)
    shop = drawn_shop_photos(mix.generated - any_looks, mix.seed + DRAWN_SHOP)
    write_yolo_folder(out, "train", (_smaller(photo, mix.long_side) for photo in shop))


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
        yield from _street_photos(skirts_put_right(photo), mix, rng)
    if mix.flat_lays is not None:
        lays = flat_lays(mix.flat_lays, mix.flat_lays_per_class, mix.seed)
        for lay in lays:
            shown = (made if made is lay else _clothed(made, rng) for made in as_shops_show(lay, rng))
            yield from map(with_bars, shown)
    if mix.samples is not None:
        yield from map(with_bars, (made for one in sample_photos(mix.samples) for made in repeated(one, rng)))
    if mix.catalogue is not None:
        things = list(catalogue_accessories(mix.catalogue))[: mix.limit]
        yield from map(with_bars, (made for thing in things for made in repeated(thing, rng)))
    if mix.teacher is not None:
        yield from _taught_photos(folder.root, mix, Teacher(mix.teacher), finder, rng)


def _street_photos(photo: LabelledPhoto, mix: SceneMix, rng: np.random.Generator) -> Iterator[LabelledPhoto]:
    """A street photo in several framings, before a studio's wall, in a tunic, and what is worn by itself."""
    for number in range(mix.framings):
        framed = replace(around_person(photo, rng), name=f"{photo.name}_{number}")
        yield _clothed(framed, rng) if number else framed
    if rng.random() < mix.studio_share:
        yield _clothed(in_studio(photo, f"{photo.name}_studio", rng), rng)
    if rng.random() < mix.thigh_share:
        yield _clothed(in_studio(photo, f"{photo.name}_thigh", rng, "thigh"), rng)
    yield from _in_tunics(photo, 1.0, rng)
    if rng.random() < mix.alone_share:
        yield from cut_out(photo, rng)
    if rng.random() < mix.alone_share / 2:
        rare = {label: mask for label, mask in photo.masks.items() if label in RARE_ALONE}
        yield from cut_out(replace(photo, name=f"{photo.name}_rare", masks=rare), rng)


def _in_tunics(photo: LabelledPhoto, share: float, rng: np.random.Generator) -> Iterator[LabelledPhoto]:
    """Before a wall with the top drawn down to a tunic, where it is worn over trousers."""
    longer = with_long_top(photo, f"{photo.name}_tunic", rng)
    if longer is not None and rng.random() < share:
        yield _clothed(in_studio(longer, longer.name, rng, str(rng.choice(["whole", "headless"]))), rng)


def _clothed(photo: LabelledPhoto, rng: np.random.Generator) -> LabelledPhoto:
    return in_other_cloth(photo, rng) if rng.random() < OTHER_CLOTH else photo


def _alone(photo: LabelledPhoto, finder: PeopleFinder | None) -> LabelledPhoto:
    """The photo without its bystanders, where there is a finder for them."""
    return without_bystanders(photo, finder.find(photo.pixels)) if finder else photo


def _taught_photos(
    root: Path, mix: SceneMix, teacher: Teacher, finder: PeopleFinder | None, rng: np.random.Generator
) -> Iterator[LabelledPhoto]:
    """What a teacher labels, framed anew; a shop's pictures also as they are."""
    for taught in agreed_photos(teacher, list(tagged_photos(root))[: mix.limit]):
        photo = skirts_put_right(_alone(taught, finder))
        yield around_person(photo, rng)
        if rng.random() < TAUGHT_STUDIO:
            yield _clothed(in_studio(photo, f"{photo.name}_studio", rng), rng)
        if rng.random() < TAUGHT_THIGH:
            yield _clothed(in_studio(photo, f"{photo.name}_thigh", rng, "thigh"), rng)
        yield from _in_tunics(photo, TAUGHT_STUDIO, rng)
    if mix.catalogue is not None:
        for photo in agreed_photos(teacher, list(catalogue_photos(mix.catalogue))[: mix.limit]):
            yield with_bars(photo)
            for number in range(2 if "upper_wear" in photo.masks else 1):
                yield _clothed(replace(around_person(photo, rng), name=f"{photo.name}_{number}"), rng)
            yield from _in_tunics(photo, TAUGHT_STUDIO, rng)


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
