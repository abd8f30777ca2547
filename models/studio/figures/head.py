"""Head, face and hair, as they turn."""

from __future__ import annotations

from math import cos, sin

import numpy as np

from models.studio.colors import darker, mix
from models.studio.figures.body import Figure, Points
from models.studio.figures.cloth import Swatch
from models.studio.figures.pieces import BoxFrame, Fold, Mark, Piece, Stroke, curve, moved
from models.studio.figures.skin import HEAD_Y, skin_swatch
from models.studio.layers import BACK_HAIR, HAIR, HEAD, SKIN, TOP_HAIR
from models.studio.noise import tile


def head_marks(figure: Figure) -> list[Mark]:
    """Head, face and hair as the camera sees them."""
    person, skin, hair = figure.person, skin_swatch(figure), hair_swatch(figure)
    k = person.head
    yaw = figure.pose.yaw + figure.pose.head_turn
    facing, aside = cos(yaw), sin(yaw)
    x0 = float(figure.sway(0.07)) * figure.cos + 0.016 * figure.sin
    w = k * (0.043 + 0.008 * abs(aside))
    top, chin = HEAD_Y - 0.064 * k, HEAD_Y + 0.064 * k
    jaw = 0.012 * aside
    head = curve(
        [
            (x0, top),
            (x0 + w * 0.8, top + 0.022),
            (x0 + w, HEAD_Y),
            (x0 + w * 0.86 + jaw * 0.4, chin - 0.036),
            (x0 + w * 0.42 + jaw, chin - 0.007),
            (x0 + jaw * 1.4, chin),
            (x0 - w * 0.42 + jaw, chin - 0.007),
            (x0 - w * 0.86 + jaw * 0.4, chin - 0.036),
            (x0 - w, HEAD_Y),
            (x0 - w * 0.8, top + 0.022),
        ]
    )
    frame = BoxFrame(x0 - w, x0 + w)
    marks: list[Mark] = [Piece(SKIN, HEAD, (head,), frame, skin, shadow=0.55)]
    if facing > -0.25:
        marks += _face(figure, x0, w, k, facing, aside)
    marks += _hair(figure, x0, w, k, facing, aside, hair)
    return marks


def _face(figure: Figure, x0: float, w: float, k: float, facing: float, aside: float) -> list[Mark]:
    skin = figure.person.skin
    dark, lip = darker(skin, 0.55), mix(darker(skin, 0.75), (0.72, 0.30, 0.32), 0.5)

    def at(x: float, y: float, z: float = 0.9) -> Points:
        angle = np.arcsin(np.clip(x / 0.043, -1, 1))
        flat = np.sin(angle) * facing + z * np.cos(angle) * aside
        return np.array([x0 + w * flat, HEAD_Y + (y - HEAD_Y) * k])

    def shown(x: float) -> bool:
        return bool(np.cos(np.arcsin(x / 0.043)) * facing - x / 0.043 * aside > 0.12)

    marks: list[Mark] = []
    eyes = [x for x in (0.018, -0.018) if shown(x)]
    white, iris, brow = [], [], []
    for x in eyes:
        white.append(np.stack([at(x - 0.006, 0.0725), at(x, 0.0715), at(x + 0.006, 0.0725)]))
        iris.append(at(x, 0.0722)[None])
        brow.append(np.stack([at(x - 0.009, 0.063), at(x, 0.0605), at(x + 0.009, 0.0625)]))
    if eyes:
        marks += [
            Stroke(SKIN, HEAD + 0.1, tuple(white), 0.0062, darker(skin, 0.72), 0.5),
            Stroke(SKIN, HEAD + 0.11, tuple(white), 0.0034, mix(skin, (0.93, 0.92, 0.90), 0.75), 0.7),
            Stroke(SKIN, HEAD + 0.12, tuple(iris), 0.0052, (0.16, 0.11, 0.09), 0.95, dots=True),
            Stroke(SKIN, HEAD + 0.13, tuple(p - (0, 0.0022) for p in white), 0.0018, (0.12, 0.09, 0.08), 0.8),
            Stroke(SKIN, HEAD + 0.1, tuple(brow), 0.0034, darker(figure.person.hair, 0.9), 0.75),
        ]
    if shown(0.0):
        nose = np.stack(
            [at(0.004, 0.078, 1.0), at(0.007, 0.092, 1.06), at(0.003, 0.096, 1.1), at(-0.006, 0.0945, 1.06)]
        )
        mouth = np.stack(
            [
                at(-0.012, 0.1068),
                at(-0.004, 0.1076, 0.95),
                at(0, 0.108, 0.96),
                at(0.004, 0.1076, 0.95),
                at(0.012, 0.1068),
            ]
        )
        cheeks = [at(0.022, 0.092)[None], at(-0.022, 0.092)[None]]
        marks += [
            Stroke(SKIN, HEAD + 0.1, (nose,), 0.003, dark, 0.35),
            Stroke(SKIN, HEAD + 0.1, (moved(mouth, 0, 0.0018),), 0.0062, lip, 0.75),
            Stroke(SKIN, HEAD + 0.11, (mouth,), 0.0016, darker(lip, 0.5), 0.7),
            Stroke(SKIN, HEAD + 0.05, tuple(cheeks), 0.018, mix(skin, (0.85, 0.45, 0.40), 0.5), 0.14, dots=True),
        ]
    return marks


def _hair(figure: Figure, x0: float, w: float, k: float, facing: float, aside: float, swatch: Swatch) -> list[Mark]:
    """Hair is the head's cap less the face, and what falls or sits beyond it."""
    style = figure.person.hair_style
    if style == "bald":
        return []
    extra = {"short": 0.004, "cap": 0.005, "curly": 0.016}.get(style, 0.007)
    top, bottom = (
        HEAD_Y - 0.064 * k - extra,
        HEAD_Y + (0.03 if style in {"short", "cap", "bun", "ponytail"} else 0.045) * k,
    )
    wide = w + extra
    back = -0.010 * aside
    cap = curve(
        [
            (x0 + back, top),
            (x0 + wide * 0.75 + back, top + 0.018),
            (x0 + wide + back, HEAD_Y - 0.005),
            (x0 + wide * 0.9 + back, bottom),
            (x0 - wide * 0.9 + back, bottom),
            (x0 - wide + back, HEAD_Y - 0.005),
            (x0 - wide * 0.75 + back, top + 0.018),
        ]
    )
    face: tuple[Points, ...] = ()
    fx, fw = x0 + 0.75 * w * aside, w * (0.42 + 0.44 * max(0.0, facing))
    if facing > -0.3:
        brow = HEAD_Y - 0.028 * k
        parting = fx + 0.3 * fw
        face = (
            curve(
                [
                    (parting, brow - 0.008),
                    (fx + fw * 0.8, brow + 0.006),
                    (fx + fw, HEAD_Y + 0.01),
                    (fx + fw * 0.9, HEAD_Y + 0.06),
                    (fx, HEAD_Y + 0.1),
                    (fx - fw * 0.9, HEAD_Y + 0.06),
                    (fx - fw, HEAD_Y + 0.01),
                    (fx - fw * 0.85, brow + 0.01),
                ]
            ),
        )
    frame = BoxFrame(x0 - wide, x0 + wide)
    marks: list[Mark] = []
    if style == "cap":
        swatch = Swatch(darker((0.25, 0.3, 0.38), 0.5 + figure.person.bulk * 0.4), None, None)
    marks.append(Piece(HAIR, TOP_HAIR, (cap,), frame, swatch, cuts=face, shadow=0.25 if facing > 0 else 0.0))
    marks += _lengths(style, x0, w, k, facing, aside, frame, swatch)
    return marks


def _lengths(
    style: str, x0: float, w: float, k: float, facing: float, aside: float, frame: BoxFrame, swatch: Swatch
) -> list[Mark]:
    behind = BACK_HAIR if facing > 0.3 else TOP_HAIR + 0.5
    bx = x0 - 0.03 * aside
    if style in {"long", "curly", "bob"}:
        end = {"long": 0.27, "curly": 0.2, "bob": 0.145}[style] * (0.9 + 0.1 * k)
        side = w * (1.22 if style == "curly" else 1.08) + (0.006 if style == "bob" else 0)
        fall = curve(
            [
                (bx, 0.02),
                (bx + side * 0.8, 0.03),
                (bx + side, 0.08),
                (bx + side * 1.02, (0.08 + end) / 2),
                (bx + side * 0.85, end - 0.01),
                (bx + side * 0.3, end + 0.006),
                (bx - side * 0.35, end),
                (bx - side * 0.9, end - 0.016),
                (bx - side * 1.04, (0.08 + end) / 2),
                (bx - side, 0.08),
                (bx - side * 0.8, 0.03),
            ]
        )
        marks: list[Mark] = [
            Piece(
                HAIR,
                behind,
                (fall,),
                BoxFrame(bx - side, bx + side),
                swatch,
                folds=(Fold("drape", 0.12, 0.5, ((0, 0.25), (1, 0.25))),),
                shadow=0.3 if facing < 0 else 0,
            )
        ]
        if facing > 0.3 and style == "long":
            locks = [
                curve(
                    [
                        (x0 + s * w * 0.86, 0.035),
                        (x0 + s * w * 1.1, 0.07),
                        (x0 + s * w * 1.16, 0.13),
                        (x0 + s * w * 1.05, 0.2),
                        (x0 + s * w * 0.8, 0.235),
                        (x0 + s * w * 0.82, 0.15),
                        (x0 + s * w * 0.88, 0.09),
                    ]
                )
                for s in (1, -1)
            ]
            marks += [
                Piece(
                    HAIR,
                    TOP_HAIR + 0.1,
                    (lock,),
                    BoxFrame(float(lock[:, 0].min()), float(lock[:, 0].max())),
                    swatch,
                    shadow=0.3,
                )
                for lock in locks
            ]
        return marks
    if style == "bun":
        t = np.linspace(0, 2 * np.pi, 24)
        centre = np.array([x0 - 0.035 * aside, 0.004 if facing > 0 else 0.03])
        ball = centre + 0.024 * np.stack([np.cos(t), np.sin(t)], 1)
        return [
            Piece(
                HAIR,
                BACK_HAIR if facing > 0 else TOP_HAIR + 0.5,
                (ball,),
                BoxFrame(centre[0] - 0.024, centre[0] + 0.024),
                swatch,
                shadow=0.3,
            )
        ]
    if style == "ponytail" and facing < 0.75:
        px = x0 - 0.055 * aside
        tail = curve(
            [
                (px - 0.012, 0.045),
                (px + 0.012, 0.045),
                (px + 0.02 - 0.01 * aside, 0.12),
                (px + 0.008, 0.22),
                (px - 0.008, 0.22),
                (px - 0.022 - 0.01 * aside, 0.12),
            ]
        )
        return [
            Piece(
                HAIR,
                TOP_HAIR + 0.6 if facing < 0.3 else BACK_HAIR,
                (tail,),
                BoxFrame(px - 0.024, px + 0.024),
                swatch,
                shadow=0.35,
            )
        ]
    del frame
    return []


def hair_swatch(figure: Figure) -> Swatch:
    """Hair with strands."""
    return Swatch(figure.person.hair, None, 1 + 0.12 * tile("strand", 33, 128), 0.12, 0.28)
