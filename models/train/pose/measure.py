"""Measure a profile's pose model, as it is served: how well it finds keypoints (`thatlook eval gate` tells the rest).

PCK is the share of keypoints that lie within a fifth of the torso's length (middle of the shoulders to middle of
the hips) of where they should be. The teacher's keypoints are no ground truth; LSPET's joints are people's work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.manifest import load_manifest
from models.networks.pose import HeatmapPose
from models.runtime import RuntimeOptions, open_session
from models.train.data.keypoints.pose import SURE, PoseLabel, read_catalogue_poses, read_ccp_poses
from models.train.data.pictures import read_pixels

NEAR = 0.2
_LSPET_TO_COCO = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9)
"""LSPET's first twelve joints, ankle to wrist, as COCO keypoints; neck and head top have no counterpart."""
_SHOULDERS, _HIPS = (5, 6), (11, 12)


@dataclass(frozen=True, slots=True)
class PoseFigures:
    """How well keypoints are found.

    Attributes:
        people: how many were looked at.
        pck: share of the known keypoints found near.
        seen: mean score of keypoints that are known to be there.
        absent: mean score of keypoints known not to be in the picture; NaN where there are none.
    """

    people: int
    pck: float
    seen: float
    absent: float


def open_pose(profile: Path) -> HeatmapPose:
    """The pose model of a profile, on one thread."""
    spec = load_manifest(profile).require("pose")
    return HeatmapPose(spec, open_session(profile / spec.file, RuntimeOptions(threads=1)), "measured")


def measure_against_teacher(pose: HeatmapPose, ccp: Path, catalogue: Path | None) -> PoseFigures:
    """On CCP's validation photos and on held-out products."""
    labels = read_ccp_poses(ccp, "val")
    if catalogue is not None:
        labels += read_catalogue_poses(catalogue, "val")
    return _figures(pose, labels)


def measure_on_lspet(pose: HeatmapPose, root: Path) -> PoseFigures:
    """On people in sport, joints set by people; the box is the joints' own with a margin."""
    return _figures(pose, list(_lspet(root)))


def near(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(17,) whether each keypoint lies within a fifth of the torso of where it should be."""
    torso = np.linalg.norm(wanted[list(_SHOULDERS), :2].mean(0) - wanted[list(_HIPS), :2].mean(0))
    return np.asarray(np.linalg.norm(found[:, :2] - wanted[:, :2], axis=1) <= NEAR * torso)


def _figures(pose: HeatmapPose, labels: Sequence[PoseLabel]) -> PoseFigures:
    right, seen, absent = [], [], []
    for label in labels:
        pixels = read_pixels(label.image)
        found, wanted = pose.estimate(pixels, [label.box])[0].keypoints, label.keypoints
        height, width = pixels.shape[:2]
        inside = (wanted[:, :2] >= 0).all(1) & (wanted[:, :2] < (width, height)).all(1)
        known = inside & (wanted[:, 2] >= SURE)
        if known[[*_SHOULDERS, *_HIPS]].all():
            right += near(found, wanted)[known].tolist()
        seen += found[known, 2].tolist()
        absent += found[~inside, 2].tolist()
    return PoseFigures(len(labels), _mean(right), _mean(seen), _mean(absent))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _lspet(root: Path) -> Iterator[PoseLabel]:
    for line in (root / "annotations.jsonl").read_text().splitlines():
        row = json.loads(line)
        joints = np.array(row["joints"], np.float32)
        keypoints = np.zeros((17, 3), np.float32)
        keypoints[list(_LSPET_TO_COCO)] = joints[: len(_LSPET_TO_COCO)]
        there = joints[joints[:, 2] > 0]
        if len(there) < 12:
            continue
        low, high = there[:, :2].min(0), there[:, :2].max(0)
        margin = 0.06 * (high - low).max()
        x0, y0, x1, y1 = (float(v) for v in (*(low - margin), *(high + margin)))
        yield PoseLabel(root / "images" / row["file"], (x0, y0, x1, y1), keypoints, row["view_derived"] or "none")
