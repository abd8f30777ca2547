"""A body in three dimensions: sections of the torso, chains of the limbs, turned and projected.

Space: X to the person's left, Y down, Z forward, in body heights (crown 0, soles about 1).
A picture sees it turned by `yaw`: 0 faces the camera, 90° looks to the picture's right, 180° is the back.
The camera stands at chest height, so that what is nearer to it and below the chest lies lower in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from models.studio.spec import PersonSpec

Points = NDArray[np.float64]
CAMERA_Y = 0.38
PERSPECTIVE = 0.30
HIP_Y = 0.5
COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle",
)  # fmt: skip
"""The 17 COCO keypoints in their order."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a person stands.

    Attributes:
        yaw: in radians.
        joints: body-space positions of shoulders, elbows, wrists, hips, knees and ankles.
        sway: sideways offset of (shoulders, hips); `tilt` the slope of their lines.
        hidden_hands: sides whose hand is in a pocket or behind the body.
        toes: toe-out angle of (left, right) in radians.
    """

    yaw: float
    joints: Mapping[str, Points]
    sway: tuple[float, float]
    tilt: tuple[float, float]
    toes: tuple[float, float]
    hidden_hands: frozenset[str] = frozenset()
    head_turn: float = 0.0


def smooth(x: Points, knots: Points, values: Points) -> Points:
    """A curve through knots without overshoot (cubic Hermite with limited slopes)."""
    step = np.diff(values) / np.diff(knots)
    slope = np.zeros(len(knots))
    both = step[:-1] * step[1:] > 0
    total = np.where(both, step[:-1] + step[1:], 1.0)
    slope[1:-1] = np.where(both, 2 * step[:-1] * step[1:] / total, 0.0)
    slope[0], slope[-1] = step[0], step[-1]
    i = np.clip(np.searchsorted(knots, x, "right") - 1, 0, len(knots) - 2)
    h = knots[i + 1] - knots[i]
    t = np.clip((x - knots[i]) / h, 0, 1)
    a, b = values[i], values[i + 1]
    curve = a * (1 + 2 * t) * (1 - t) ** 2 + slope[i] * h * t * (1 - t) ** 2
    return np.asarray(curve + b * t * t * (3 - 2 * t) - slope[i + 1] * h * t * t * (1 - t))


class Figure:
    """A person in a pose, ready to be dressed: every point of it can be asked for in picture space.

    Picture space: x to the right, y down, in body heights; the person's axis at x = 0.
    """

    def __init__(self, person: PersonSpec, pose: Pose) -> None:
        self.person, self.pose = person, pose
        self.cos, self.sin = cos(pose.yaw), sin(pose.yaw)
        f, bulk = person.feminine, person.bulk
        sw = person.shoulder
        chest, waist, hip = 0.080 + 0.008 * (1 - f), 0.074 - 0.012 * f, person.hip
        self.knots = np.array([0.105, 0.135, 0.16, 0.178, 0.196, 0.215, 0.25, 0.285, 0.33, 0.395, 0.475, 0.53, 0.60])
        neck = 0.026 + 0.006 * (1 - f)
        self.widths = np.array(
            [
                neck,
                neck,
                neck + 0.006,
                neck + 0.034,
                sw + 0.002,
                sw + 0.013,
                chest + 0.004,
                chest,
                chest - 0.005,
                waist,
                hip,
                hip,
                hip,
            ]
        )
        bust = 0.058 + 0.012 * f
        self.depths = np.array(
            [
                neck + 0.003,
                neck + 0.004,
                neck + 0.006,
                0.038,
                0.042,
                0.048,
                0.055,
                bust,
                0.055,
                0.050,
                0.062,
                0.064,
                0.06,
            ]
        )
        self.centres = np.array(
            [0.013, 0.008, 0.000, -0.004, -0.004, -0.002, 0.004, 0.010, 0.008, 0.006, -0.006, -0.012, -0.006]
        )
        self.widths[4:] *= bulk
        self.depths[3:] *= bulk

    def level(self, y: float) -> float:
        """Where a nominal height lies on this body, whose legs may be longer or shorter."""
        return y if y <= HIP_Y else HIP_Y + (y - HIP_Y) * self.person.legs

    @property
    def sole(self) -> float:
        """Where a flat sole stands."""
        return self.level(1.0)

    def sway(self, y: Points | float) -> Points:
        """The sideways offset of the spine at a height."""
        shoulders, hips = self.pose.sway
        return np.asarray(np.interp(y, [0.0, 0.19, HIP_Y], [shoulders * 1.25, shoulders, hips]))

    def tilt(self, y: Points | float) -> Points:
        """The slope of horizontal lines at a height."""
        return np.asarray(np.interp(y, [0.1, 0.19, HIP_Y, 0.62], [0.0, *self.pose.tilt, 0.0]))

    def to_picture(self, points: Points) -> Points:
        """Project body-space points, (n, 3) → (n, 2)."""
        points = np.atleast_2d(points)
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        depth = z * self.cos - x * self.sin
        flat_x = x * self.cos + z * self.sin + self.sway(y) * self.cos
        return np.stack([flat_x, y + PERSPECTIVE * (y - CAMERA_Y) * depth + x * self.tilt(y)], 1)

    def depth(self, point: Points) -> float:
        """How near to the camera a body-space point is; 0 is the body's axis."""
        return float(point[2] * self.cos - point[0] * self.sin)

    def sections(self, ys: Points, ease: Points | float = 0.0, widths: Points | None = None) -> tuple[Points, ...]:
        """The torso cut at heights, dressed with `ease`.

        Returns:
            centre x, half-width, phase (surface angle 0 = front lies at centre + half-width·sin(phase)),
            mean radius; all in picture space, one value per height.
        """
        a = (np.interp(ys, self.knots, self.widths) if widths is None else widths) + ease
        a_smooth = smooth(np.clip(ys, self.knots[0], self.knots[-1]), self.knots, self.widths) if widths is None else a
        a = np.where(ys > 0.20, a_smooth + ease, a) if widths is None else a
        b = smooth(np.clip(ys, self.knots[0], self.knots[-1]), self.knots, self.depths) + ease
        z = smooth(np.clip(ys, self.knots[0], self.knots[-1]), self.knots, self.centres)
        centre = z * self.sin + self.sway(ys) * self.cos
        half = np.hypot(a * self.cos, b * self.sin)
        phase = np.arctan2(b * self.sin, a * self.cos)
        return centre, half, phase, (a + b) / 2

    def surface(self, angle: float | Points, y: float | Points, ease: float = 0.0) -> Points:
        """Picture points on the torso's surface; angle 0 is the front's middle, positive to the person's left.

        Points that the camera cannot see are moved to the nearer outline.
        """
        ys = np.atleast_1d(np.asarray(y, float))
        angles = np.broadcast_to(np.asarray(angle, float), ys.shape)
        centre, half, phase, _ = self.sections(ys, ease)
        turned = np.angle(np.exp(1j * (angles + phase)))
        offset = np.where(np.abs(turned) <= np.pi / 2, np.sin(turned), np.sign(turned))
        x = centre + half * offset
        return np.stack([x, ys + (x - centre) * self.tilt(ys) * self.cos], 1)

    def faces(self, angle: float, y: float = 0.3) -> bool:
        """Whether the camera sees that side of the torso."""
        _, _, phase, _ = self.sections(np.array([y]))
        return bool(np.cos(angle + phase[0]) > 0.05)

    def joint(self, name: str) -> Points:
        """A joint in body space."""
        return self.pose.joints[name]

    def legs_at(self, ys: Points, room: float) -> tuple[Points, Points]:
        """The outline of both legs together, with room around, at heights: (left edge, right edge) in picture space."""
        radius = room + self.person.bulk * np.interp(ys, [0.5, 0.60, 0.74, 0.95], [0.051, 0.047, 0.035, 0.028])
        low, high = np.full(len(ys), np.inf), np.full(len(ys), -np.inf)
        for side in ("left", "right"):
            chain = self.to_picture(np.array([self.joint(f"{side}_{j}") for j in ("hip", "knee", "ankle")]))
            order = np.argsort(chain[:, 1])
            x = np.interp(ys, chain[order, 1], chain[order, 0])
            low, high = np.minimum(low, x - radius), np.maximum(high, x + radius)
        return low, high
