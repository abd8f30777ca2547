"""The person under the clothes: torso, limbs, hands."""

from __future__ import annotations

import numpy as np

from models.studio.colors import darker
from models.studio.figures.body import Figure, Points
from models.studio.figures.cloth import Swatch
from models.studio.figures.pieces import (
    Fold,
    Mark,
    Piece,
    SectionFrame,
    Stroke,
    TubeFrame,
    chain,
    curve,
    section_outline,
    taper,
    tube_outline,
)
from models.studio.layers import BODY, FAR_ARM, LEGS, NEAR_ARM, SKIN
from models.studio.noise import tile

HEAD_Y = 0.068


def skin_swatch(figure: Figure) -> Swatch:
    """Skin with faint mottling."""
    return Swatch(figure.person.skin, None, 1 + 0.02 * tile("cloud", 31, 128), 0.2, 0.10)


def arm_order(figure: Figure, side: str) -> float:
    """An arm is painted behind the torso where it lies farther from the camera."""
    depth = figure.depth(figure.joint(f"{side}_elbow")) + figure.depth(figure.joint(f"{side}_wrist"))
    return (FAR_ARM if depth < -0.075 else NEAR_ARM) + (
        0.0 if figure.depth(figure.joint(f"{side}_shoulder")) < 0 else 3.0
    )


def leg_rank(figure: Figure, side: str) -> float:
    """0 for the farther leg, 1 for the nearer."""
    other = "right" if side == "left" else "left"

    def near(which: str) -> float:
        return figure.depth(figure.joint(f"{which}_knee")) + figure.depth(figure.joint(f"{which}_ankle"))

    return 1.0 if near(side) >= near(other) else 0.0


def arm_chain(figure: Figure, side: str) -> Points:
    """Shoulder, elbow, wrist in the picture."""
    return figure.to_picture(np.array([figure.joint(f"{side}_{j}") for j in ("shoulder", "elbow", "wrist")]))


def arm_path(figure: Figure, side: str) -> Points:
    """The arm's axis from inside the shoulder, so that its upper edge goes on from the shoulder's slope."""
    shoulder, elbow, wrist = (figure.joint(f"{side}_{j}") for j in ("shoulder", "elbow", "wrist"))
    inner = shoulder * (0.74, 1.0, 1.0) - (0.0, 0.008, 0.0)
    return figure.to_picture(np.array([inner, shoulder, elbow, wrist]))


def armhole(figure: Figure) -> tuple[Points, ...]:
    """What an arm may not cover: the chest between the seams where sleeves are set in, above the armpits.

    Nothing where the person is seen from the side.
    """
    if abs(figure.cos) < 0.6:
        return ()
    ys = np.array([0.150, 0.175, 0.20, 0.225, 0.25, 0.275, 0.295])
    seam = np.array([0.80, 0.84, 0.86, 0.85, 0.79, 0.69, 0.50]) * figure.person.shoulder * figure.person.bulk
    middle = figure.sway(ys) * figure.cos
    right, left = middle + seam * abs(figure.cos), middle - seam * abs(figure.cos)
    return (np.concatenate([np.stack([right, ys], 1), np.stack([left, ys], 1)[::-1]]),)


def leg_chain(figure: Figure, side: str) -> Points:
    """Hip, knee, ankle in the picture."""
    return figure.to_picture(np.array([figure.joint(f"{side}_{j}") for j in ("hip", "knee", "ankle")]))


def body_marks(figure: Figure) -> list[Mark]:
    """Torso, arms and legs."""
    swatch = skin_swatch(figure)
    ys = np.linspace(0.105, 0.56, 44)
    centre, half, phase, radius = figure.sections(ys)
    outline = section_outline(figure, ys, centre - half, centre + half)
    frame = SectionFrame(ys, centre, half, phase, float(radius.mean()))
    marks: list[Mark] = [
        Piece(SKIN, BODY, (outline,), frame, swatch, folds=(Fold("cloud", 0.3, 0.3, ((0, 0.04), (1, 0.04))),))
    ]
    if figure.faces(0.0):
        bones = [figure.surface(np.linspace(0.25, 1.0, 8) * s, np.linspace(0.186, 0.180, 8)) for s in (1, -1)]
        marks.append(Stroke(SKIN, BODY + 0.1, tuple(bones), 0.004, darker(figure.person.skin, 0.75), 0.35))
    for side in ("left", "right"):
        marks += _arm(figure, side, swatch) + _leg(figure, side, swatch)
    return marks


def _arm(figure: Figure, side: str, swatch: Swatch) -> list[Mark]:
    b = figure.person.bulk * (0.94 + 0.06 * (1 - figure.person.feminine))
    joints = arm_chain(figure, side)
    points, share = chain(joints, 16)
    radii = taper(share, (0, 0.0225 * b), (0.12, 0.0255 * b), (0.48, 0.0215 * b), (0.66, 0.0215 * b), (1, 0.0145 * b))
    order = arm_order(figure, side)
    inner, inner_share = chain(arm_path(figure, side), 12, until=0.3)
    thick = taper(inner_share, (0, 0.018 * b), (0.16, 0.0262 * b), (0.3, 0.025 * b))
    shoulder = Piece(SKIN, min(order, BODY + 0.05), tube_outline(inner, thick), TubeFrame(inner, thick), swatch)
    arm = Piece(
        SKIN, order, tube_outline(points, radii), TubeFrame(points, radii), swatch, cuts=armhole(figure), shadow=0.25
    )
    if side in figure.pose.hidden_hands and order >= NEAR_ARM:
        return [shoulder, arm]
    return [shoulder, arm, _hand(joints, order, swatch, 1.0 if side == "left" else -1.0)]


def _hand(joints: Points, order: float, swatch: Swatch, sign: float) -> Piece:
    """Palm and fingers as one soft shape along the forearm, with a thumb."""
    way = joints[2] - joints[1]
    way = way / max(1e-6, float(np.hypot(*way)))
    side = np.array([-way[1], way[0]]) * sign
    at = joints[2]
    palm = curve(
        [
            at + side * 0.012,
            at + way * 0.02 + side * 0.018,
            at + way * 0.05 + side * 0.017,
            at + way * 0.082 + side * 0.008,
            at + way * 0.085 - side * 0.004,
            at + way * 0.05 - side * 0.015,
            at + way * 0.018 - side * 0.015,
            at - side * 0.012,
        ]
    )
    thumb = curve(
        [
            at + way * 0.015 + side * 0.014,
            at + way * 0.035 + side * 0.026,
            at + way * 0.055 + side * 0.027,
            at + way * 0.035 + side * 0.014,
        ]
    )
    ends = np.array([at - way * 0.01, at + way * 0.09])
    return Piece(SKIN, order + 0.2, (palm, thumb), TubeFrame(ends, np.array([0.018, 0.018])), swatch, shadow=0.3)


def _leg(figure: Figure, side: str, swatch: Swatch) -> list[Mark]:
    b = figure.person.bulk
    points, share = chain(leg_chain(figure, side), 22, 0.5)
    radii = taper(
        share, (0, 0.052 * b), (0.2, 0.048 * b), (0.5, 0.032 * b), (0.66, 0.032 * b), (0.92, 0.0185 * b), (1, 0.019 * b)
    )
    order = LEGS + leg_rank(figure, side)
    return [Piece(SKIN, order, tube_outline(points, radii), TubeFrame(points, radii), swatch, shadow=0.2)]
