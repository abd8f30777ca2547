"""Active learning: which unlabelled photos are worth labelling next.

A photo is worth it where the models are unsure or contradict themselves: scores near the threshold, another answer
in the mirror, a body without the garments that it must wear. Of those, photos unlike each other are picked, for ten
pictures of one mistake teach little more than one: greedily, the photo with the largest product of doubt and
distance to what is already picked (k-center, Sener & Savarese 2018, arXiv:1708.00489, weighted by doubt).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment, Pixels
from engine.errors import InputRejected
from engine.taxonomy import GarmentClass, load_taxonomy
from engine.vision.crops import whole
from engine.vision.images import ImageLimits, decode
from models.manifest import load_manifest
from models.networks.pose import HeatmapPose
from models.networks.segmenter import PERSON, YoloSegmenter
from models.networks.visual import VisualEmbedder
from models.registry import verified
from models.runtime import RuntimeOptions, open_session
from models.train.selection.doubt import Doubt, body_doubt, flip_doubt, margin_doubt

WEARER = "wearer"
"""A person as a thing with an outline; the segmenter itself gives people boxes alone."""
_LOW = 0.05
"""Detections down to this score are looked at: what was nearly seen is doubtful too."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One photo, what the models say of it, and how much they doubt.

    Attributes:
        garments: as served, the proposals; people: outlines of the people.
        embedding: of the whole picture, unit L2.
    """

    path: Path
    size: tuple[int, int]
    garments: tuple[Garment, ...]
    people: tuple[Garment, ...]
    doubt: Doubt
    embedding: NDArray[np.float32]


class Doubter:
    """A profile's models, asked twice about every photo."""

    def __init__(self, profile: Path, threads: int = 1) -> None:
        manifest, options = load_manifest(profile), RuntimeOptions(threads=threads)
        marks = {role: verified(profile, manifest, role) for role in ("segmenter", "pose", "visual")}
        spec, pose, visual = (manifest.require(role) for role in ("segmenter", "pose", "visual"))
        session = open_session(profile / spec.file, options)
        taxonomy = load_taxonomy()
        self.served = YoloSegmenter(spec, session, marks["segmenter"], taxonomy)
        words = tuple(WEARER if name == PERSON else name for name in spec.classes)
        everything = replace(taxonomy, classes={**taxonomy.classes, WEARER: GarmentClass(WEARER, WEARER)})
        loose = replace(spec, classes=words, extra={**spec.extra, "score": _LOW, "scores": None, "same_iou": 1.01})
        self._eager = YoloSegmenter(loose, session, marks["segmenter"], everything)
        self._threshold = float(spec.extra.get("score", 0.25))
        self._pose = HeatmapPose(pose, open_session(profile / pose.file, options), marks["pose"])
        self._visual = VisualEmbedder(visual, open_session(profile / visual.file, options), marks["visual"])

    def look(self, path: Path, pixels: Pixels) -> Seen:
        """Everything that picking needs to know of one photo."""
        scene, mirrored = self.served.segment(pixels), self.served.segment(np.ascontiguousarray(pixels[:, ::-1]))
        eager = self._eager.segment(pixels).garments
        width = pixels.shape[1]
        boxes = [person.box for person in scene.people[:1]]
        keypoints = self._pose.estimate(pixels, boxes)[0].keypoints if boxes else None
        doubt = Doubt(
            margin_doubt([g.score for g in eager if g.label != WEARER], self._threshold),
            flip_doubt(scene.garments, mirrored.garments, width),
            body_doubt(scene.garments, keypoints, pixels.shape[:2]),
        )
        people = tuple(g for g in eager if g.label == WEARER and g.score >= self._threshold)
        embedding = self._visual.embed([whole(pixels)])[0]
        return Seen(path, (width, pixels.shape[0]), scene.garments, people, doubt, embedding)


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """A photo to label.

    Attributes:
        rank: 0 is the most worthwhile; distance: to the nearest photo picked before, 0 to 1; 1 for the first.
    """

    seen: Seen
    rank: int
    distance: float


def find_photos(paths: Iterable[Path]) -> list[Path]:
    """Files as given, and every picture below folders, each once, in a fixed order.

    Raises:
        InputRejected: nothing that could be a picture.
    """
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES) if path.is_dir() else [path]
        found |= dict.fromkeys(inside)
    if not found:
        raise InputRejected(f"No pictures were found; {', '.join(sorted(_SUFFIXES))} files are looked for.")
    return list(found)


def look_at_all(
    doubter: Doubter, photos: Sequence[Path], tell: Callable[[Path, str | None], None] = lambda *_: None
) -> list[Seen]:
    """Every photo that can be read; `tell` hears of each, with the reason where one cannot."""
    seen = []
    for path in photos:
        try:
            seen.append(doubter.look(path, read_upright(path)))
            tell(path, None)
        except (InputRejected, OSError) as error:
            tell(path, str(error))
    return seen


def read_upright(path: Path) -> Pixels:
    """A photo's pixels as a viewer shows them."""
    return decode(path.read_bytes(), ImageLimits(max_bytes=2**31))


def pick(seen: Sequence[Seen], budget: int) -> list[Picked]:
    """At most `budget` photos: the most doubtful first, then by doubt times distance to the picked ones."""
    if not seen:
        return []
    rows, doubt = np.stack([s.embedding for s in seen]), np.array([s.doubt.total for s in seen])
    chosen = spread_out(rows, doubt, budget)
    return [Picked(seen[place], rank, distance) for rank, (place, distance) in enumerate(chosen)]


def spread_out(rows: NDArray[Any], doubt: NDArray[np.float64], budget: int) -> list[tuple[int, float]]:
    """At most `budget` places, by doubt times distance to those before; with each its distance, 1 for the first.

    Args:
        rows: (n, d) of unit norm; doubt: (n,), 0 or more.
    """
    doubt = doubt + 1e-6
    nearest, free = np.ones(len(rows)), np.ones(len(rows), bool)
    picked: list[tuple[int, float]] = []
    while len(picked) < min(budget, len(rows)):
        best = int(np.where(free, doubt * nearest, -1).argmax())
        picked.append((best, float(nearest[best])))
        free[best] = False
        nearest = np.minimum(nearest, np.clip(1 - rows @ rows[best], 0, 1))
    return picked
