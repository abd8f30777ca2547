"""Masks read off prototypes: exact where the arithmetic is, within a pixel or two where scales meet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.networks.masks import MaskReader, Patch, outlines, patch_iou, polygon_area, rivals
from models.networks.preprocess import Placement, place

ONE = np.ones(1, np.float32)


def prototypes(rows: slice, columns: slice, size: int = 16) -> NDArray[np.float32]:
    """One channel: +1 in a rectangle of cells, -1 elsewhere, so that linear sampling is 0 on cell edges."""
    grid = np.full((1, size, size), -1, np.float32)
    grid[0, rows, columns] = 1
    return grid


def everything(height: int, width: int) -> NDArray[np.float32]:
    """A box that holds the whole picture."""
    return np.array([0, 0, width, height], np.float32)


def test_cells_map_to_pixels_exactly() -> None:
    """Input 64, prototypes 16: cell edges lie on multiples of 4, no half-pixel shift in either direction."""
    reader = MaskReader(prototypes(slice(2, 9), slice(4, 6)), Placement(1, 1, 0, 0), (64, 64), (64, 64))
    patch = reader.read(ONE, everything(64, 64))
    assert patch is not None
    assert (patch.left, patch.top, patch.mask.shape) == (16, 8, (28, 8))
    # Linear sampling rounds the corners of a rectangle off by at most a pixel each.
    assert patch.area >= 28 * 8 - 4


def test_letterboxed_pictures_map_back() -> None:
    """A 128 × 64 picture lies in rows 16 to 48 of the input at half scale."""
    _, placement = place(np.zeros((64, 128, 3), np.uint8), (64, 64), "letterbox", 114)
    assert placement.top == 16
    reader = MaskReader(prototypes(slice(6, 10), slice(3, 12)), placement, (64, 64), (64, 128))
    patch = reader.read(ONE, everything(64, 128))
    assert patch is not None
    assert (patch.left, patch.top, patch.mask.shape) == (24, 16, (32, 72))


def test_a_mask_ends_at_its_box() -> None:
    """Prototypes are shared by the whole picture; what lies outside the box belongs to others."""
    reader = MaskReader(prototypes(slice(0, 16), slice(0, 16)), Placement(1, 1, 0, 0), (64, 64), (64, 64))
    patch = reader.read(ONE, np.array([10.2, 5, 20.7, 64], np.float32))
    assert patch is not None
    assert (patch.left, patch.top, patch.mask.shape) == (10, 5, (59, 11))
    assert patch.mask.all()


def test_negative_coefficients_and_empty_masks() -> None:
    """Coefficients weigh the prototypes; nothing above zero is no mask."""
    reader = MaskReader(prototypes(slice(0, 16), slice(0, 8)), Placement(1, 1, 0, 0), (64, 64), (64, 64))
    patch = reader.read(-ONE, everything(64, 64))
    assert patch is not None
    assert (patch.left, patch.mask.shape) == (32, (64, 32))
    assert reader.read(ONE, np.array([40, 0, 60, 64], np.float32)) is None
    assert reader.read(ONE, np.array([40, 20, 40, 20], np.float32)) is None


def test_a_twelve_megapixel_picture_gets_a_full_size_mask() -> None:
    """Read on a small grid, given in the picture's pixels: within 3 of 3000."""
    height, width = 4000, 3000
    size, placement = (640, 640), Placement(480 / width, 640 / height, 80, 0)
    reader = MaskReader(prototypes(slice(40, 120), slice(60, 100), 160), placement, size, (height, width))
    assert max(reader.size) == 1280
    patch = reader.read(ONE, everything(height, width))
    assert patch is not None
    whole = reader.to_image(patch)
    box = (whole.left, whole.top, whole.left + whole.mask.shape[1], whole.top + whole.mask.shape[0])
    assert box == pytest.approx((1000, 1000, 2000, 3000), abs=3)
    assert whole.mask.mean() > 0.999
    (outline,) = reader.outlines(patch)
    assert outline.min(axis=0) == pytest.approx((1000, 1000), abs=4)
    assert outline.max(axis=0) == pytest.approx((2000, 3000), abs=4)


def test_specks_go_and_real_parts_stay() -> None:
    """A sleeve behind a bag is a part; a stray cell is not."""
    mask = np.zeros((50, 50), bool)
    mask[5:25, 5:25] = mask[30:40, 30:40] = mask[48, 48] = True
    cleaned = Patch(mask, 0, 0).without_specks()
    assert cleaned.area == 500
    assert cleaned.tight() is not None
    assert Patch(np.zeros((4, 4), bool), 0, 0).tight() is None


def test_outlines_run_along_pixel_edges() -> None:
    """An L of 3 + 3 cells at (10, 20): its polygon has the L's exact area and corners."""
    mask = np.zeros((12, 8), bool)
    mask[:, :4] = mask[8:, :] = True
    (polygon,) = outlines(Patch(mask, 10, 20))
    assert polygon_area(polygon) == mask.sum() == 64
    assert {tuple(p) for p in polygon.tolist()} == {(10, 20), (14, 20), (14, 28), (18, 28), (18, 32), (10, 32)}


def test_outlines_of_a_round_shape_cover_it() -> None:
    """Simplified, and still the same area to one per cent; larger parts first."""
    mask = np.zeros((220, 300), np.uint8)
    cv2.circle(mask, (100, 110), 90, 1, -1)
    cv2.circle(mask, (260, 110), 25, 1, -1)
    large, small = outlines(Patch(mask.astype(bool), 0, 0))
    assert polygon_area(large) + polygon_area(small) == pytest.approx(mask.sum(), rel=0.01)
    assert polygon_area(large) > polygon_area(small)
    assert len(large) < 80


def test_patches_are_compared_where_they_lie() -> None:
    """Two 4 × 4 squares, shifted by 2 on one axis: 8 shared of 24. Only different classes are rivals."""
    square = np.ones((4, 4), bool)
    patches = [Patch(square, 0, 0), Patch(square, 2, 0), Patch(square, 40, 0), Patch(square, 0, 0)]
    assert patch_iou(patches[0], patches[1]) == pytest.approx(1 / 3)
    assert patch_iou(patches[0], patches[2]) == 0
    found = rivals(patches, [0, 1, 1, 0], 0.3)
    assert {(int(i), int(j)) for i, j in np.argwhere(found)} == {(0, 1), (1, 0), (1, 3), (3, 1)}
