"""Masks from prototypes: read at a working scale, mapped to the picture's pixels, traced as outlines.

Coordinates are continuous: pixel i covers i to i + 1, so its centre lies at i + 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from models.networks.overlap import mask_iou, mask_meet
from models.networks.preprocess import Placement

WORK_SIDE = 1280
"""Longer side of the grid that masks are read on; prototypes hold no finer detail than that."""
SPECK = 0.01
"""Parts below this share of a mask's largest part are noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A mask somewhere in a grid: (h, w) bool with its corner at (left, top)."""

    mask: NDArray[np.bool_]
    left: int
    top: int

    @property
    def area(self) -> int:
        """Cells that are set."""
        return int(np.count_nonzero(self.mask))

    def tight(self) -> Patch | None:
        """Cut to its set cells; None where there are none."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return None
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        return Patch(np.ascontiguousarray(self.mask[y0:y1, x0:x1]), self.left + int(x0), self.top + int(y0))

    def without_specks(self) -> Patch:
        """Only parts of a noticeable size."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(self.mask.astype(np.uint8), connectivity=8)
        if count <= 2:
            return self
        areas = stats[:, cv2.CC_STAT_AREA]
        keep = areas >= SPECK * areas[1:].max()
        keep[0] = False
        return Patch(keep[labels], self.left, self.top)


class MaskReader:
    """Reads masks off one picture's prototypes.

    Args:
        prototypes: (channels, h, w) float32.
        placement: where the picture lies in the model's input.
        input_size: (height, width) of the model's input.
        image_size: (height, width) of the picture.
    """

    def __init__(
        self,
        prototypes: NDArray[np.float32],
        placement: Placement,
        input_size: tuple[int, int],
        image_size: tuple[int, int],
    ) -> None:
        self._prototypes = prototypes
        self._placement = placement
        self._strides = input_size[1] / prototypes.shape[2], input_size[0] / prototypes.shape[1]
        self._image_size = image_size
        scale = min(1.0, WORK_SIDE / max(image_size))
        self.size = max(1, round(image_size[0] * scale)), max(1, round(image_size[1] * scale))
        self._work = self.size[1] / image_size[1], self.size[0] / image_size[0]

    def read(self, coefficients: NDArray[np.float32], box: NDArray[np.float32]) -> Patch | None:
        """A mask on the working grid, within a box of the picture; None where it is empty."""
        (wx, wy), (height, width) = self._work, self.size
        left, right = max(0, floor(box[0] * wx)), min(width, ceil(box[2] * wx))
        top, bottom = max(0, floor(box[1] * wy)), min(height, ceil(box[3] * wy))
        if left >= right or top >= bottom:
            return None
        channels, rows, columns = self._prototypes.shape
        logits = (coefficients @ self._prototypes.reshape(channels, -1)).reshape(rows, columns)
        place, (stride_x, stride_y) = self._placement, self._strides
        ax, ay = place.scale_x / wx / stride_x, place.scale_y / wy / stride_y
        bx, by = place.left / stride_x - 0.5, place.top / stride_y - 0.5
        matrix = np.array([[ax, 0, (left + 0.5) * ax + bx], [0, ay, (top + 0.5) * ay + by]])
        fine = _sample(np.ascontiguousarray(logits, np.float32), matrix, (bottom - top, right - left))
        return Patch(fine > 0, left, top).without_specks().tight()

    def to_image(self, patch: Patch) -> Patch:
        """The same mask in the picture's own pixels."""
        (wx, wy), (height, width) = self._work, self._image_size
        if self.size == self._image_size:
            return patch
        left, top = floor(patch.left / wx), floor(patch.top / wy)
        right = min(width, ceil((patch.left + patch.mask.shape[1]) / wx))
        bottom = min(height, ceil((patch.top + patch.mask.shape[0]) / wy))
        shift_x, shift_y = (left + 0.5) * wx - 0.5 - patch.left, (top + 0.5) * wy - 0.5 - patch.top
        matrix = np.array([[wx, 0, shift_x], [0, wy, shift_y]])
        grown = _sample(patch.mask.astype(np.uint8) * 255, matrix, (bottom - top, right - left))
        return Patch(grown > 127, left, top).tight() or patch

    def outlines(self, patch: Patch) -> tuple[NDArray[np.float32], ...]:
        """The patch's outer outlines in the picture's pixels, largest first, each (n, 2) float32."""
        scale = np.array(self._work, np.float32)
        return tuple(outline / scale for outline in outlines(patch))


def outlines(patch: Patch) -> tuple[NDArray[np.float32], ...]:
    """Trace a patch along the edges of its cells, largest part first; holes are not traced.

    Each cell is drawn as 2 × 2, so that the tracer, which walks over cell centres, tells a cell's
    left edge from its right one: position k of the doubled grid lies on edge (k + 1) // 2.
    """
    doubled = cv2.resize(patch.mask.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    tolerance = max(1.0, 0.002 * max(patch.mask.shape))
    corner = np.array([patch.left, patch.top], np.float32)
    edges = [((np.asarray(c).reshape(-1, 1, 2) + 1) // 2).astype(np.float32) for c in contours]
    simple = [cv2.approxPolyDP(edge, tolerance, closed=True).reshape(-1, 2) + corner for edge in edges]
    return tuple(sorted((s.astype(np.float32) for s in simple if len(s) >= 3), key=lambda s: -polygon_area(s)))


def polygon_area(polygon: NDArray[np.float32]) -> float:
    """Area of a simple polygon (n, 2), by the shoelace formula."""
    x, y = polygon[:, 0].astype(np.float64), polygon[:, 1].astype(np.float64)
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def rivals(patches: Sequence[Patch], classes: Sequence[int], most_iou: float) -> NDArray[np.bool_]:
    """(n, n): which patches of different classes are one garment under two names."""
    found = np.zeros((len(patches), len(patches)), bool)
    for i, first in enumerate(patches):
        for j in range(i + 1, len(patches)):
            if classes[i] != classes[j]:
                found[i, j] = patch_iou(first, patches[j]) > most_iou
    return found | found.T


def patch_iou(a: Patch, b: Patch) -> float:
    """Intersection over union of two patches of one grid."""
    return mask_iou(a.mask, b.mask, (a.left, a.top), (b.left, b.top))


def patch_overlap(a: Patch, b: Patch) -> int:
    """Cells that two patches of one grid share."""
    return mask_meet(a.mask, b.mask, (a.left, a.top), (b.left, b.top))


def _sample(
    grid: NDArray[np.float32] | NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Read `grid` linearly at matrix · (x, y, 1) for every cell of `size`; outside, its edge goes on."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(grid, matrix, (size[1], size[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
