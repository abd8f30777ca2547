"""The pose gate: keypoints → view and coverage; keeps full-shot, front-facing pictures of one person.

Source: "Buy Me That Look", arXiv:2008.11638, section 3.1, where HRNet keypoints tell the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.crops import box_area
from engine.domain import GateReport, Person, Pose, View

Policy = Literal["strict", "prefer"]
"""`strict` indexes full-front pictures alone; `prefer` takes, per product, the best view there is."""

KEYPOINT_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
HEAD = slice(0, 5)
NOSE, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 0, 5, 6, 11, 12
KNEES, ANKLES = slice(13, 15), slice(15, 17)

SEEN = 0.3
"""A keypoint of a lower score is taken as not in the picture."""
SIDE_RATIO = 0.22
"""Shoulders closer together than this share of the torso's length are seen from the side."""
BYSTANDER_SHARE = 0.3
"""A person smaller than this share of the main one stands in the background and does not count."""


def count_people(people: Sequence[Person]) -> int:
    """How many people the picture is of; small bystanders do not count."""
    areas = [box_area(p.box) for p in people]
    return sum(area >= BYSTANDER_SHARE * max(areas) for area in areas)


def view_of(keypoints: NDArray[np.float32]) -> View:
    """Where a person faces. `keypoints` is (17, 3): x, y, score; `left` is the picture's left.

    In a picture from the front the person's left shoulder lies to the right of the other.
    """
    left, right = keypoints[LEFT_SHOULDER], keypoints[RIGHT_SHOULDER]
    if min(left[2], right[2]) < SEEN / 2:
        return "none"
    spread = float(left[0] - right[0]) / _torso_length(keypoints)
    if spread > SIDE_RATIO:
        return "front"
    if spread < -SIDE_RATIO:
        return "back"
    return "left" if keypoints[NOSE, 0] < (left[0] + right[0]) / 2 else "right"


def is_full_shot(keypoints: NDArray[np.float32], width: int, height: int) -> bool:
    """Head, knees and at least one ankle are in the picture."""
    inside = (
        (keypoints[:, 2] >= SEEN)
        & (keypoints[:, 0] >= 0) & (keypoints[:, 0] < width)
        & (keypoints[:, 1] >= 0) & (keypoints[:, 1] < height)
    )  # fmt: skip
    return bool(inside[HEAD].any() and inside[KNEES].any() and inside[ANKLES].any())


def judge(people: Sequence[Person], pose: Pose | None, width: int, height: int) -> GateReport:
    """What the gate says of one picture; `pose` is the main person's."""
    count = count_people(people)
    if pose is None or count == 0:
        return GateReport(0, "none", False, False, "No person in the picture.")
    view, full = view_of(pose.keypoints), is_full_shot(pose.keypoints, width, height)
    reason = _refusal(count, view, full)
    return GateReport(count, view, full, reason is None, reason or "Full-shot and front-facing.", pose)


def _refusal(count: int, view: View, full: bool) -> str | None:
    if count > 1:
        return f"{count} people in the picture; one is wanted."
    if view == "none":
        return "The person's shoulders cannot be made out."
    if view != "front":
        return "The person is seen from the back." if view == "back" else "The person is seen from the side."
    return None if full else "The person is cut off: head to ankles are wanted."


def _torso_length(keypoints: NDArray[np.float32]) -> float:
    """Shoulders to hips in pixels; where hips are out of the picture, from the head's height."""
    shoulders = keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER], :2].mean(axis=0)
    if keypoints[[LEFT_HIP, RIGHT_HIP], 2].max() >= SEEN:
        below = keypoints[[LEFT_HIP, RIGHT_HIP], :2].mean(axis=0)
        return max(1.0, float(np.linalg.norm(below - shoulders)))
    return max(1.0, 2.5 * float(abs(shoulders[1] - keypoints[NOSE, 1])))
