"""Run a profile's segmenter over labelled CCP photos, as it is served, and say how well it does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment, Pixels, Scene
from engine.taxonomy import Taxonomy, load_taxonomy
from engine.vision.crops import main_person, merge_pieces, of_main_person
from models.architectures.accessories import with_accessories
from models.manifest import load_manifest
from models.networks.segmenter import PERSON, YoloSegmenter
from models.runtime import RuntimeOptions, Session, open_session
from models.train.data.datasets import CcpFolder, LabelledPhoto
from models.train.data.self_training import Muted
from models.train.segmenter.evaluation import ClassFigures, Instance, Photos, evaluate, mask_box

LEAST_SCORE = 0.01
"""Average precision looks at everything above it; `recall` and `mask_iou` at what is served."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a segmenter saw in the photos of a split; all sequences go photo by photo.

    Attributes:
        names: the photo ids.
        truth: what is labelled.
        ranked: every detection above `LEAST_SCORE`, as it comes.
        kept: the main person's garments as served, their pieces merged.
    """

    names: tuple[str, ...]
    truth: Photos
    ranked: Photos
    kept: Photos


class Remembering:
    """A session that answers the same picture once, however often it is asked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: tuple[bytes, dict[str, NDArray[np.float32]]] | None = None

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """The session's outputs."""
        key = hashlib.sha256(inputs["images"].tobytes()).digest()
        if self._last is None or self._last[0] != key:
            self._last = key, dict(self._session.run(inputs))
        return self._last[1]


@dataclass(frozen=True, slots=True)
class Measured:
    """One model, served with its thresholds, and once per class with almost none.

    Average precision judges every class by its own scores, as COCO's and ultralytics' evaluation do: a skirt that
    might be a dress is a candidate for both. What is served gives each garment one name.
    """

    served: YoloSegmenter
    eager: Sequence[YoloSegmenter]
    taxonomy: Taxonomy

    @classmethod
    def open(cls, profile: Path, extra: Mapping[str, Any] | None = None) -> Measured:
        """Open a profile's segmenter; `extra` overrules thresholds of its manifest."""
        taxonomy = with_accessories(load_taxonomy(None))
        spec = load_manifest(profile).require("segmenter")
        spec = replace(spec, extra={**spec.extra, **(extra or {})})
        eager_spec = replace(spec, extra={**spec.extra, "score": LEAST_SCORE, "scores": None})
        session = Remembering(open_session(profile / spec.file, RuntimeOptions(threads=1)))
        served = YoloSegmenter(spec, session, "measured", taxonomy)
        alone = (Muted(session, spec.classes, {label}) for label in spec.classes)
        return cls(served, [YoloSegmenter(eager_spec, one, "measured", taxonomy) for one in alone], taxonomy)

    def look(self, pixels: Pixels) -> tuple[list[Instance], list[Instance]]:
        """Every detection, and the garments and person as served."""
        size = pixels.shape[0], pixels.shape[1]
        sure, scenes = self.served.segment(pixels), [one.segment(pixels) for one in self.eager]
        everything = Scene(
            tuple(garment for scene in scenes for garment in scene.garments),
            tuple(person for scene in scenes for person in scene.people),
        )
        pieces = of_main_person(Scene(everything.garments, sure.people), size[1], size[0])
        garments = merge_pieces(of_main_person(sure, size[1], size[0]), self.taxonomy)
        return (
            [*_instances(pieces, size), *_people(everything, size)],
            [*_instances(garments, size), *_people(sure, size)],
        )


def see_split(measured: Measured, ccp: Path, split: str = "val") -> Seen:
    """Look at every photo of a split."""
    folder = CcpFolder(ccp)
    names, truth, ranked, kept = folder.split(split), [], [], []
    for photo in (folder.read(name) for name in names):
        everything, served = measured.look(photo.pixels)
        truth.append(list(labelled(photo)))
        ranked.append(everything)
        kept.append(served)
    return Seen(names, truth, ranked, kept)


def figures_of(seen: Seen, classes: Sequence[str]) -> Mapping[str, ClassFigures]:
    """Figures per class.

    Average precision ranks the detections as they come; recall and mask IoU are of garments with their pieces
    merged, as the search uses them.
    """
    precise, useful = evaluate(seen.truth, seen.ranked, classes), evaluate(seen.truth, seen.kept, classes)
    return {
        label: replace(figures, recall=useful[label].recall, mask_iou=useful[label].mask_iou)
        for label, figures in precise.items()
    }


def labelled(photo: LabelledPhoto) -> Iterator[Instance]:
    """The truth of a photo."""
    for label, mask in photo.masks.items():
        yield Instance(label, mask_box(mask), mask)


def whole_mask(garment: Garment, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The garment's mask on the whole picture (height, width)."""
    mask = np.zeros(size, bool)
    x, y = int(np.floor(garment.box[0])), int(np.floor(garment.box[1]))
    h, w = garment.mask.shape
    mask[y : y + h, x : x + w] = garment.mask[: size[0] - y, : size[1] - x]
    return mask


def _instances(garments: Sequence[Garment], size: tuple[int, int]) -> Iterator[Instance]:
    for garment in garments:
        yield Instance(garment.label, garment.box, whole_mask(garment, size), garment.score)


def _people(scene: Scene, size: tuple[int, int]) -> Iterator[Instance]:
    """The main person; a box is all there is of a person, so its mask says nothing."""
    main = main_person(scene.people, size[1], size[0])
    if main is not None:
        mask = np.zeros(size, np.uint8)
        x0, y0, x1, y1 = (int(v) for v in main.box)
        cv2.rectangle(mask, (x0, y0), (x1 - 1, y1 - 1), 1, -1)
        yield Instance(PERSON, main.box, mask > 0, main.score)
