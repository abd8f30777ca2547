"""Crops as the product makes them: a profile's segmenter on catalogue photos, mistakes and all.

The cache's own crops of these photos are boxes from keypoints. What is served is tighter, white around the outline,
and at times wrong; an embedder that is to bear this must have seen it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment, Pixels
from engine.seams import Segmenter
from engine.taxonomy import GarmentClass, Taxonomy, load_taxonomy
from engine.vision.crops import box_area, merge_pieces, of_main_person, outer_box
from models.manifest import load_manifest
from models.networks.segmenter import YoloSegmenter
from models.registry import verified
from models.runtime import RuntimeOptions, open_session
from models.train.data.crops import CropRecord, magento_record, square_crop
from models.train.data.pictures import read_pixels

MIN_SIDE = 16
"""As `ingest.run.select_image.MIN_SIDE`: fewer pixels show nothing."""
_KIN = {
    "upper_wear": {"outerwear", "full_body"},
    "outerwear": {"upper_wear", "full_body"},
    "full_body": {"outerwear", "upper_wear"},
    "lower_wear": {"full_body"},
}
"""What the segmenter takes a garment for when it is wrong; the shop's word for the product stands."""


def served_crops(data: Path, profile: Path) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Every catalogue photo in which the segmenter finds the product; the others give no crop."""
    taxonomy, root = load_taxonomy(), data / "magento_catalog"
    segmenter = open_segmenter(profile, taxonomy)
    for row in map(json.loads, (root / "products.jsonl").read_text("utf-8").splitlines()):
        if row["class"] not in taxonomy.classes:
            continue
        for shown in row["images"]:
            image = read_pixels(root / "images" / shown["file"])
            found = served_garment(segmenter, taxonomy, image, taxonomy.classes[row["class"]])
            if found is not None:
                crop = square_crop(image, full_mask(found, image))
                yield replace(magento_record(row, shown["view"], crop), cut="served"), crop


def open_segmenter(profile: Path, taxonomy: Taxonomy) -> YoloSegmenter:
    """The segmenter of a profile.

    Raises:
        ModelUnavailable: there is none.
    """
    manifest = load_manifest(profile)
    spec = manifest.require("segmenter")
    session = open_session(profile / spec.file, RuntimeOptions())
    return YoloSegmenter(spec, session, verified(profile, manifest, "segmenter"), taxonomy)


def served_garment(segmenter: Segmenter, taxonomy: Taxonomy, image: Pixels, wanted: GarmentClass) -> Garment | None:
    """The garment that ingest takes for the product: of its class, else of its supercategory, else of one near it."""
    height, width = image.shape[:2]
    seen = merge_pieces(of_main_person(segmenter.segment(image), width, height), taxonomy)
    fit = [g for g in seen if min(_sides(g, width, height)) >= MIN_SIDE]
    for group in (
        [g for g in fit if g.label == wanted.name],
        [g for g in fit if g.supercategory == wanted.supercategory],
        [g for g in fit if g.supercategory in _KIN.get(wanted.supercategory, ())],
    ):
        if group:
            return max(group, key=lambda g: g.score * box_area(g.box))
    return None


def _sides(garment: Garment, width: int, height: int) -> Sequence[int]:
    x0, y0, x1, y1 = outer_box(garment.box, width, height)
    return x1 - x0, y1 - y0


def full_mask(garment: Garment, image: Pixels) -> NDArray[np.bool_]:
    """The garment's mask on the whole picture, (H, W)."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = outer_box(garment.box, width, height)
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = garment.mask[: y1 - y0, : x1 - x0]
    return mask
