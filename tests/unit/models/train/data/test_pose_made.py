"""People made for the pose model: what is stitched, painted and drawn says what it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.architectures.pose import PoseArchitecture
from models.train.data.keypoints.pose import (
    PAINTED,
    UNKNOWN,
    PoseLabel,
    facing_of_shoulders,
    plain_sample,
    random_sample,
)
from models.train.data.keypoints.pose_made import (
    nobody,
    painted_backs,
    stitch,
    stitched_looks,
)

SKIN, HAIR, SHIRT = (230, 180, 150), (60, 40, 20), (200, 30, 40)


def points(front: bool = True) -> NDArray[np.float32]:
    """A person 200 pixels high around x = 60; whole, everything sure."""
    rows = [24, 20, 20, 22, 22, 45, 45, 75, 75, 95, 95, 105, 105, 150, 150, 195, 195]
    keypoints = np.zeros((17, 3), np.float32)
    for index, y in enumerate(rows):
        side = 0 if index == 0 else (1 if index % 2 else -1) * (4 if index < 5 else 14)
        keypoints[index] = 60 + (side if front else -side), y, 0.9
    return keypoints


def figure(path: Path, colour: tuple[int, int, int], wide: int) -> Path:
    """A coloured column on white."""
    pixels = np.full((210, 120, 3), 255, np.uint8)
    pixels[12:200, 60 - wide : 60 + wide] = colour
    Image.fromarray(pixels).save(path)
    return path


def label(path: Path, facing: str, *, seen: slice) -> PoseLabel:
    """A shop's picture on which some keypoints are seen."""
    keypoints = points(facing == "front")
    hidden = np.ones(17, bool)
    hidden[seen] = False
    keypoints[hidden, 2] = 0.0
    return PoseLabel(path, (40.0, 10.0, 80.0, 200.0), keypoints, facing, facing)


def test_top_and_legs_become_one_person_as_wide_at_the_hips(tmp_path: Path) -> None:
    """The legs are scaled to the top's width there, and their keypoints go along."""
    top = label(figure(tmp_path / "top.png", SHIRT, 20), "back", seen=slice(0, 13))
    leg = label(figure(tmp_path / "leg.png", (20, 30, 200), 10), "back", seen=slice(11, 17))
    pictures = [np.asarray(Image.open(p.image)) for p in (top, leg)]
    made = stitch(pictures[0], top, pictures[1], leg)
    assert made is not None
    assert tuple(made.pixels[50, 60]) == SHIRT
    below = made.pixels[160]
    dark = np.flatnonzero((below < 200).any(1))
    assert dark[-1] - dark[0] == pytest.approx(39, abs=2)
    scale = 39 / 19
    assert made.label.keypoints[15, 1] == pytest.approx(105 + scale * (195 - 105), abs=2)
    assert made.label.facing == "back"
    assert made.label.keypoints[15, 0] < made.label.keypoints[16, 0], "a back: its left ankle is on the left"


def test_only_parts_of_one_view_are_stitched(tmp_path: Path) -> None:
    """A front's top never gets a back's legs; without legs of its view there is no look."""
    top = label(figure(tmp_path / "top.png", SHIRT, 20), "front", seen=slice(0, 13))
    leg = label(figure(tmp_path / "leg.png", (20, 30, 200), 18), "back", seen=slice(11, 17))
    assert list(stitched_looks([top, leg], 6, np.random.default_rng(0))) == []
    legs = [leg, replace(leg, facing="front", keypoints=label(leg.image, "front", seen=slice(11, 17)).keypoints)]
    looks = list(stitched_looks([top, *legs], 6, np.random.default_rng(0)))
    assert len(looks) == 3
    assert {made.label.facing for made in looks} == {"front"}


def street(root: Path) -> PoseLabel:
    """A labelled street photo of one person from the front."""
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    regions = np.zeros((210, 120), np.uint8)
    regions[36:200, 45:76], regions[8:36, 45:76], regions[14:36, 51:70] = 3, 2, 1
    colours = np.array([(240, 240, 240), SKIN, HAIR, SHIRT], np.uint8)
    Image.fromarray(colours[regions]).save(root / "images" / "0001.png")
    Image.fromarray(regions).save(root / "masks" / "0001.png")
    (root / "labels.json").write_text(json.dumps({"labels": ["null", "skin", "hair", "shirt"], "mapping": {}}))
    (root / "splits.json").write_text(json.dumps({"train": ["0001"], "val": []}))
    return PoseLabel(root / "images" / "0001.png", (40.0, 5.0, 80.0, 205.0), points(), "street", "front")


def test_a_painted_back_has_hair_for_a_face_and_left_for_right(tmp_path: Path) -> None:
    """The clothes stay as they were; nose and eyes are gone; its head is never cut off."""
    front = street(tmp_path)
    (made,) = painted_backs(tmp_path, [front], np.random.default_rng(0))
    face = made.pixels[18:32, 54:66].astype(int).mean((0, 1))
    assert np.abs(face - HAIR).max() < 25
    assert tuple(made.pixels[100, 60]) == SHIRT
    assert made.label.facing == "back"
    assert made.label.keypoints[5, 0] == front.keypoints[6, 0]
    assert (made.label.keypoints[:3, 2] == 0).all()
    assert made.label.view == PAINTED
    rng, whole = np.random.default_rng(0), PoseArchitecture(input_size=(64, 64))
    samples = [random_sample(made.pixels, made.label, whole, rng) for _ in range(30)]
    shoulders = [sample.heatmaps[5].max() > 0.5 for sample in samples]
    assert np.mean(shoulders) > 0.8, "moved about, but not cut"


def test_a_picture_of_nobody_teaches_that_every_keypoint_is_absent() -> None:
    """All seventeen count, and none is there."""
    pixels = np.full((80, 60, 3), 90, np.uint8)
    sample = plain_sample(pixels, nobody(pixels, np.random.default_rng(1)), PoseArchitecture(input_size=(64, 64)))
    assert sample.heatmaps.max() == 0
    assert sample.weights.tolist() == [1.0] * 17
    assert sample.facing == 3


@pytest.mark.parametrize(("half", "facing"), [(20, "front"), (2, "side"), (-20, None), (6, None)])
def test_street_photos_are_fronts_or_sides_never_backs(half: float, facing: str | None) -> None:
    """A teacher's word for a back is not trusted there, and what is between is left open."""
    keypoints = points()
    keypoints[5, 0], keypoints[6, 0] = 60 + half, 60 - half
    assert facing_of_shoulders(keypoints) == facing


def test_an_unknown_facing_stays_unknown() -> None:
    """A sample without it is left out of that loss."""
    pixels = np.zeros((210, 120, 3), np.uint8)
    unknown = PoseLabel(Path("x"), (40.0, 5.0, 80.0, 205.0), points(), "street")
    assert plain_sample(pixels, unknown, PoseArchitecture(input_size=(64, 64))).facing == UNKNOWN
