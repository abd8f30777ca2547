"""Pictures into model inputs and boxes back, by exact values."""

from __future__ import annotations

import numpy as np
import pytest

from models.networks.preprocess import Placement, place, shrink, to_input, unit_rows


def test_a_letterbox_is_centred_and_painted() -> None:
    """A 100 × 50 picture in a 64 × 64 input: halved sides keep their proportion, the rest is grey."""
    image = np.full((50, 100, 3), 200, np.uint8)
    canvas, placement = place(image, (64, 64), "letterbox", 114)
    assert placement == Placement(0.64, 0.64, 0, 16)
    assert (canvas[16:48] == 200).all()
    assert (canvas[:16] == 114).all()
    assert (canvas[48:] == 114).all()


def test_boxes_come_back_to_the_picture() -> None:
    """The way in and the way back cancel out, also where rounding makes the two scales differ."""
    _, placement = place(np.zeros((333, 517, 3), np.uint8), (160, 160), "letterbox", 0)
    assert (placement.scale_x, placement.scale_y) == (160 / 517, 103 / 333)
    box = np.array([[0, 28, 160, 131]], np.float32)
    np.testing.assert_allclose(placement.to_image(box), [[0, 0, 517, 333]], atol=1e-4)


def test_stretching_fills_the_input() -> None:
    """Both sides are scaled on their own."""
    canvas, placement = place(np.full((10, 40, 3), 7, np.uint8), (20, 20), "stretch", 0)
    assert (canvas == 7).all()
    assert placement == Placement(0.5, 2.0, 0, 0)


def test_shrinking_averages_all_pixels() -> None:
    """A fine check becomes grey, not black or white."""
    check = (np.indices((40, 40)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = shrink(np.dstack([check] * 3), (10, 10))
    assert np.abs(small.astype(int) - 127).max() <= 1


def test_pixels_become_planes() -> None:
    """0–255 → 0–1 → minus the mean, over the deviation, channel by channel."""
    pixel = np.array([[[[255, 0, 51]]]], np.uint8)
    planes = to_input(pixel, (0.5, 0.25, 0.1), (0.5, 0.25, 0.2))
    assert planes.shape == (1, 3, 1, 1)
    assert planes.dtype == np.float32
    assert planes.ravel() == pytest.approx([1.0, -1.0, 0.5])


def test_unit_rows_and_a_row_of_zeros() -> None:
    """No division by zero; the other rows are not touched by it."""
    rows = unit_rows(np.array([[3, 4], [0, 0], [-2, 0]], np.float32))
    assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [-1, 0]]
    assert rows.dtype == np.float32
