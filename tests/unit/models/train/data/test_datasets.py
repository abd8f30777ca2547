"""Readers of garment photos: labels to masks, masks to polygons, splits that never leak."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.architectures.accessories import CLASSES
from models.train.data.build import SceneMix, build_segmenter_folder
from models.train.data.datasets import (
    CcpFolder,
    LabelledPhoto,
    crop_photo,
    garment_masks,
    polygon,
    write_yolo_folder,
    yolo_lines,
)
from models.train.data.pictures import DatasetUnreadable

LABELS = ["null", "shirt", "shoes", "skin", "bag"]
MAPPING = {"upper_wear": ["shirt"], "foot_wear": ["shoes"]}


def label_map() -> NDArray[np.uint8]:
    """A shirt cut in two by a bag strap, two shoes, one speck of shirt, skin."""
    values = np.zeros((120, 80), np.uint8)
    values[20:60, 20:38] = 1
    values[20:60, 38:42] = 4
    values[20:60, 42:60] = 1
    values[60:100, 30:50] = 3
    values[100:110, 22:34] = 2
    values[100:110, 46:58] = 2
    values[5:7, 70:72] = 1
    return values


@pytest.fixture
def ccp(tmp_path: Path) -> Path:
    root = tmp_path / "ccp"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    (root / "labels.json").write_text(json.dumps({"labels": LABELS, "mapping": MAPPING}))
    (root / "splits.json").write_text(json.dumps({"train": ["0001", "0002"], "val": ["0003"]}))
    for name in ("0001", "0002", "0003"):
        Image.fromarray(np.full((120, 80, 3), 90, np.uint8)).save(root / "images" / f"{name}.jpg")
        Image.fromarray(label_map()).save(root / "masks" / f"{name}.png")
    return root


def test_pieces_of_a_class_are_one_mask_without_specks(ccp: Path) -> None:
    """A strap across a shirt leaves one shirt; the speck in the corner is no part of it."""
    masks = CcpFolder(ccp).read("0001").masks
    assert set(masks) == {"upper_wear", "foot_wear", "person", "bag"}
    assert masks["upper_wear"].sum() == 2 * 40 * 18
    assert not masks["upper_wear"][:10].any()


def test_person_covers_everything_labelled(ccp: Path) -> None:
    """Skin and bags are no garments, but they are the person's."""
    photo = CcpFolder(ccp).read("0001")
    assert photo.masks["person"][80, 40]
    assert photo.masks["person"][40, 40]
    assert not photo.masks["upper_wear"][40, 40]


def test_a_photo_in_two_splits_is_refused(ccp: Path) -> None:
    """Validation photos that are also trained on would make every figure a lie."""
    (ccp / "splits.json").write_text(json.dumps({"train": ["0001", "0003"], "val": ["0003"]}))
    with pytest.raises(DatasetUnreadable, match="another split"):
        CcpFolder(ccp).split("train")


def test_a_mask_of_another_size_is_refused(ccp: Path) -> None:
    """Resizing one of the two by guess would shift every label."""
    Image.fromarray(label_map()[:60]).save(ccp / "masks" / "0001.png")
    with pytest.raises(DatasetUnreadable, match="0001"):
        CcpFolder(ccp).read("0001")


def test_an_outline_of_two_pieces_fills_to_both_and_to_nothing_else() -> None:
    """The bridge between two shoes has no width, so the filled outline is the mask again."""
    mask = garment_masks(label_map(), {"foot_wear": (2,)})["foot_wear"]
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [polygon(mask).astype(np.int32)], 1)
    wrong = np.count_nonzero((filled > 0) ^ mask)
    assert wrong <= 14  # fillPoly draws the bridge itself one pixel wide: 12 pixels between the shoes.


def test_an_empty_mask_has_no_outline() -> None:
    """A class that a crop cut away must not leave a label."""
    assert polygon(np.zeros((8, 8), bool)).shape == (0, 2)


def test_label_lines_are_relative_and_name_the_class() -> None:
    """x by the width and y by the height: a wide photo would tell if they were swapped."""
    mask = np.zeros((50, 200), bool)
    mask[10:21, 100:151] = True
    (line,) = yolo_lines(LabelledPhoto("wide", np.zeros((50, 200, 3), np.uint8), {"dress": mask}))
    number, *values = line.split()
    points = np.array(values, float).reshape(-1, 2)
    assert CLASSES[int(number)] == "dress"
    assert points.min(0) == pytest.approx([100.5 / 200, 10.5 / 50], abs=1e-4)
    assert points.max(0) == pytest.approx([150.5 / 200, 20.5 / 50], abs=1e-4)


def test_a_crop_drops_what_left_the_picture(ccp: Path) -> None:
    """Cropped to the chest, the person wears no shoes any more."""
    chest = crop_photo(CcpFolder(ccp).read("0001"), (0, 0, 80, 70), "chest")
    assert set(chest.masks) == {"upper_wear", "person", "bag"}
    assert chest.pixels.shape == (70, 80, 3)


def test_the_folder_keeps_splits_apart(ccp: Path, tmp_path: Path) -> None:
    """No validation photo, nor a studio scene made from one, is among the training pictures."""
    out = tmp_path / "out"
    data = build_segmenter_folder(out, SceneMix(ccp, studio_share=1.0, alone_share=1.0))
    stems = {p.stem for p in (out / "images" / "train").iterdir()}
    assert {"0001_0", "0001_1", "0001_studio", "0002_0", "0002_1", "0002_studio"} < stems
    assert any("_alone_" in stem for stem in stems)
    assert all(stem.startswith(("0001", "0002")) for stem in stems)
    assert {p.stem for p in (out / "images" / "val").iterdir()} == {"0003"}
    assert (out / "labels" / "val" / "0003.txt").read_text().count("\n") == 4, "shirt, shoes, person and bag"
    assert "0: upper_wear" in data.read_text()
    assert "5: person" in data.read_text()


def test_photos_of_nothing_get_an_empty_label(tmp_path: Path) -> None:
    """A picture without garments is a lesson too; a missing label file would be a mistake."""
    assert write_yolo_folder(tmp_path, "train", [LabelledPhoto("none", np.zeros((8, 8, 3), np.uint8))]) == 1
    assert (tmp_path / "labels" / "train" / "none.txt").read_text() == ""
