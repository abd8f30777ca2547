"""What the pose model learns from: everybody whose facing is known, people made of them, close-ups and nobody.

A quarter of the products can be held back from all of it (`is_tune`): they choose between recipes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from models.architectures.pose import FACINGS
from models.train.data.keypoints.legs import made_legs
from models.train.data.keypoints.pose import PoseLabel, read_catalogue_poses, read_ccp_poses, read_closeups
from models.train.data.keypoints.pose_made import (
    Made,
    drawn_people,
    drawn_shop,
    nobody,
    painted_backs,
    pictures_of_nobody,
    stitched_looks,
)
from models.train.data.pictures import read_pixels
from models.train.data.shop_pictures import read_names_of_legs
from models.train.pose.teachers import taught, yolo_finder
from models.train.splits import is_for_facing

SHARES: Mapping[str, float] = {
    "street": 0.13,
    "street, turned": 0.03,
    "shop": 0.09,
    "shop, back": 0.09,
    "legs": 0.07,
    "legs, back": 0.07,
    "made legs": 0.10,
    "made legs, back": 0.10,
    "stitched": 0.03,
    "stitched, back": 0.03,
    "painted": 0.03,
    "drawn": 0.10,
    "drawn, back": 0.07,
    "nobody": 0.03,
    "close-up": 0.03,
}
"""What a batch is made of. Backs are rare in every source, and the gate must tell them from fronts."""
LONG_SIDE = 400
"""Pictures are kept in memory no larger."""
TUNED = ("shop", "shop, back", "legs", "legs, back", "made legs", "made legs, back")
"""The kinds by which held-back products are judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """One picture to learn from; `kind` is one of `SHARES`."""

    pixels: Pixels
    label: PoseLabel
    kind: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where people come from.

    Attributes:
        ccp: the CCP folder. catalogue: the Magento catalogue's folder (only its source `luma` is used), or None.
        flat_lays: the Clothing Dataset's folder, for pictures without people, or None.
        made: how many people of each kind are made; of legs and drawn people three times as many, of a drawn shop's
            eight times.
        teachers: two pose checkpoints of ultralytics that label everybody anew, or None for MoveNet's labels alone.
        answers: the file that keeps what the teachers said, beside which they have a folder.
        limit: use only the first so many pictures of each data set (for a smoke run).
    """

    ccp: Path
    catalogue: Path | None
    flat_lays: Path | None
    made: int
    seed: int = 0
    limit: int | None = None
    teachers: tuple[Path, Path] | None = None
    answers: Path = Path("teachers.jsonl")


def pose_people(sources: Sources) -> list[Learned]:
    """Everybody, pixels in memory; who faces nobody knows where is left out."""
    street, shop, legs = read_ccp_poses(sources.ccp, "train"), list[PoseLabel](), set[str]()
    if sources.catalogue:
        shop, legs = read_catalogue_poses(sources.catalogue, "train"), read_names_of_legs(sources.catalogue)
    known = [p for some in (street, shop) for p in [p for p in some if p.facing is not None][: sources.limit]]
    if sources.teachers:
        first, second = (yolo_finder(path, sources.answers.parent / "ultralytics") for path in sources.teachers)
        known = [p for p in taught(known, (first, second), sources.answers) if p.facing is not None]
    files = [Learned(read_pixels(p.image), p, _kind(p, legs)) for p in known]
    made = [Learned(one.pixels, one.label, kind) for kind, one in _made(sources, files)]
    return [shrunk(person) for person in (*files, *made, *_closeups(sources, files))]


def shrunk(person: Learned, side: int = LONG_SIDE) -> Learned:
    """The same, its picture no larger than the network can make use of: a few thousand are held in memory."""
    height, width = person.pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return person
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.asarray(cv2.resize(person.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    keypoints = person.label.keypoints.copy()
    keypoints[:, :2] = (keypoints[:, :2] + 0.5) * scale - 0.5
    x0, y0, x1, y1 = (scale * value for value in person.label.box)
    return Learned(pixels, replace(person.label, box=(x0, y0, x1, y1), keypoints=keypoints), person.kind)


def is_tune(label: PoseLabel) -> bool:
    """Whether a shop's picture, or one made of it, shows a product that is held back: one in four, by a hash."""
    name = label.image.name
    if not name.startswith("luma_"):
        return False
    product = name.removeprefix("luma_").split("-")[0]
    return is_for_facing(product)


def facing_by_kind(people: Sequence[Learned], chances: NDArray[np.float32]) -> dict[str, list[float]]:
    """Per kind: pictures, share right of front against back, and mean log-odds of the right one over the other."""
    odds = np.log(chances[:, 0] + 1e-4) - np.log(chances[:, 1] + 1e-4)
    front = np.array([p.label.facing == FACINGS[0] for p in people])
    margins, kinds = np.where(front, odds, -odds), np.array([p.kind for p in people])
    return {
        kind: [len(some), round(float((some > 0).mean()), 3), round(float(some.mean()), 2)]
        for kind in dict.fromkeys(kinds.tolist())
        for some in [margins[kinds == kind]]
    }


def sampling_chances(kinds: Sequence[str], shares: Mapping[str, float] = SHARES) -> NDArray[np.float64]:
    """How likely each picture is drawn, so that every kind gets its share of a batch."""
    names = np.array(kinds)
    present = {kind: float(shares[kind]) for kind in dict.fromkeys(kinds)}
    total = sum(present.values())
    chances = np.zeros(len(names))
    for kind, share in present.items():
        chances[names == kind] = share / total / float((names == kind).sum())
    return chances


def _kind(label: PoseLabel, legs: Container[str]) -> str:
    if label.view == "street":
        return "street" if label.facing == "front" else "street, turned"
    part = "legs" if label.image.name in legs else "shop"
    return f"{part}, back" if label.facing == "back" else part


def _made(sources: Sources, files: Sequence[Learned]) -> Iterator[tuple[str, Made]]:
    rng, count = np.random.default_rng([sources.seed, 35]), sources.made
    street = [p.label for p in files if p.kind.startswith("street")]
    shop = [p.label for p in files if p.kind.startswith(("shop", "legs"))]
    for made in made_legs([p.label for p in files if p.kind.startswith("legs")], 3 * count, rng):
        yield ("made legs, back" if made.label.facing == "back" else "made legs"), made
    for made in stitched_looks(shop, count, rng):
        yield ("stitched, back" if made.label.facing == "back" else "stitched"), made
    for made in painted_backs(sources.ccp, street, rng):
        yield "painted", made
    for made in drawn_people(3 * count, sources.seed + 1000):
        yield ("drawn, back" if made.label.facing == "back" else "drawn"), made
    for made in drawn_shop(8 * count, sources.seed + 5000):
        yield ("drawn, back" if made.label.facing == "back" else "drawn"), made
    for made in pictures_of_nobody(sources.ccp, sources.flat_lays, count // 2, sources.seed):
        yield "nobody", made


def _closeups(sources: Sources, files: Sequence[Learned]) -> Iterator[Learned]:
    """A shop's details and pieces of people: too little to tell where somebody faces, so nobody."""
    rng = np.random.default_rng([sources.seed, 34])
    paths = read_closeups(sources.catalogue)[: sources.limit] if sources.catalogue else []
    for path in paths:
        pixels = read_pixels(path)
        yield Learned(pixels, replace(nobody(pixels, rng), image=path), "close-up")
    for _ in range(sources.made // 4 if files else 0):
        person = files[int(rng.integers(len(files)))]
        pixels = zoomed(person, rng)
        yield Learned(pixels, replace(nobody(pixels, rng), image=person.label.image), "close-up")


def zoomed(person: Learned, rng: np.random.Generator) -> Pixels:
    """A piece of a person, an eighth to a quarter of their height."""
    x0, y0, x1, y1 = person.label.box
    h, w = rng.uniform(0.12, 0.28) * (y1 - y0), rng.uniform(0.3, 0.8) * (x1 - x0)
    y, x = rng.uniform(y0, y1 - h), rng.uniform(x0, x1 - w)
    height, width = person.pixels.shape[:2]
    top, left = int(np.clip(y, 0, height - 16)), int(np.clip(x, 0, width - 16))
    return person.pixels[top : max(top + 16, int(y + h)), left : max(left + 16, int(x + w))].copy()
