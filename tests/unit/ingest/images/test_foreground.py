"""Cutting products out of their backgrounds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.images.foreground import foreground, foreground_garment


def shirt(height: int = 300, width: int = 240) -> NDArray[np.bool_]:
    """A shirt's outline in the middle of a picture."""
    mask = np.zeros((height, width), np.uint8)
    outline = [
        (90, 60),
        (150, 60),
        (205, 110),
        (185, 135),
        (160, 115),
        (160, 240),
        (80, 240),
        (80, 115),
        (55, 135),
        (35, 110),
    ]
    cv2.fillPoly(mask, [np.array(outline, np.int32)], 1)
    return mask.astype(bool)


def planks(height: int = 300, width: int = 240) -> NDArray[np.uint8]:
    """A wooden floor: a pattern in several browns, with noise."""
    floor = np.zeros((height, width, 3), np.float32)
    for i, y in enumerate(range(0, height, 30)):
        floor[y : y + 30] = np.array([150, 105, 70]) + 14 * ((i * 7) % 3 - 1)
        floor[y : y + 2] = (90, 60, 40)
    return (floor + np.random.default_rng(1).normal(0, 6, floor.shape)).clip(0, 255).astype(np.uint8)


def agreement(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def test_a_plain_background_is_taken_away_to_the_pixel() -> None:
    """White buttons on a shirt before white stay the shirt's; dust does not become a product."""
    truth = shirt()
    pixels = np.full((300, 240, 3), 252, np.uint8)
    pixels[truth] = (30, 60, 120)
    pixels[150:156, 118:124] = 252
    pixels[280:282, 20:22] = 0
    found = foreground(pixels)
    assert found is not None
    assert np.array_equal(found, truth)


def test_a_floor_is_taken_away() -> None:
    """A patterned background of other colours: the outline is found to a few per cent."""
    truth, pixels = shirt(), planks()
    pixels[truth] = (
        np.random.default_rng(2).normal((40, 60, 130), 8, (int(truth.sum()), 3)).clip(0, 255).astype(np.uint8)
    )
    found = foreground(pixels)
    assert found is not None
    assert agreement(found, truth) > 0.93
    again = foreground(pixels)
    assert again is not None
    assert np.array_equal(found, again)


@pytest.mark.parametrize("color", [0, 128, 255])
def test_nothing_there(color: int) -> None:
    """One colour all over holds no product."""
    assert foreground(np.full((100, 80, 3), color, np.uint8)) is None


def test_the_garment_is_tight_and_of_the_named_class() -> None:
    """The box is tight, the mask lies in it, the outline is in the picture's pixels."""
    truth = shirt()
    pixels = np.full((300, 240, 3), 252, np.uint8)
    pixels[truth] = (30, 60, 120)
    garment = foreground_garment(pixels, "upper_wear", "upper_wear")
    assert garment is not None
    assert garment.box == (35, 60, 206, 241)
    assert np.array_equal(garment.mask, truth[60:241, 35:206])
    (outline,) = garment.polygons
    assert (outline.min(axis=0).tolist(), outline.max(axis=0).tolist()) == ([35, 60], [205, 240])
