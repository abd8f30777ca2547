"""People with keypoints for the pose model: readers of the data sets, and the samples made from them.

The keypoints of CCP and of the Magento catalogue come from a teacher network (MoveNet): good enough to learn from
where the teacher is sure, never a ground truth. Where it is unsure a keypoint is left out of the loss; where it is
sure that there is nothing, the student learns to say so: the gate asks whether ankles are in the picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Box, Pixels
from models.architectures.pose import FLIPPED, KEYPOINTS, PoseArchitecture
from models.pose import input_to_image, warp
from models.train.datasets import CcpFolder

SURE, ABSENT = 0.25, 0.12
"""A teacher's keypoint counts from `SURE` on, is taken for absent below `ABSENT`, and is ignored in between."""
PADDING = 1.25
PAD_VALUE = 114
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
SIGMA = 2.0
"""Spread of a target heatmap's peak, in its cells."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseLabel:
    """One person in a picture file.

    Attributes:
        keypoints: (17, 3): x, y in pixels of the picture, the teacher's score.
        view: `front`, `back` or `detail` as the shop names its file; `street` for street photos.
    """

    image: Path
    box: Box
    keypoints: NDArray[np.float32]
    view: str

    @property
    def shows_front(self) -> bool:
        """The person's left shoulder lies to the right in the picture."""
        return bool(self.keypoints[LEFT_SHOULDER, 0] > self.keypoints[RIGHT_SHOULDER, 0])


@dataclass(frozen=True, slots=True, eq=False)
class PoseSample:
    """What the network is shown and should answer.

    Attributes:
        picture: (height, width, 3) uint8.
        heatmaps: (17, h, w) float32, a peak of 1 at each keypoint, nothing for an absent one.
        weights: (17,) float32; 0 leaves a keypoint out of the loss.
    """

    picture: Pixels
    heatmaps: NDArray[np.float32]
    weights: NDArray[np.float32]


def read_ccp_poses(root: Path, split: str) -> list[PoseLabel]:
    """The main people of CCP: `val` is the mask split's, `train` all others, photos without masks included."""
    held_out = set(CcpFolder(root).split("val"))
    rows = (row for row in _rows(root) if (Path(str(row["file"])).stem in held_out) == (split == "val"))
    return [_label(root, row, "street") for row in rows]


def read_catalogue_poses(root: Path, split: str, sources: Sequence[str] = ("luma",)) -> list[PoseLabel]:
    """People of the Magento catalogue; products are split by id, one in five for `val`.

    Pictures whose keypoints contradict their file name (a back view with shoulders of a front) are left out of
    `train`, where they would teach the gate the wrong thing; `val` keeps them, judged by file name.
    """
    views: dict[str, tuple[str, str, str]] = {}
    for line in (root / "products.jsonl").read_text().splitlines():
        product = json.loads(line)
        for image in product["images"]:
            views[image["file"]] = product["source"], product["product_id"], image["view"]
    found = []
    for row in _rows(root):
        source, product_id, view = views.get(str(row["file"]), ("", "", ""))
        if source not in sources or is_held_out(product_id) != (split == "val"):
            continue
        label = _label(root, row, view)
        if split == "val" or view == "detail" or label.shows_front == (view == "front"):
            found.append(label)
    return found


def is_held_out(product_id: str) -> bool:
    """Whether a product belongs to the validation part: one in five, by a hash of its id."""
    return int(hashlib.md5(product_id.encode(), usedforsecurity=False).hexdigest(), 16) % 5 == 0


def read_picture(path: Path) -> Pixels:
    """RGB pixels of a picture file."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def plain_sample(pixels: Pixels, label: PoseLabel, architecture: PoseArchitecture) -> PoseSample:
    """The sample as it is served: the box, padded, nothing else."""
    return _sample(pixels, label.keypoints, input_to_image(label.box, architecture.input_size, PADDING), architecture)


def random_sample(
    pixels: Pixels, label: PoseLabel, architecture: PoseArchitecture, rng: np.random.Generator
) -> PoseSample:
    """A sample with chance: cut, mirrored, turned, moved, recoloured, partly covered."""
    pixels, keypoints, box = _cut(pixels, label.keypoints, label.box, rng)
    if rng.random() < 0.5:
        pixels, keypoints, box = mirrored(pixels, keypoints, box)
    width, height = box[2] - box[0], box[3] - box[1]
    dx, dy = rng.normal(0, 0.05, 2) * (width, height)
    moved = box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
    view = input_to_image(moved, architecture.input_size, PADDING * float(rng.uniform(0.8, 1.25)))
    if rng.random() < 0.5:
        view = _turned(view, float(np.clip(rng.normal(0, 10), -25, 25)), architecture.input_size)
    sample = _sample(pixels, keypoints, view, architecture)
    return PoseSample(_covered(_recoloured(sample.picture, rng), rng), sample.heatmaps, sample.weights)


def mirrored(pixels: Pixels, keypoints: NDArray[np.float32], box: Box) -> tuple[Pixels, NDArray[np.float32], Box]:
    """Picture, keypoints and box in a mirror: left and right change places, of the picture and of the person."""
    width = pixels.shape[1]
    swapped = keypoints[list(FLIPPED)].copy()
    swapped[:, 0] = width - 1 - swapped[:, 0]
    return pixels[:, ::-1], swapped, (width - box[2], box[1], width - box[0], box[3])


def target_heatmaps(
    points: NDArray[np.floating], present: NDArray[np.bool_], size: tuple[int, int]
) -> NDArray[np.float32]:
    """(17, h, w): a Gaussian of peak 1 at each present point (x, y in heatmap cells), zeros for the others."""
    height, width = size
    x = np.exp(-np.square(np.arange(width)[None] - points[:, :1]) / (2 * SIGMA**2))
    y = np.exp(-np.square(np.arange(height)[None] - points[:, 1:2]) / (2 * SIGMA**2))
    return (y[:, :, None] * x[:, None, :] * present[:, None, None]).astype(np.float32)


def _sample(
    pixels: Pixels, keypoints: NDArray[np.float32], view: NDArray[np.float64], architecture: PoseArchitecture
) -> PoseSample:
    """Warp the picture by `view` (input → image) and place the targets; a point outside picture or crop is absent."""
    size = architecture.input_size
    if view[0, 1] == 0:
        picture = warp(pixels, view, size, PAD_VALUE)
    else:
        flags, pad = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (PAD_VALUE,) * 3
        picture = np.asarray(cv2.warpAffine(pixels, view, size[::-1], flags=flags, borderValue=pad), np.uint8)
    back = cv2.invertAffineTransform(view)
    points = (np.column_stack([keypoints[:, :2], np.ones(len(KEYPOINTS))]) @ back.T) / 4
    height, width = architecture.heatmap_size
    inside = _inside(keypoints, pixels) & (points >= -0.5).all(1) & (points < (width - 0.5, height - 0.5)).all(1)
    sure = keypoints[:, 2] >= SURE
    weights = (sure | (keypoints[:, 2] < ABSENT) | ~inside).astype(np.float32)
    return PoseSample(picture, target_heatmaps(points, inside & sure, (height, width)), weights)


def _inside(keypoints: NDArray[np.float32], pixels: Pixels) -> NDArray[np.bool_]:
    height, width = pixels.shape[:2]
    return np.asarray((keypoints[:, :2] >= 0).all(1) & (keypoints[:, :2] < (width, height)).all(1))


def _cut(
    pixels: Pixels, keypoints: NDArray[np.float32], box: Box, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32], Box]:
    """Sometimes end the picture at the legs or at the chest, as shops do; the box ends with it."""
    chance, tall = rng.random(), box[3] - box[1]
    top, bottom = 0, pixels.shape[0]
    if chance < 0.3:
        bottom = int(box[1] + rng.uniform(0.4, 0.92) * tall)
    elif chance < 0.4:
        top = int(box[1] + rng.uniform(0.08, 0.45) * tall)
    top, bottom = max(0, top), min(pixels.shape[0], max(bottom, top + 16))
    if (top, bottom) == (0, pixels.shape[0]):
        return pixels, keypoints, box
    moved = keypoints - np.array([0, top, 0], np.float32)
    x0, y0, x1, y1 = box
    return pixels[top:bottom], moved, (x0, max(0.0, y0 - top), x1, min(y1, bottom) - top)


def _turned(view: NDArray[np.float64], degrees: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """The same view, turned around the middle of the model's input."""
    height, width = size
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(view @ np.vstack([turn, [0, 0, 1]]))


def _recoloured(picture: Pixels, rng: np.random.Generator) -> Pixels:
    values: NDArray[Any] = picture.astype(np.float32)
    if rng.random() < 0.1:
        values = np.repeat(values.mean(2, keepdims=True), 3, 2)
    values = (values - 128) * rng.uniform(0.7, 1.3) + 128 + rng.uniform(-30, 30) + rng.normal(0, 10, 3)
    if rng.random() < 0.15:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.5, 1.3))))
    return np.clip(values, 0, 255).astype(np.uint8)


def _covered(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Sometimes a rectangle of one colour or of noise over a part: keypoints under it can still be guessed."""
    if rng.random() > 0.3:
        return picture
    height, width = picture.shape[:2]
    h, w = (rng.uniform(0.08, 0.3, 2) * (height, width)).astype(int)
    y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
    patch = rng.integers(0, 256, (h, w, 3) if rng.random() < 0.3 else (1, 1, 3))
    covered = picture.copy()
    covered[y : y + h, x : x + w] = patch
    return covered


def _rows(root: Path) -> Iterator[dict[str, object]]:
    for line in (root / "pose_movenet_pseudo.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row.get("kpts") and row.get("box"):
            yield row


def _label(root: Path, row: dict[str, object], view: str) -> PoseLabel:
    x0, y0, x1, y1 = np.asarray(row["box"], np.float64)
    box = max(0.0, float(x0)), max(0.0, float(y0)), min(float(row["w"]), float(x1)), min(float(row["h"]), float(y1))  # type: ignore[arg-type]
    return PoseLabel(root / "images" / str(row["file"]), box, np.asarray(row["kpts"], np.float32), view)
