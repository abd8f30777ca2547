"""People with keypoints for the pose model: readers of the data sets, and the samples made from them.

The keypoints of CCP and of the Magento catalogue come from a teacher network (MoveNet): good enough to learn from
where the teacher is sure, never a ground truth. Where it is unsure a keypoint is left out of the loss; where it is
sure that there is nothing, the student learns to say so: the gate asks whether ankles are in the picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels
from models.architectures.pose import FACINGS, FLIPPED, KEYPOINTS, PAD_VALUE, PADDING, PoseArchitecture
from models.networks.pose import input_to_image, warp
from models.train.data.datasets import CcpFolder
from models.train.data.shop_pictures import WHOLE_DETAILS, shop_pictures
from models.train.splits import is_held_out

SURE, ABSENT = 0.25, 0.12
"""A teacher's keypoint counts from `SURE` on, is taken for absent below `ABSENT`, and is ignored in between."""
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
HIPS = (11, 12)
BELOW_ARMS = slice(11, 17)
FRONT_SPREAD, SIDE_SPREAD = 0.3, 0.15
"""Shoulders this far apart (shares of the torso) make a front view, and closer than this a side view."""
PAINTED = "painted"
"""The view of a street photo whose face was painted over."""
SIDE_MOVES = 0.09
"""Each side of a box is moved by up to this share of its width or height: no two segmenters draw the same box."""
_LEAST_ROWS = 16
"""A picture is not cut to less."""
UNKNOWN = -1
"""A sample's facing where nobody knows it."""
SIGMA = 2.0
"""Spread of a target heatmap's peak, in its cells."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseLabel:
    """One person in a picture file.

    Attributes:
        keypoints: (17, 3): x, y in pixels of the picture, the teacher's score.
        view: `front`, `back` or `detail` as the shop names its file; `street` for street photos, `painted` and `studio`
            for people made for training.
        facing: one of `FACINGS`, or None where it is not known.
    """

    image: Path
    box: Box
    keypoints: NDArray[np.float32]
    view: str
    facing: str | None = None

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
        facing: number in `FACINGS`, or `UNKNOWN`.
    """

    picture: Pixels
    heatmaps: NDArray[np.float32]
    weights: NDArray[np.float32]
    facing: int = UNKNOWN


def read_ccp_poses(root: Path, split: str) -> list[PoseLabel]:
    """The main people of CCP: `val` is the mask split's, `train` all others, photos without masks included."""
    held_out = set(CcpFolder(root).split("val"))
    rows = (row for row in _rows(root) if (Path(str(row["file"])).stem in held_out) == (split == "val"))
    labels = [_label(root, row, "street") for row in rows]
    return [replace(label, facing=facing_of_shoulders(label.keypoints)) for label in labels]


def facing_of_shoulders(keypoints: NDArray[np.float32]) -> str | None:
    """Front or side where a teacher is sure of shoulders and hips. Of street photos it says `back` of people who
    only turn away, so that is no knowledge.
    """
    if keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER, *HIPS], 2].min() < SURE:
        return None
    shoulders, hips = keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER], :2], keypoints[list(HIPS), :2]
    spread = float(shoulders[0, 0] - shoulders[1, 0]) / max(
        1.0, float(np.linalg.norm(shoulders.mean(0) - hips.mean(0)))
    )
    if spread > FRONT_SPREAD:
        return "front"
    return "side" if abs(spread) < SIDE_SPREAD else None


def read_catalogue_poses(root: Path, split: str, sources: Sequence[str] = ("luma",)) -> list[PoseLabel]:
    """People of the Magento catalogue; products are split by id, one in five for `val`.

    Pictures whose shoulders contradict their file name (a back view with shoulders of a front) are left out of
    `train`, where they would teach the gate the wrong thing; `val` keeps them, judged by file name. Legs alone get
    their left and right from the file name: a teacher that sees no shoulders guesses them.
    """
    pictures = {file: (source, product_id, view) for source, product_id, file, view in shop_pictures(root)}
    found = []
    for row in _rows(root):
        source, product_id, view = pictures.get(str(row["file"]), ("", "", ""))
        if source not in sources or is_held_out(product_id) != (split == "val"):
            continue
        label = named(_label(root, row, view))
        if split == "val" or _teaches(label):
            found.append(label)
    return found


def read_closeups(root: Path) -> list[Path]:
    """A shop's details of training products in which the teacher finds no shoulders: sleeves, hems, pockets.

    The few that show a whole person or whole legs, seen by eye, are left out.
    """
    found = {
        file
        for source, product_id, file, view in shop_pictures(root)
        if source == "luma" and view == "detail" and not is_held_out(product_id)
    }
    shown = {str(row["file"]) for row in _rows(root) if has_shoulders(_label(root, row, "detail"))}
    return [root / "images" / name for name in sorted(found - shown - WHOLE_DETAILS)]


def _teaches(label: PoseLabel) -> bool:
    """Whether a label can be learned from: a teacher guesses at close-ups that show no shoulders."""
    if not has_shoulders(label):
        return label.view != "detail"
    return label.view == "detail" or label.shows_front == (label.view == "front")


def has_shoulders(label: PoseLabel) -> bool:
    """Whether the teacher is sure of both shoulders."""
    return bool(label.keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER], 2].min() >= SURE)


def named(label: PoseLabel) -> PoseLabel:
    """A shop's picture with what its file name says: where it faces, and with it what is left and right of legs."""
    if label.view not in {"front", "back"}:
        return label
    keypoints = label.keypoints
    left, right = keypoints[list(HIPS), 0]
    if not has_shoulders(label) and bool(left > right) != (label.view == "front"):
        keypoints = keypoints.copy()
        keypoints[BELOW_ARMS] = keypoints[list(FLIPPED)][BELOW_ARMS]
    if label.view == "back":
        keypoints = keypoints.copy()
        keypoints[:3, 2] = 0  # Whatever a teacher guesses: from behind there is no nose and no eye.
    return replace(label, keypoints=keypoints, facing=label.view)


def plain_sample(pixels: Pixels, label: PoseLabel, architecture: PoseArchitecture) -> PoseSample:
    """The sample as it is served: the box, padded, nothing else."""
    view = input_to_image(label.box, architecture.input_size, PADDING)
    return _sample(pixels, label.keypoints, view, architecture, label.facing)


def random_sample(
    pixels: Pixels, label: PoseLabel, architecture: PoseArchitecture, rng: np.random.Generator
) -> PoseSample:
    """A sample with chance: cut, mirrored, turned, moved, recoloured, partly covered."""
    if label.view != PAINTED:  # Its head alone is seen from behind.
        pixels, keypoints, box = _cut(pixels, label.keypoints, label.box, rng)
    else:
        keypoints, box = label.keypoints, label.box
    if rng.random() < 0.5:
        pixels, keypoints, box = mirrored(pixels, keypoints, box)
    width, height = box[2] - box[0], box[3] - box[1]
    sides = rng.uniform(-SIDE_MOVES, SIDE_MOVES, 4) * (width, height, width, height)
    moved = np.asarray(box) + sides + np.tile(rng.normal(0, 0.05, 2) * (width, height), 2)
    view = input_to_image(tuple(moved), architecture.input_size, PADDING * float(rng.uniform(0.8, 1.25)))
    chance = rng.random()
    if chance < 0.4:
        view = _turned(view, float(np.clip(rng.normal(0, 10), -25, 25)), architecture.input_size)
    elif chance < 0.5:
        view = _turned(view, float(rng.uniform(-60, 60)), architecture.input_size)
    sample = _sample(pixels, keypoints, view, architecture, label.facing)
    return replace(sample, picture=_covered(_recolored(_coarse(sample.picture, rng), rng), rng))


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
    pixels: Pixels,
    keypoints: NDArray[np.float32],
    view: NDArray[np.float64],
    architecture: PoseArchitecture,
    facing: str | None,
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
    number = FACINGS.index(facing) if facing else UNKNOWN
    return PoseSample(picture, target_heatmaps(points, inside & sure, (height, width)), weights, number)


def _inside(keypoints: NDArray[np.float32], pixels: Pixels) -> NDArray[np.bool_]:
    height, width = pixels.shape[:2]
    return np.asarray((keypoints[:, :2] >= 0).all(1) & (keypoints[:, :2] < (width, height)).all(1))


def _cut(
    pixels: Pixels, keypoints: NDArray[np.float32], box: Box, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32], Box]:
    """Sometimes end the picture at the legs, begin it at the chest or the waist, the hips or both,
    as shops do; the box too."""
    chance, tall = rng.random(), box[3] - box[1]
    top, bottom = 0, pixels.shape[0]
    if chance < 0.25:
        bottom = int(box[1] + rng.uniform(0.4, 0.92) * tall)
    elif chance < 0.4:
        top = int(box[1] + rng.uniform(0.08, 0.5) * tall)
    elif chance < 0.5 and keypoints[list(HIPS), 2].min() >= SURE:
        top = int(keypoints[list(HIPS), 1].mean() - rng.uniform(0, 0.08) * tall)
    elif chance < 0.56:
        start = rng.uniform(0.06, 0.5)
        top, bottom = int(box[1] + start * tall), int(box[1] + (start + rng.uniform(0.2, 0.4)) * tall)
    top = max(0, min(top, pixels.shape[0] - _LEAST_ROWS))
    bottom = min(pixels.shape[0], max(bottom, top + _LEAST_ROWS))
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


def _coarse(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Sometimes as if the person were small in the photo: shrunk, and enlarged again."""
    if rng.random() > 0.2:
        return picture
    height, width = picture.shape[:2]
    share = rng.uniform(0.25, 0.7)
    small = cv2.resize(picture, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _recolored(picture: Pixels, rng: np.random.Generator) -> Pixels:
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
