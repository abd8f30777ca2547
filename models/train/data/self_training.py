"""Labels by a teacher of our own: photos without masks, kept where what the teacher sees agrees with what is known.

A photo's tags ("blouse, skirt, boots") say which garments it shows. The teacher may name only those, so it cannot
take a long blouse for a dress; and it must find every one of them, and find it again in the mirrored photo. What is
tagged and not found would otherwise be learned as background, so such a photo is left out as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from engine.taxonomy import GarmentClass, Taxonomy, load_taxonomy
from engine.vision.crops import merge_pieces, of_main_person
from models.architectures.accessories import ACCESSORIES, CLASSES, with_accessories
from models.manifest import load_manifest
from models.networks.overlap import mask_iou
from models.networks.segmenter import PERSON, YoloSegmenter
from models.runtime import RuntimeOptions, Session, open_session
from models.train.data.datasets import CcpFolder, LabelledPhoto, Mask, read_json, without_specks
from models.train.data.pictures import DatasetUnreadable, read_pixels
from models.train.data.products import before_white
from models.train.splits import is_held_out, is_luma_validation

CLEAR_COLORS = {"black", "blue", "gray", "green", "purple"}
"""Garments of these colours can be told from skin and from a white wall by colour alone."""
LEAST_CLEAN = 0.5
"""A mask of which less remains without wall and skin was none of a garment."""
LEAST_SKIN = 0.02
"""A person shows at least this share of skin; a rucksack taken for a person shows none."""
PERSON_SCORE = 0.3
LEAST_ON_BODY = 0.85
"""Garments lie on their wearer, but for what blows or sticks out."""
BODY = "body"
"""The name under which the teacher's people come with a mask."""


_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a teacher's answer must fulfil to become a label.

    Attributes:
        eager: least score at which it may name a class that is known to be there.
        sure: least score of each garment's best piece.
        mirrored_iou: least IoU of a mask with the one found in the mirrored photo.
    """

    eager: float = 0.05
    sure: float = 0.08
    mirrored_iou: float = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class KnownPhoto:
    """A photo of which some is known without masks.

    Attributes:
        possible: classes that it may show; the teacher is asked for no other.
        needed: classes that it must show for certain.
        bare_legs: what is worn below is a skirt or shorts, so nothing worn there reaches the shoes.
        sold: the product of a shop's picture before a white wall: where garments overlap it is the one on top, and
            neither wall nor skin is part of any.
    """

    name: str
    path: Path
    possible: frozenset[str]
    needed: frozenset[str]
    bare_legs: bool = False
    sold: str | None = None


class Muted:
    """A session of a YOLO head whose other classes never score."""

    def __init__(self, session: Session, classes: Sequence[str], heard: Iterable[str]) -> None:
        self._session = session
        wanted = set(heard)
        self._rows = [4 + number for number, name in enumerate(classes) if name not in wanted]

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """The outputs, scores of classes that are not wanted at 0."""
        outputs = dict(self._session.run(inputs))
        heads = outputs["output0"].copy()
        heads[:, self._rows] = 0
        return {**outputs, "output0": heads}


class Teacher:
    """A profile's segmenter that labels photos of which something is known."""

    def __init__(self, profile: Path, rules: Agreement | None = None, threads: int = 1) -> None:
        self._rules = rules or Agreement()
        spec = load_manifest(profile).require("segmenter")
        extra = {**spec.extra, "score": self._rules.eager, "scores": {PERSON: PERSON_SCORE}}
        self._spec = replace(spec, extra=extra)
        self._people = PeopleOf(profile, threads)
        self._session = open_session(profile / spec.file, RuntimeOptions(threads=threads))
        self._taxonomy = with_accessories(load_taxonomy(None))

    def label(self, photo: KnownPhoto) -> LabelledPhoto | None:
        """The photo with the masks that all agree on, or None where they do not."""
        pixels = read_pixels(photo.path)
        seen, again = self._garments(pixels, photo.possible), self._garments(pixels[:, ::-1], photo.possible)
        if not photo.needed <= set(seen) or set(seen) != set(again):
            return None
        if any(mask_iou(mask, again[label][:, ::-1]) < self._rules.mirrored_iou for label, mask in seen.items()):
            return None
        body = self._body(pixels, list(seen.values()), photo.sold is not None)
        if body is None or (photo.bare_legs and _covers_legs(seen, body)):
            return None
        cleaned = _clean(pixels, seen, body, photo) if photo.sold else seen
        return LabelledPhoto(photo.name, pixels, {**cleaned, PERSON: body}) if cleaned else None

    def _garments(self, pixels: Pixels, possible: frozenset[str]) -> dict[str, Mask]:
        session = Muted(self._session, self._spec.classes, possible | {PERSON})
        scene = YoloSegmenter(self._spec, session, "teacher", self._taxonomy).segment(pixels)
        height, width = pixels.shape[:2]
        found = merge_pieces(of_main_person(scene, width, height), self._taxonomy)
        return {g.label: _whole(g.mask, g.box, (height, width)) for g in found if g.score >= self._rules.sure}

    def _body(self, pixels: Pixels, garments: Sequence[Mask], before_wall: bool) -> Mask | None:
        """The whole main person; None where no person holds the garments, or there are several people.

        Legs alone are often not seen as a person: before a white wall, whatever stands there is one.
        """
        found = self._people(pixels)
        if not found and before_wall:
            found = [without_specks(~white_wall(pixels))]
        if len(found) != 1:
            return None
        clothes = np.logical_or.reduce(garments)
        return found[0] | clothes if _share(clothes, found[0]) >= LEAST_ON_BODY else None


class PeopleOf:
    """The people of a picture, each as a mask, by a profile's segmenter; callable with pixels."""

    def __init__(self, profile: Path, threads: int = 1) -> None:
        spec = load_manifest(profile).require("segmenter")
        classes = tuple(BODY if name == PERSON else name for name in spec.classes)
        spec = replace(spec, classes=classes, extra={**spec.extra, "score": PERSON_SCORE, "scores": None})
        plain = load_taxonomy(None)
        taxonomy = Taxonomy(
            {**plain.classes, BODY: GarmentClass(BODY, BODY)}, {**plain.supercategories, BODY: "people"}
        )
        session = Muted(open_session(profile / spec.file, RuntimeOptions(threads=threads)), classes, {BODY})
        self._segmenter = YoloSegmenter(spec, session, "teacher", taxonomy)

    def __call__(self, pixels: Pixels) -> list[Mask]:
        """One mask (H, W) per person, the surest first."""
        size = pixels.shape[0], pixels.shape[1]
        return [_whole(body.mask, body.box, size) for body in self._segmenter.segment(pixels).garments]


def tagged_photos(root: Path) -> Iterator[KnownPhoto]:
    """CCP's photos that have tags and no masks, which are in no split.

    Raises:
        DatasetUnreadable: `annotations.jsonl` or `labels.json` is missing or damaged.
    """
    mapping = read_json(root / "labels.json")["mapping"]
    class_of = {word: label for label, words in {**mapping, **ACCESSORIES}.items() for word in words}
    labelled = {photo for split in read_json(root / "splits.json") for photo in CcpFolder(root).split(split)}
    for row in _rows(root / "annotations.jsonl"):
        if "tags" not in row or row["id"] in labelled:
            continue
        shown = frozenset(class_of[tag] for tag in row["tags"] if tag in class_of)
        if shown - set(ACCESSORIES):
            bare = bool({"skirt", "shorts"} & set(row["tags"])) and not {"pants", "jeans", "leggings"} & set(
                row["tags"]
            )
            yield KnownPhoto(f"tagged_{row['id']}", root / "images" / f"{row['id']}.jpg", shown, shown, bare)


def catalogue_photos(root: Path) -> Iterator[KnownPhoto]:
    """The Magento catalogue's Luma pictures of products that no evaluation holds out, from the front and behind.

    A model before a shop's camera wears something above and below, so something below is needed beside the product
    itself; whoever shows trousers shows the shoes too. From behind, a jacket hides what is worn under it.
    """
    for row in _rows(root / "products.jsonl"):
        product = str(row["product_id"])
        if row["source"] != "luma" or row["class"] not in {"upper_wear", "lower_wear", "outerwear"}:
            continue
        if is_luma_validation(product) or is_held_out(product) or str(row.get("colour")).lower() not in CLEAR_COLORS:
            continue
        possible = frozenset({"upper_wear", "lower_wear", "foot_wear", row["class"]})
        for image in row["images"]:
            if image["view"] in {"front", "back"}:
                hidden = {"upper_wear"} if row["class"] == "outerwear" and image["view"] == "back" else set()
                name = Path(image["file"]).stem
                path = root / "images" / image["file"]
                needed = {"lower_wear", "foot_wear" if row["class"] == "lower_wear" else row["class"]}
                yield KnownPhoto(name, path, possible - hidden, frozenset(needed), sold=row["class"])


def catalogue_accessories(root: Path) -> Iterator[LabelledPhoto]:
    """Luma's bags (told by their number) of products that are not held out, and watches and balls without a label."""
    for row in _rows(root / "products.jsonl"):
        product = str(row["product_id"])
        if row["source"] != "luma" or row["class"] != "accessory_or_other" or is_luma_validation(product):
            continue
        for image in row["images"]:
            pixels = read_pixels(root / "images" / image["file"])
            bag = {"bag": before_white(pixels)} if product[1:2] == "B" else {}
            yield LabelledPhoto(Path(image["file"]).stem, pixels, bag)


def agreed_photos(teacher: Teacher, photos: Iterable[KnownPhoto]) -> Iterator[LabelledPhoto]:
    """The photos that the teacher could label."""
    for photo in photos:
        labelled = teacher.label(photo)
        if labelled is not None and set(labelled.masks) <= set(CLASSES):
            yield labelled


def _covers_legs(seen: Mapping[str, Mask], body: Mask) -> bool:
    """Whether a skirt's mask goes on down to the shoes: the teacher took the legs along."""
    if not {"lower_wear", "foot_wear"} <= set(seen):
        return False
    height = np.ptp(np.flatnonzero(body.any(1)))
    hem = np.flatnonzero(seen["lower_wear"].any(1))[-1]
    return bool(hem > np.flatnonzero(seen["foot_wear"].any(1))[0] - 0.08 * height)


def _clean(pixels: Pixels, seen: Mapping[str, Mask], body: Mask, photo: KnownPhoto) -> dict[str, Mask] | None:
    """The masks without white wall and skin; None where nobody shows any skin, or one hardly remains.

    What hardly remains because it was skin was no garment: it is left out, unless it is known to be there.
    """
    bare_skin = skin(pixels)
    bare = ~(white_wall(pixels) | bare_skin)
    if bare_skin[body].mean() < LEAST_SKIN:
        return None
    cleaned, on_top = {}, seen.get(photo.sold or "", np.zeros_like(body))
    for label, mask in seen.items():
        shown = bare if label == photo.sold else bare & ~on_top
        kept = cv2.morphologyEx((mask & shown).astype(np.uint8), cv2.MORPH_OPEN, _DISC)
        left = without_specks(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, _DISC) > 0)
        if np.count_nonzero(left) >= LEAST_CLEAN * np.count_nonzero(mask):
            cleaned[label] = left
        elif label in photo.needed or _share(mask, bare_skin) < LEAST_CLEAN:
            return None
    return cleaned


def white_wall(pixels: Pixels) -> Mask:
    """Where a picture is as good as white."""
    return np.asarray(pixels.min(axis=2) > 236)


def skin(pixels: Pixels) -> Mask:
    """Where a picture has a colour of skin.

    Source: the range of chroma that all skin tones share in YCbCr, Chai and Ngan 1999, a little widened.
    """
    _, red, blue = np.moveaxis(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb), 2, 0)
    return np.asarray((red >= 134) & (red <= 176) & (blue >= 77) & (blue <= 127))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)
    except (OSError, ValueError) as error:
        raise DatasetUnreadable(f"{path} cannot be read: {error}.") from error


def _whole(mask: Mask, box: Sequence[float], size: tuple[int, int]) -> Mask:
    whole = np.zeros(size, bool)
    x, y = int(np.floor(box[0])), int(np.floor(box[1]))
    h, w = min(mask.shape[0], size[0] - y), min(mask.shape[1], size[1] - x)
    whole[y : y + h, x : x + w] = mask[:h, :w]
    return whole


def _share(part: Mask, whole: Mask) -> float:
    """How much of one mask lies in another."""
    return int(np.count_nonzero(part & whole)) / max(1, int(np.count_nonzero(part)))
