"""The pose gate: keypoints → view and coverage; keeps full-shot, front-facing pictures of one person.

Where a person faces is read from two signs: the order of the shoulders, and the network's own word where it has one
(`Pose.facing`); shops cut their models off at the neck, and legs alone have no shoulders. A picture that shows
neither a trunk nor legs is a close-up, and has no view.

Source: "Buy Me That Look", arXiv:2008.11638, section 3.1, where HRNet keypoints tell the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.domain import GateReport, Person, Pose, View
from engine.vision.crops import box_area, overlap

Policy = Literal["strict", "prefer"]
"""`strict` indexes full-front pictures alone; `prefer` takes, per product, the best view there is."""

# Keypoints in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; of a pair the left first.
HEAD = slice(0, 5)
NOSE, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 0, 5, 6, 11, 12
KNEES, ANKLES, LEGS = slice(13, 15), slice(15, 17), slice(13, 17)

SEEN = 0.3
"""A keypoint of a lower score is taken as not in the picture."""
SIDE_RATIO = 0.22
"""Shoulders closer together than this share of the torso's length are seen from the side."""
LEGS_CHANCE = 0.5
"""Legs are in the picture where at least one of knees and ankles is, with this chance: under a long skirt each is
only guessed at, and all four together are quite certain."""
HEAD_POINTS = 3
"""So many of nose, eyes and ears must be seen for a head to be in the picture; a chin alone brings up one or two."""
NOBODY, NOBODY_CHANCE = 3, 0.5
"""The network's word that there is nobody where the segmenter saw a person, and from when on it counts."""
UNSEEN_CHANCE = 0.3
"""Where the segmenter saw nobody, nobody must be less likely than this for a person to be there all the same."""
FACING_WEIGHT, FRONT_BIAS = 1.0, 0.0
"""The network's log-odds of front over back, beside the shoulders' spread in side ratios."""
_TINY = 1e-4
BYSTANDER_SHARE = 0.3
"""A person smaller than this share of the main one stands in the background and does not count."""
INSIDE, PART_SCORE = 0.9, 0.7
"""A box of which so much lies in a larger one, with less than this share of its score, is a part of the same person."""


def count_people(people: Sequence[Person]) -> int:
    """How many people the picture is of; small bystanders do not count, nor a part of somebody seen as one more."""
    if not people:
        return 0
    largest = max(people, key=lambda p: box_area(p.box))
    least = BYSTANDER_SHARE * box_area(largest.box)
    return sum(p is largest or (box_area(p.box) >= least and not _is_part(p, largest)) for p in people)


def _is_part(person: Person, whole: Person) -> bool:
    """A box inside a larger one that the segmenter is much surer of: hips and thighs of the same person, mostly."""
    return overlap(person.box, whole.box) >= INSIDE and person.score < PART_SCORE * whole.score


def view_of(keypoints: NDArray[np.float32], facing: Sequence[float] | None = None) -> View:
    """Where a person faces; `left` is the picture's left.

    Args:
        keypoints: (17, 3): x, y, score.
        facing: the network's chances of front, back, side and nobody; None where it has no say.
    """
    spread = _spread(keypoints)
    if facing is None:
        if spread is None:
            return "none"
        turned = abs(spread) <= SIDE_RATIO
        evidence = spread
    else:
        front, back, side, _ = facing
        turned = side > max(front, back)
        evidence = FACING_WEIGHT * (log(front + _TINY) - log(back + _TINY))
        evidence += float(np.clip((spread or 0.0) / SIDE_RATIO, -2, 2)) - FRONT_BIAS
    if turned:
        return _side(keypoints)
    return "front" if evidence > 0 else "back"


def is_close_up(keypoints: NDArray[np.float32], width: int, height: int) -> bool:
    """Neither a trunk (shoulders and hips) nor legs (hips and knees or ankles) are in the picture.

    A trunk's picture ends at the hips, so both of them must be seen; of legs all points are taken together.
    """
    inside, chances = _inside(keypoints, width, height), _chances(keypoints, width, height)
    trunk = inside[[LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP]].all()
    hips, below = chances[[LEFT_HIP, RIGHT_HIP]].mean(), 1 - np.prod(1 - chances[LEGS])
    return not (trunk or (hips >= SEEN and below >= LEGS_CHANCE))


def is_full_shot(keypoints: NDArray[np.float32], width: int, height: int) -> bool:
    """Head, knees and at least one ankle are in the picture."""
    inside = _inside(keypoints, width, height)
    return bool(inside[HEAD].sum() >= HEAD_POINTS and inside[KNEES].any() and inside[ANKLES].any())


def judge(people: Sequence[Person], pose: Pose | None, width: int, height: int) -> GateReport:
    """What the gate says of one picture.

    Args:
        people: as the segmenter saw them; perhaps none.
        pose: the main person's; where nobody was seen, that of the whole picture.
    """
    count = count_people(people)
    if count == 0 and pose is not None and _is_person(pose, width, height):
        count = 1
    if pose is None or count == 0 or (pose.facing is not None and pose.facing[NOBODY] > NOBODY_CHANCE):
        return GateReport(0, "none", False, False, "No person in the picture.")
    close_up = is_close_up(pose.keypoints, width, height)
    view = "none" if close_up else view_of(pose.keypoints, pose.facing)
    full = is_full_shot(pose.keypoints, width, height)
    reason = _refusal(count, view, full, close_up=close_up)
    return GateReport(count, view, full, reason is None, reason or "Full-shot and front-facing.", pose)


def _is_person(pose: Pose, width: int, height: int) -> bool:
    """Whether the pose model saw a person where the segmenter saw none; one that cannot say did not."""
    if pose.facing is None or pose.facing[NOBODY] > UNSEEN_CHANCE:
        return False
    return not is_close_up(pose.keypoints, width, height)


def _refusal(count: int, view: View, full: bool, *, close_up: bool) -> str | None:
    if count > 1:
        return f"{count} people are in the picture; a picture of one person is needed."
    if close_up:
        return "A close-up: neither the person's torso nor their legs are in the picture."
    if view == "none":
        return "The person's shoulders cannot be made out."
    if view != "front":
        return "The person is seen from the back." if view == "back" else "The person is seen from the side."
    return None if full else "The person is cut off; a picture from head to ankles is needed."


def _inside(keypoints: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """(17,) whether each keypoint is seen, and in the picture."""
    x, y, score = keypoints.T
    return np.asarray((score >= SEEN) & (x >= 0) & (x < width) & (y >= 0) & (y < height))


def _chances(keypoints: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """(17,) each keypoint's score as a chance; nothing for one outside of the picture."""
    x, y, score = keypoints.T
    return np.asarray(np.clip(score, 0, 1) * ((x >= 0) & (x < width) & (y >= 0) & (y < height)), np.float32)


def _spread(keypoints: NDArray[np.float32]) -> float | None:
    """How far the left shoulder lies to the right of the other, in torso lengths; None where they are not seen.

    In a picture from the front the person's left shoulder lies on the right.
    """
    left, right = keypoints[LEFT_SHOULDER], keypoints[RIGHT_SHOULDER]
    if min(left[2], right[2]) < SEEN / 2:
        return None
    return float(left[0] - right[0]) / _torso_length(keypoints)


def _side(keypoints: NDArray[np.float32]) -> View:
    """Left or right, by where the nose is; the shoulders tell nothing, or are not seen, in a side view."""
    shoulders = keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    if shoulders[:, 2].min() < SEEN / 2:
        return "none"
    return "left" if keypoints[NOSE, 0] < shoulders[:, 0].mean() else "right"


def _torso_length(keypoints: NDArray[np.float32]) -> float:
    """Shoulders to hips in pixels; where hips are out of the picture, from the head's height."""
    shoulders = keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER], :2].mean(axis=0)
    if keypoints[[LEFT_HIP, RIGHT_HIP], 2].max() >= SEEN:
        below = keypoints[[LEFT_HIP, RIGHT_HIP], :2].mean(axis=0)
        return max(1.0, float(np.linalg.norm(below - shoulders)))
    return max(1.0, 2.5 * float(abs(shoulders[1] - keypoints[NOSE, 1])))
