"""Legs made for the facing network: another garment, the same person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.train.data.keypoints.legs import Legs, as_skirt, garment_mask, made_legs, repainted
from models.train.data.keypoints.pose import PoseLabel
from models.train.data.keypoints.pose_made import figure_mask

SKIN, CLOTH, SHOE = (225, 175, 150), (30, 60, 160), (90, 90, 90)
BOX = (40.0, 5.0, 120.0, 235.0)


def trousers() -> NDArray[np.uint8]:
    """A bare waist, two legs in cloth with white between them, shoes."""
    pixels = np.full((240, 160, 3), 255, np.uint8)
    pixels[5:40, 55:105] = SKIN
    pixels[40:80, 50:110] = CLOTH
    pixels[80:215, 50:75] = pixels[80:215, 85:110] = CLOTH
    pixels[215:235, 45:75] = pixels[215:235, 85:115] = SHOE
    return pixels


def points(front: bool = True) -> NDArray[np.float32]:
    """Hips, knees and ankles; a person's left is on the right from the front."""
    keypoints = np.zeros((17, 3), np.float32)
    for row, (y, apart) in zip((11, 13, 15), ((60, 15), (140, 18), (210, 18)), strict=True):
        side = apart if front else -apart
        keypoints[row], keypoints[row + 1] = (80 + side, y, 0.9), (80 - side, y, 0.9)
    return keypoints


def label(path: Path, facing: str = "front") -> PoseLabel:
    return PoseLabel(path, BOX, points(facing == "front"), facing, facing)


def test_the_garment_is_what_has_the_thighs_color() -> None:
    """Not the skin above, not the shoes below, not the white between the legs."""
    pixels = trousers()
    mask = garment_mask(pixels, points())
    assert mask is not None
    cloth = (pixels == CLOTH).all(2)
    assert (mask & cloth).sum() > 0.97 * cloth.sum()
    assert not (mask & ~cloth).any()


def test_hips_that_nobody_found_give_no_garment() -> None:
    """There is nowhere to look for its colour."""
    keypoints = points()
    keypoints[11:13, 2] = 0.05
    assert garment_mask(trousers(), keypoints) is None


def test_a_repainted_garment_has_another_color_and_all_else_stays() -> None:
    """Waist and shoes tell where the person faces; they may not change."""
    pixels = trousers()
    cloth = (pixels == CLOTH).all(2)
    painted = repainted(pixels, cloth, np.random.default_rng(2))
    inner = cv2.erode(cloth.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert np.abs(painted[inner].astype(int) - CLOTH).sum(1).mean() > 30
    for rows in (slice(5, 34), slice(221, 235)):
        assert np.abs(painted[rows].astype(int) - pixels[rows]).max() <= 4  # to CIE Lab and back


def test_a_skirt_covers_what_is_between_the_legs_and_leaves_waist_and_shoes() -> None:
    """From the hips down to its hem; the label's view stays."""
    pixels = trousers()
    legs = Legs(pixels, label(Path("x.png"), "back"), (pixels == CLOTH).all(2))
    for seed in range(8):
        made = as_skirt(legs, np.random.default_rng(seed))
        assert figure_mask(made.pixels)[100, 80], "cloth between the legs"
        assert not figure_mask(made.pixels)[225, 80], "none between the shoes"
        assert np.abs(made.pixels[10:34, 60:100].astype(int) - SKIN).max() <= 4
        assert made.label.facing == "back"
        assert np.array_equal(made.label.keypoints[:, :2], points(front=False)[:, :2])


def test_as_many_backs_as_fronts_are_made(tmp_path: Path) -> None:
    """Whatever the shop has more of; legs whose ankles nobody found are no whole legs."""
    Image.fromarray(trousers()).save(tmp_path / "a.png")
    shop = [label(tmp_path / "a.png"), label(tmp_path / "a.png"), label(tmp_path / "a.png", "back")]
    made = list(made_legs(shop, 10, np.random.default_rng(0)))
    assert [one.label.facing for one in made] == ["front", "back"] * 5
    assert len({one.pixels.tobytes() for one in made}) >= 9
    cut = label(tmp_path / "a.png")
    cut.keypoints[15:, 2] = 0.05
    assert list(made_legs([cut], 4, np.random.default_rng(0))) == []


@pytest.mark.parametrize("front", [True, False])
def test_made_legs_keep_left_and_right(tmp_path: Path, front: bool) -> None:
    """A front's left ankle is on the right, and a back's on the left, after stitching too."""
    Image.fromarray(trousers()).save(tmp_path / "a.png")
    shop = [label(tmp_path / "a.png", "front" if front else "back")]
    for one in made_legs(shop, 8, np.random.default_rng(3)):
        assert (one.label.keypoints[15, 0] > one.label.keypoints[16, 0]) == front
