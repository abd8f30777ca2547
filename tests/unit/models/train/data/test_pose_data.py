"""Pose samples: left and right in the mirror, targets in the right place, absent keypoints taught as absent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.architectures.pose import FLIPPED, KEYPOINTS, PADDING, PoseArchitecture
from models.networks.pose import decode, input_to_image
from models.train.data.keypoints.pose import (
    PoseLabel,
    mirrored,
    plain_sample,
    random_sample,
    read_catalogue_poses,
    read_ccp_poses,
    read_closeups,
    target_heatmaps,
)
from models.train.data.shop_pictures import DETAILS_NAMED_FRONT, NO_GARMENTS, WHOLE_DETAILS, read_names_of_legs
from models.train.splits import is_held_out

ARCHITECTURE = PoseArchitecture(input_size=(128, 96))
PIXELS = np.zeros((200, 100, 3), np.uint8)
DETAIL, BAG, OUTFIT = (min(names) for names in (DETAILS_NAMED_FRONT, NO_GARMENTS, WHOLE_DETAILS))


def standing() -> NDArray[np.float32]:
    """A person from the front: the person's left is on the picture's right."""
    keypoints = np.zeros((17, 3), np.float32)
    for index, name in enumerate(KEYPOINTS):
        side = 12 if name.startswith("left") else -12 if name.startswith("right") else 0
        keypoints[index] = 50 + side, 20 + 10 * (index // 2), 0.9
    return keypoints


def label(keypoints: NDArray[np.float32] | None = None, view: str = "front") -> PoseLabel:
    points = standing() if keypoints is None else keypoints
    return PoseLabel(Path("none.jpg"), (30.0, 10.0, 70.0, 190.0), points, view)


def test_the_mirror_swaps_the_names_of_left_and_right() -> None:
    """A mirrored front view is a front view: its left shoulder is still on the picture's right."""
    _, swapped, box = mirrored(PIXELS, standing(), (30.0, 10.0, 60.0, 190.0))
    assert swapped[5, 0] > swapped[6, 0]
    assert swapped[5, 0] == 99 - standing()[6, 0]
    assert box == (40.0, 10.0, 70.0, 190.0)


def test_mirroring_twice_changes_nothing() -> None:
    """Every keypoint has exactly one counterpart."""
    assert [FLIPPED[FLIPPED[index]] for index in range(17)] == list(range(17))
    pixels, keypoints, box = mirrored(*mirrored(PIXELS, standing(), (30.0, 10.0, 60.0, 190.0)))
    assert np.array_equal(keypoints, standing())
    assert box == (30.0, 10.0, 60.0, 190.0)
    assert np.array_equal(pixels, PIXELS)


def test_the_served_decoder_finds_the_targets_again() -> None:
    """Targets and decoding agree on where a cell lies: within half a cell of 4 input pixels."""
    sample = plain_sample(PIXELS, label(), ARCHITECTURE)
    places, scores = decode(sample.heatmaps)
    view = input_to_image(label().box, ARCHITECTURE.input_size, PADDING)
    points = np.column_stack([places * 4, np.ones(17)]) @ view.T
    assert np.abs(points - standing()[:, :2]).max() < 0.5 * 4 * view[0, 0]
    assert scores.min() > 0.8
    assert sample.weights.tolist() == [1.0] * 17


def test_teachers_doubt_is_left_out_and_absence_is_taught() -> None:
    """Unsure keypoints have no weight; surely absent ones and those outside the picture have an empty target."""
    keypoints = standing()
    keypoints[9, 2] = 0.18
    keypoints[10, 2] = 0.05
    keypoints[15, :2] = 50, 230
    sample = plain_sample(PIXELS, label(keypoints), ARCHITECTURE)
    assert sample.weights[9] == 0
    assert sample.weights[10] == 1
    assert sample.heatmaps[10].max() == 0
    assert sample.weights[15] == 1
    assert sample.heatmaps[15].max() == 0


def test_a_target_is_highest_at_its_point() -> None:
    """x is the column and y the row."""
    maps = target_heatmaps(np.tile([[3.0, 7.0]], (17, 1)), np.ones(17, bool), (16, 12))
    assert maps.shape == (17, 16, 12)
    assert np.unravel_index(int(maps[0].argmax()), (16, 12)) == (7, 3)
    assert maps[0].max() == pytest.approx(1.0)


def test_random_samples_never_show_a_front_as_a_back() -> None:
    """Mirror, turn and cut keep the order of the shoulders, which is what the gate reads."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        sample = random_sample(PIXELS, label(), ARCHITECTURE, rng)
        left, right = sample.heatmaps[5], sample.heatmaps[6]
        if left.max() > 0.5 and right.max() > 0.5:
            assert left.max(0).argmax() > right.max(0).argmax()


def test_ccp_photos_are_split_as_their_masks_are(tmp_path: Path) -> None:
    """A validation photo is in no training list; photos without masks may be trained on."""
    (tmp_path / "splits.json").write_text(json.dumps({"train": ["0001"], "val": ["0002"]}))
    rows = [_row(f"{name}.jpg") for name in ("0001", "0002", "0003")]
    (tmp_path / "pose_movenet_pseudo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert [p.image.stem for p in read_ccp_poses(tmp_path, "train")] == ["0001", "0003"]
    assert [p.image.stem for p in read_ccp_poses(tmp_path, "val")] == ["0002"]


def test_catalogue_pictures_are_split_by_product_and_contradictions_are_not_taught(tmp_path: Path) -> None:
    """Two views of one product never part, and a back view with a front's shoulders teaches nothing."""
    seen, kept_back = _product_ids()
    views = {"a": (seen, "front"), "b": (seen, "back"), "c": (kept_back, "front"), "d": (kept_back, "back")}
    products = [
        {"source": "luma", "product_id": product, "images": [{"file": f"{name}.jpg", "view": view}]}
        for name, (product, view) in views.items()
    ]
    (tmp_path / "products.jsonl").write_text("\n".join(json.dumps(product) for product in products))
    rows = [_row(f"{name}.jpg") for name in views]  # All of them with the shoulders of a front view.
    (tmp_path / "pose_movenet_pseudo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert [p.image.stem for p in read_catalogue_poses(tmp_path, "train")] == ["a"]
    assert [p.image.stem for p in read_catalogue_poses(tmp_path, "val")] == ["c", "d"]
    assert read_catalogue_poses(tmp_path, "train", sources=("venia",)) == []


def test_names_that_err_are_put_right(tmp_path: Path) -> None:
    """A pocket called a front is a detail, a bag is nothing; close-ups are training products' details, no outfits."""
    seen, kept_back = _product_ids()
    files = {"front.jpg": "front", DETAIL: "front", BAG: "front", "sleeve.jpg": "detail", OUTFIT: "detail"}
    products = [
        {"source": source, "product_id": product, "class": part, "images": images}
        for source, product, part, images in (
            ("luma", seen, "lower_wear", [{"file": file, "view": view} for file, view in files.items()]),
            ("luma", kept_back, "upper_wear", [{"file": "held-back.jpg", "view": "detail"}]),
            ("venia", "V", "upper_wear", [{"file": "theirs.jpg", "view": "detail"}]),
        )
    ]
    (tmp_path / "products.jsonl").write_text("\n".join(json.dumps(product) for product in products))
    rows = [
        {**_row(name), "kpts": np.zeros((17, 3)).tolist()} if name == "sleeve.jpg" else _row(name) for name in files
    ]
    (tmp_path / "pose_movenet_pseudo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    taught = {p.image.name: p.facing for p in read_catalogue_poses(tmp_path, "train")}
    assert taught == {"front.jpg": "front", DETAIL: None, OUTFIT: None}
    assert [path.name for path in read_closeups(tmp_path)] == ["sleeve.jpg"]
    assert read_names_of_legs(tmp_path) == set(files)


def _row(file: str) -> dict[str, object]:
    return {"file": file, "w": 100, "h": 200, "box": [30, 10, 70, 190], "kpts": standing().tolist()}


def _product_ids() -> tuple[str, str]:
    names = [f"P{number}" for number in range(100)]
    return next(n for n in names if not is_held_out(n)), next(n for n in names if is_held_out(n))


def test_samples_of_a_box_that_hardly_meets_its_picture_are_made_all_the_same() -> None:
    """Hips below the picture's edge: the cut at the hips leaves something to look at."""
    low = standing()
    low[:, 1] += 140
    rng = np.random.default_rng(0)
    sunk = PoseLabel(Path("none.jpg"), (30.0, 120.0, 70.0, 199.0), low, "front")
    for _ in range(200):
        assert random_sample(PIXELS, sunk, ARCHITECTURE, rng).picture.shape == (128, 96, 3)
