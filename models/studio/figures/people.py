"""People and how they stand: proportions, skin, hair, stances and arms, all from a seed."""

from __future__ import annotations

from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from engine.domain import View
from models.studio.figures.body import HIP_Y, Points, Pose
from models.studio.spec import PersonSpec

SKINS = (
    (0.96, 0.82, 0.73),
    (0.93, 0.76, 0.65),
    (0.87, 0.68, 0.54),
    (0.78, 0.58, 0.43),
    (0.62, 0.43, 0.31),
    (0.45, 0.30, 0.22),
    (0.34, 0.23, 0.18),
)
HAIRS = (
    (0.09, 0.07, 0.07),
    (0.20, 0.13, 0.09),
    (0.33, 0.21, 0.13),
    (0.52, 0.34, 0.19),
    (0.80, 0.64, 0.40),
    (0.62, 0.27, 0.13),
    (0.66, 0.65, 0.64),
)
STYLES = {
    "female": ("long", "long", "bob", "bun", "ponytail", "curly", "short"),
    "male": ("short", "short", "short", "curly", "bald", "cap"),
}
UPPER_ARM, FOREARM = 0.158, 0.142
THIGH, SHANK = 0.232, 0.222


def sample_person(seed: int, gender: str | None = None) -> PersonSpec:
    """A person of that gender (`female`, `male`; anything else is either)."""
    rng = np.random.default_rng([seed, 11])
    if gender not in STYLES:
        gender = "female" if rng.random() < 0.6 else "male"
    f = rng.uniform(0.7, 1.0) if gender == "female" else rng.uniform(0.0, 0.2)
    skin = np.array(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.95, 1.04)
    hair = np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.85, 1.15)
    return PersonSpec(
        feminine=float(f),
        shoulder=float(rng.uniform(0.083, 0.092) + 0.012 * (1 - f)),
        bulk=float(np.clip(rng.normal(1.0, 0.08), 0.88, 1.3)),
        hip=float(rng.uniform(0.086, 0.096) + 0.004 * f),
        legs=float(rng.uniform(0.97, 1.09)),
        head=float(rng.uniform(0.99, 1.09)),
        skin=_triple(skin),
        hair=_triple(hair),
        hair_style=str(rng.choice(STYLES[gender])),
        gender=gender,
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    r, g, b = (float(min(1.0, v)) for v in values)
    return r, g, b


def sample_pose(person: PersonSpec, view: View, seed: int, *, calm: bool = False) -> Pose:
    """A stance for a view. `calm` keeps to what a catalogue's models do."""
    rng = np.random.default_rng([seed, 12])
    if view not in _YAW:
        view = "front"
    spread = 0.6 if calm else 1.0
    middle, half = _YAW[view]
    yaw = radians(middle + spread * rng.uniform(-half, half))
    weight = rng.choice([-1.0, 0.0, 1.0])
    sway = (float(rng.normal(0, 0.004)), float(-0.014 * weight * spread + rng.normal(0, 0.002)))
    tilt = (float(-0.05 * weight * spread + rng.normal(0, 0.015)), float(0.07 * weight * spread))
    joints: dict[str, Points] = {}
    hidden: set[str] = set()
    walking = rng.random() < (0.2 if calm else 0.35)
    stride = rng.uniform(8, 20) * (1 if rng.random() < 0.5 else -1)
    for side in ("left", "right"):
        sign = 1.0 if side == "left" else -1.0
        _leg(joints, side, sign, person, rng, stride * sign if walking else 0.0, weight * sign)
        _arm(joints, hidden, side, sign, person, rng, calm, -stride * sign if walking else 0.0)
    toes = tuple(float(radians(rng.uniform(5, 28))) for _ in range(2))
    turn = float(radians(rng.normal(0, 9 if calm else 16)))
    return Pose(yaw, joints, sway, tilt, (toes[0], toes[1]), frozenset(hidden), turn)


_YAW: dict[str, tuple[float, float]] = {"front": (0, 32), "back": (180, 32), "right": (88, 16), "left": (-88, 16)}


def _leg(
    joints: dict[str, Points],
    side: str,
    sign: float,
    person: PersonSpec,
    rng: np.random.Generator,
    swing: float,
    load: float,
) -> None:
    """Hip to ankle; the unloaded leg bends a little."""
    hip = np.array([sign * person.hip * person.bulk * 0.54, HIP_Y + 0.012, -0.004])
    outward = radians(rng.uniform(0.5, 4.0) + (rng.uniform(0, 4) if load < 0 else 0.0))
    forward = radians(swing + (rng.uniform(2, 9) if load < 0 else rng.uniform(-1, 2)))
    bend = radians(max(0.0, -swing * 0.7) + (rng.uniform(4, 14) if load < 0 else rng.uniform(0, 3)))
    scale = person.legs
    knee = hip + THIGH * scale * _down(sign * outward, forward)
    ankle = knee + SHANK * scale * _down(sign * outward * 0.3, forward - bend)
    joints |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle}


def _down(outward: float, forward: float) -> Points:
    return np.array([sin(outward), cos(outward) * cos(forward), cos(outward) * sin(forward)])


_ARMS = ("down", "down", "down", "bent", "hip", "pocket", "across", "up", "back")


def _arm(
    joints: dict[str, Points],
    hidden: set[str],
    side: str,
    sign: float,
    person: PersonSpec,
    rng: np.random.Generator,
    calm: bool,
    swing: float,
) -> None:
    """Shoulder to wrist, by what the arm does."""
    shoulder = np.array([sign * person.shoulder * person.bulk, 0.212, -0.004])
    manner = "down" if swing else str(rng.choice(_ARMS[:6] if calm else _ARMS))
    hip = person.hip * person.bulk
    if manner in {"down", "bent"}:
        outward = radians(rng.uniform(7, 15))
        forward = radians(rng.uniform(-6, 4) + swing)
        bend = radians(rng.uniform(6, 18) + (rng.uniform(12, 45) if manner == "bent" else 0))
        elbow = shoulder + UPPER_ARM * _down(sign * outward, forward)
        wrist = elbow + FOREARM * _down(sign * outward * rng.uniform(-0.3, 0.6), forward + bend)
    else:
        target = {
            "hip": np.array([sign * (hip + 0.016), 0.445, 0.0]),
            "pocket": np.array([sign * (hip + 0.006), 0.495, 0.02]),
            "across": np.array([sign * 0.02, rng.uniform(0.36, 0.41), 0.10]),
            "up": np.array([sign * rng.uniform(0.055, 0.12), rng.uniform(0.06, 0.13), 0.03]),
            "back": np.array([sign * 0.03, 0.46, -0.085]),
        }[manner]
        out = {
            "hip": (1, 0.1, -0.5),
            "pocket": (1, 0.2, -0.7),
            "across": (1, 0.6, -0.2),
            "up": (1, 0.2, 0.2),
            "back": (1, 0.3, -0.6),
        }[manner]
        elbow, wrist = _reach(shoulder, target, np.array([sign * out[0], out[1], out[2]]))
        if manner in {"pocket", "back"}:
            hidden.add(side)
    joints |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}


def _reach(shoulder: Points, target: Points, out: Points) -> tuple[Points, Points]:
    """Elbow and wrist of an arm that reaches for a point, its elbow turned towards `out`."""
    line = target - shoulder
    length = min(float(np.linalg.norm(line)), (UPPER_ARM + FOREARM) * 0.995)
    axis = line / np.linalg.norm(line)
    along = (length**2 + UPPER_ARM**2 - FOREARM**2) / (2 * length)
    aside = sqrt(max(0.0, UPPER_ARM**2 - along**2))
    across = out - axis * float(out @ axis)
    across /= np.linalg.norm(across)
    return shoulder + axis * along + across * aside, shoulder + axis * length


def neutral_pose(*, spread: float = 18.0, yaw: float = 0.0, person: PersonSpec) -> Pose:
    """Upright, symmetric, arms a little away: how a ghost or a flat-lay holds a garment."""
    joints: dict[str, Points] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip = np.array([sign * person.hip * person.bulk * 0.54, HIP_Y + 0.012, 0.0])
        knee = hip + THIGH * person.legs * _down(sign * radians(2.6), 0.0)
        ankle = knee + SHANK * person.legs * _down(sign * radians(2.2), 0.0)
        shoulder = np.array([sign * person.shoulder * person.bulk, 0.212, 0.0])
        elbow = shoulder + UPPER_ARM * _down(sign * radians(spread), 0.0)
        wrist = elbow + FOREARM * _down(sign * radians(spread * 0.75), 0.0)
        joints |= {
            f"{side}_{n}": p
            for n, p in (
                ("hip", hip),
                ("knee", knee),
                ("ankle", ankle),
                ("shoulder", shoulder),
                ("elbow", elbow),
                ("wrist", wrist),
            )
        }
    return Pose(yaw, joints, (0.0, 0.0), (0.0, 0.0), (radians(15), radians(15)))
