"""From pixels to a model's input, and the way back: the arithmetic that every wrapper shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Pixels
from models.manifest import ModelSpec, Resize

Interpolation = Literal["area", "bilinear", "bicubic"]
"""`area`: ours. The others are Pillow's, which encoders from outside were trained with."""
_PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies inside a model's input: scaled, then moved by (left, top)."""

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) from the input's pixels to the picture's."""
        shift = np.array([self.left, self.top] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return (boxes - shift) / scale


def place(
    image: Pixels, size: tuple[int, int], resize: Resize, pad_value: int, interpolation: Interpolation = "area"
) -> tuple[Pixels, Placement]:
    """Bring a picture to the input's (height, width).

    `letterbox` and `pad_square` keep its proportions and centre it on `pad_value`; `crop` keeps them and loses what
    goes beyond; `stretch` does not. Shrinking averages pixels, so that fine patterns do not turn into others.
    """
    height, width = image.shape[:2]
    if resize == "stretch":
        return resized(image, size, interpolation), Placement(size[1] / width, size[0] / height, 0, 0)
    if resize == "crop":
        return _middle(image, size, interpolation)
    scale = min(size[0] / height, size[1] / width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.full((*size, 3), pad_value, np.uint8)
    canvas[top : top + inner[0], left : left + inner[1]] = resized(image, inner, interpolation)
    return canvas, Placement(inner[1] / width, inner[0] / height, left, top)


def _middle(image: Pixels, size: tuple[int, int], interpolation: Interpolation) -> tuple[Pixels, Placement]:
    """Cover the input and cut the middle out, the longer side rounded down as torchvision does."""
    height, width = image.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    inner = max(size[0], int(height * scale)), max(size[1], int(width * scale))
    top, left = round((inner[0] - size[0]) / 2), round((inner[1] - size[1]) / 2)
    covered = resized(image, inner, interpolation)[top : top + size[0], left : left + size[1]]
    return covered, Placement(inner[1] / width, inner[0] / height, -left, -top)


def resized(image: Pixels, size: tuple[int, int], interpolation: Interpolation) -> Pixels:
    """Resize to (height, width) the way that a model was trained with."""
    if interpolation == "area":
        return shrink(image, size)
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), _PILLOW[interpolation]), np.uint8)


def shrink(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize to (height, width): by area where it gets smaller, else linearly."""
    if image.shape[:2] == size:
        return image
    smaller = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=how), np.uint8)


def batch_of(pictures: Sequence[Pixels], spec: ModelSpec) -> NDArray[np.float32]:
    """Pictures of any sizes as one input (n, 3, h, w) of a model, as its manifest has it."""
    how: Interpolation = spec.extra.get("interpolation", "area")
    placed = [place(picture, spec.input_size, spec.resize, spec.pad_value, how)[0] for picture in pictures]
    return to_input(np.stack(placed), spec.mean, spec.std)


def to_input(
    pictures: NDArray[np.uint8], mean: tuple[float, float, float], std: tuple[float, float, float]
) -> NDArray[np.float32]:
    """(n, h, w, 3) uint8 RGB → (n, 3, h, w) float32: to 0–1, minus `mean`, over `std`."""
    gain = (1 / (255 * np.array(std))).astype(np.float32)
    offset = (np.array(mean) / np.array(std)).astype(np.float32)
    planes: NDArray[np.float32] = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
    planes *= gain[:, None, None]
    planes -= offset[:, None, None]
    return planes


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every row at unit L2 norm; a row of zeros has no direction and stays as it is."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)
