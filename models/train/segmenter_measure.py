"""Run a profile's segmenter over labelled CCP photos, as it is served, and say how well it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.crops import main_person, merge_pieces, of_main_person
from engine.domain import Garment, Pixels, Scene
from engine.taxonomy import Taxonomy, load_taxonomy
from models.manifest import ModelSpec, load_manifest
from models.runtime import RuntimeOptions, open_session
from models.segmenter import PERSON, YoloSegmenter
from models.train.datasets import CLASSES, CcpFolder, LabelledPhoto
from models.train.segmenter_eval import ClassFigures, Instance, Photos, evaluate, mask_box

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


@dataclass(frozen=True, slots=True)
class TwoSegmenters:
    """One model, served with its thresholds and once more with almost none."""

    served: YoloSegmenter
    eager: YoloSegmenter
    taxonomy: Taxonomy

    @classmethod
    def open(cls, profile: Path, extra: Mapping[str, Any] | None = None) -> TwoSegmenters:
        """Open a profile's segmenter; `extra` overrules thresholds of its manifest."""
        taxonomy = load_taxonomy(None)
        spec = load_manifest(profile).require("segmenter")
        spec = replace(spec, extra={**spec.extra, **(extra or {})})
        eager_spec = replace(spec, extra={**spec.extra, "score": LEAST_SCORE, "scores": None})
        session = open_session(profile / spec.file, RuntimeOptions(threads=1))

        def segmenter(its: ModelSpec) -> YoloSegmenter:
            return YoloSegmenter(its, session, "measured", taxonomy)

        return cls(segmenter(spec), segmenter(eager_spec), taxonomy)

    def look(self, pixels: Pixels) -> tuple[list[Instance], list[Instance]]:
        """Every detection, and the garments and person as served."""
        size = pixels.shape[0], pixels.shape[1]
        sure, everything = self.served.segment(pixels), self.eager.segment(pixels)
        pieces = of_main_person(Scene(everything.garments, sure.people), size[1], size[0])
        garments = merge_pieces(of_main_person(sure, size[1], size[0]), self.taxonomy)
        return (
            [*_instances(pieces, size), *_people(everything, size)],
            [*_instances(garments, size), *_people(sure, size)],
        )


def see_split(segmenters: TwoSegmenters, ccp: Path, split: str = "val") -> Seen:
    """Look at every photo of a split."""
    folder = CcpFolder(ccp)
    names, truth, ranked, kept = folder.split(split), [], [], []
    for photo in (folder.read(name) for name in names):
        everything, served = segmenters.look(photo.pixels)
        truth.append(list(labelled(photo)))
        ranked.append(everything)
        kept.append(served)
    return Seen(names, truth, ranked, kept)


def measure_segmenter(profile: Path, ccp: Path, split: str = "val") -> Mapping[str, ClassFigures]:
    """Figures per class, `person` (by its box) included, of the main person's garments.

    Args:
        profile: folder with a `manifest.json`.
    """
    return figures_of(see_split(TwoSegmenters.open(profile), ccp, split), CLASSES)


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
