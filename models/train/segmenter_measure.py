"""Run a profile's segmenter over CCP's validation photos, as it is served, and say how well it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.crops import merge_pieces, of_main_person
from engine.domain import Garment, Scene
from engine.taxonomy import Taxonomy, load_taxonomy
from models.manifest import ModelSpec, load_manifest
from models.runtime import RuntimeOptions, open_session
from models.segmenter import YoloSegmenter
from models.train.datasets import CLASSES, CcpFolder, LabelledPhoto
from models.train.segmenter_eval import ClassFigures, Instance, evaluate, mask_box

LEAST_SCORE = 0.01
"""Average precision looks at everything above it; `recall` and `mask_iou` at what is served."""


def measure_segmenter(profile: Path, ccp: Path, split: str = "val") -> Mapping[str, ClassFigures]:
    """Figures per class, `person` (by its box) included, of the main person's garments.

    Average precision ranks the detections as they come; recall and mask IoU are of garments with their pieces
    merged, as the search uses them.

    Args:
        profile: folder with a `manifest.json`.
    """
    folder, taxonomy = CcpFolder(ccp), load_taxonomy(None)
    spec = load_manifest(profile).require("segmenter")
    eager_spec = replace(spec, extra={**spec.extra, "score": LEAST_SCORE, "scores": None})
    served, eager = _open(profile, spec, taxonomy), _open(profile, eager_spec, taxonomy)
    truth, ranked, kept = [], [], []
    for photo in (folder.read(photo_id) for photo_id in folder.split(split)):
        size = photo.pixels.shape[0], photo.pixels.shape[1]
        sure, all_seen = served.segment(photo.pixels), eager.segment(photo.pixels)
        pieces = of_main_person(Scene(all_seen.garments, sure.people), size[1], size[0])
        garments = merge_pieces(of_main_person(sure, size[1], size[0]), taxonomy)
        truth.append(list(labelled(photo)))
        ranked.append([*_instances(pieces, size), *_main_person(all_seen, size)])
        kept.append([*_instances(garments, size), *_main_person(sure, size)])
    precise, useful = evaluate(truth, ranked, CLASSES), evaluate(truth, kept, CLASSES)
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


def _main_person(scene: Scene, size: tuple[int, int]) -> Iterator[Instance]:
    """The largest person found; a box is all there is of a person, so its mask says nothing."""
    if scene.people:
        main = max(scene.people, key=lambda p: p.score)
        mask = np.zeros(size, np.uint8)
        x0, y0, x1, y1 = (int(v) for v in main.box)
        cv2.rectangle(mask, (x0, y0), (x1 - 1, y1 - 1), 1, -1)
        yield Instance("person", main.box, mask > 0, main.score)


def _open(profile: Path, spec: ModelSpec, taxonomy: Taxonomy) -> YoloSegmenter:
    return YoloSegmenter(spec, open_session(profile / spec.file, RuntimeOptions(threads=1)), "measured", taxonomy)
