"""Shoes in three dimensions: rings from heel to toe, projected; the same shoe on a foot and alone on a shelf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import cos, sin

import cv2
import numpy as np

from models.studio.colors import brightness, darker
from models.studio.figures.body import Figure, Points, smooth
from models.studio.figures.cloth import Swatch, swatch_of, true_color
from models.studio.figures.pieces import BoxFrame, Fold, Mark, Piece, Stroke, TubeFrame, tube_outline
from models.studio.figures.skin import leg_chain, leg_rank, skin_swatch
from models.studio.layers import BOOTS, SHOES, SKIN
from models.studio.spec import GarmentSpec

Project = Callable[[Points], Points]
"""Foot space (forward, up, outward; in body heights from the ankle's foot on the ground) → picture space."""


@dataclass(frozen=True, slots=True)
class Last:
    """A shoe's form: values at `along`, from heel to toe. Heights are above the ground of a flat shoe."""

    along: tuple[float, ...]
    width: tuple[float, ...]
    top: tuple[float, ...]
    sole: float


_ALONG = (-0.046, -0.034, -0.005, 0.025, 0.055, 0.082, 0.104)
LASTS: dict[str, Last] = {
    "sneakers": Last(
        _ALONG,
        (0.015, 0.024, 0.025, 0.026, 0.029, 0.028, 0.014),
        (0.060, 0.062, 0.052, 0.054, 0.038, 0.030, 0.018),
        0.013,
    ),
    "flats": Last(
        _ALONG,
        (0.012, 0.021, 0.021, 0.023, 0.027, 0.024, 0.010),
        (0.036, 0.036, 0.020, 0.017, 0.020, 0.024, 0.012),
        0.004,
    ),
    "heels": Last(
        _ALONG,
        (0.011, 0.020, 0.020, 0.022, 0.026, 0.022, 0.007),
        (0.036, 0.034, 0.018, 0.016, 0.018, 0.021, 0.010),
        0.004,
    ),
    "boots": Last(
        _ALONG,
        (0.016, 0.025, 0.026, 0.026, 0.028, 0.026, 0.013),
        (0.075, 0.078, 0.080, 0.064, 0.042, 0.032, 0.018),
        0.011,
    ),
    "loafers": Last(
        _ALONG,
        (0.014, 0.023, 0.023, 0.025, 0.028, 0.027, 0.013),
        (0.045, 0.046, 0.036, 0.038, 0.034, 0.028, 0.017),
        0.009,
    ),
    "foot": Last(
        _ALONG,
        (0.012, 0.019, 0.020, 0.022, 0.025, 0.022, 0.010),
        (0.050, 0.060, 0.064, 0.050, 0.032, 0.022, 0.012),
        0.0,
    ),
}


def _rings(last: Last, heel: float, base: float = 0.0, count: int = 22, ceiling: float = 1.0) -> list[Points]:
    """Cross-sections of a last between two heights above its ground, each (8, 3), raised at the heel."""
    knots = np.array([last.along[0] - 0.003, *last.along, last.along[-1] + 0.0035])
    turn = (1 - np.cos(np.linspace(0, np.pi, count))) / 2
    at = knots[0] + (knots[-1] - knots[0]) * turn
    width = smooth(at, knots, np.array([last.width[0] * 0.5, *last.width, last.width[-1] * 0.45]))
    top = smooth(at, knots, np.array([last.top[0] * 0.97, *last.top, last.top[-1] * 0.75]))
    lift = heel * np.clip((0.055 - at) / 0.075, 0, 1) ** 1.3
    rings = []
    for a, w, t, up in zip(at, width, top, lift, strict=True):
        floor, roof = up + min(base, 0.7 * t), up + min(t, ceiling)
        rings.append(
            np.array(
                [
                    (a, floor, -w * 0.92),
                    (a, floor, w * 0.92),
                    (a, floor + (roof - floor) * 0.45, w),
                    (a, floor + (roof - floor) * 0.85, w * 0.72),
                    (a, roof, 0.25 * w),
                    (a, roof, -0.25 * w),
                    (a, floor + (roof - floor) * 0.85, -w * 0.72),
                    (a, floor + (roof - floor) * 0.45, -w),
                ]
            )
        )
    return rings


def _hulls(rings: list[Points], project: Project) -> tuple[Points, ...]:
    """Silhouettes of neighbouring rings; their union is the form's."""
    flat = [project(ring) for ring in rings]
    pairs = (np.concatenate([a, b]).astype(np.float32) for a, b in pairwise(flat))
    return tuple(cv2.convexHull(pair)[:, 0].astype(float) for pair in pairs)


def _box(fills: tuple[Points, ...]) -> BoxFrame:
    xs = np.concatenate(fills)[:, 0]
    return BoxFrame(float(xs.min()), float(xs.max()))


def shoe_marks(spec: GarmentSpec, project: Project, owner: int, order: float, *, alone: bool = False) -> list[Mark]:
    """One shoe: upper, sole, heel, laces and lines."""
    last, heel = LASTS[spec.kind], spec.cut.heel
    swatch = swatch_of(spec)
    upper = _hulls(_rings(last, heel, last.sole * 0.9), project)
    frame = _box(upper)
    creases = (Fold("crumple", 0.12, 0.10, ((-9, 0.05), (9, 0.05))),)
    marks: list[Mark] = [Piece(owner, order, upper, frame, swatch, folds=creases, shadow=0.3)]
    if alone:
        marks.append(_mouth(spec, last, heel, project, owner, order + 0.3))
    if spec.cut.shaft and alone:
        marks += _shaft(spec, project, owner, order)
    marks += _sole(spec, last, heel, project, owner, order)
    marks += _trim(spec, last, heel, project, owner, order)
    return marks


def _sole(spec: GarmentSpec, last: Last, heel: float, project: Project, owner: int, order: float) -> list[Mark]:
    light = "white_sole" in spec.cut.details
    color = (
        (0.93, 0.92, 0.89)
        if light
        else darker(true_color(spec), 0.45)
        if "dark_sole" not in spec.cut.details
        else (0.13, 0.12, 0.12)
    )
    rings = _rings(last, heel, ceiling=last.sole)
    fills = _hulls(rings, project)
    marks: list[Mark] = [Piece(owner, order - 0.05, fills, _box(fills), Swatch(color), lift=0.98)]
    if heel > 0.012:
        thick = 0.006 if spec.kind == "heels" and "block" not in spec.cut.details else 0.016
        top = np.array(
            [(a, heel + 0.004, s * w) for a, w in ((-0.046, 0.016), (-0.046 + 0.03, 0.018)) for s in (-1, 1)]
        )
        foot = np.array([(a, 0.0, s * thick * 0.8) for a in (-0.043, -0.043 + 2 * thick * 0.8) for s in (-1, 1)])
        block = _hulls([top, foot], project)
        marks.append(
            Piece(owner, order - 0.1, block, _box(block), Swatch(true_color(spec), gloss=0.3), lift=0.9, shadow=0.0)
        )
    return marks


def _mouth(spec: GarmentSpec, last: Last, heel: float, project: Project, owner: int, order: float) -> Piece:
    """The dark opening that shows where no foot is in the shoe."""
    far = -0.036
    near = 0.045 if spec.kind in {"heels", "flats"} else 0.022
    t = np.linspace(0, 2 * np.pi, 28)
    along = (far + near) / 2 + (near - far) / 2 * np.cos(t)
    knots = np.array(last.along)
    up = (
        smooth(along, knots, np.array(last.top)) + heel * np.clip((0.055 - along) / 0.075, 0, 1) ** 1.3 + spec.cut.shaft
    )
    out = smooth(along, knots, np.array(last.width)) * 0.62 * np.sin(t)
    if spec.cut.shaft:
        along, up = -0.008 + 0.026 * np.cos(t), np.full(28, 0.07 + spec.cut.shaft + heel)
        out = 0.022 * np.sin(t)
    hole = project(np.stack([along, up - 0.002, out], 1))
    return Piece(owner, order, (hole,), _box((hole,)), Swatch(darker(true_color(spec), 0.38)), clip=False)


def _shaft(spec: GarmentSpec, project: Project, owner: int, order: float) -> list[Mark]:
    heel, height = spec.cut.heel, spec.cut.shaft
    t = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    rings = []
    for up in np.linspace(0.05, 0.07 + height, 8):
        k = (up - 0.05) / 0.2
        rx, rz = 0.029 + 0.016 * min(k, 1.0), 0.023 + 0.014 * min(k, 1.0)
        rings.append(np.stack([-0.008 + rx * np.cos(t), np.full(14, up + heel), rz * np.sin(t)], 1))
    fills = _hulls(rings, project)
    folds = (Fold("cross", 0.2, 0.12, ((-9, 0.10), (9, 0.10))),)
    return [Piece(owner, order + 0.1, fills, _box(fills), swatch_of(spec), folds=folds, shadow=0.25)]


def _worn_shaft(figure: Figure, spec: GarmentSpec, side: str, owner: int, order: float) -> Piece:
    """A boot's leg on a leg: from the ankle along the shank."""
    knee, ankle = leg_chain(figure, side)[1:]
    up = (knee - ankle) / max(1e-6, float(np.hypot(*(knee - ankle))))
    height = spec.cut.shaft + 0.025
    at = np.linspace(-0.014, height, 9)
    points = ankle + up * at[::-1, None]
    calf = np.interp(at[::-1], [-0.014, 0.02, 0.10, 0.2], [0.026, 0.0235, 0.033, 0.039]) * figure.person.bulk
    folds = (Fold("cross", 0.22, 0.14, ((-9, 0.10), (9, 0.10))),)
    outline = tube_outline(points, calf, round_start=False, hem=0.2)
    return Piece(owner, order, outline, TubeFrame(points, calf), swatch_of(spec), folds=folds, shadow=0.3)


def _line(project: Project, *points: tuple[float, float, float]) -> Points:
    return project(np.array(points))


def _trim(spec: GarmentSpec, last: Last, heel: float, project: Project, owner: int, order: float) -> list[Mark]:
    details, color = spec.cut.details, true_color(spec)
    accent = true_color(spec, spec.accent)
    seam = darker(color, 0.6) if brightness(color) > 0.25 else darker(color, 1.9)
    knots, width, top = np.array(last.along), np.array(last.width), np.array(last.top)

    def ridge(a: float, side: float, height: float = 1.0) -> tuple[float, float, float]:
        w, t = float(smooth(np.array([a]), knots, width)[0]), float(smooth(np.array([a]), knots, top)[0])
        return a, t * height + heel * float(np.clip((0.055 - a) / 0.075, 0, 1)) ** 1.3, w * side

    def nearer(a: float) -> int:
        sides = project(np.array([(a, 0.02, -0.02), (a, 0.02, 0.02)]))
        return 1 if sides[1, 1] > sides[0, 1] else -1

    near = nearer(0.02)
    across = np.ptp(project(np.array([(0.02, 0.02, -0.02), (0.02, 0.02, 0.02)]))[:, 0]) > 0.03
    walls = (-1, 1) if across else (near,)
    marks: list[Mark] = []
    if "laces" in details:
        rows = [
            _line(project, ridge(a, -0.45, 0.97), ridge(a + 0.003, 0, 1.02), ridge(a, 0.45, 0.97))
            for a in np.linspace(0.024, 0.058, 5)
        ]
        marks.append(
            Stroke(owner, order + 0.6, tuple(rows), 0.0045, (0.95, 0.95, 0.93) if "white_laces" in details else accent)
        )
    if "side_stripe" in details:
        for s in walls:
            lines = [
                _line(project, ridge(a, s * 1.0, 0.42), ridge(a - 0.010, s * 0.85, 0.86)) for a in (0.02, 0.032, 0.044)
            ]
            marks.append(Stroke(owner, order + 0.55, tuple(lines), 0.006, accent))
    if "swoosh" in details:
        for s in walls:
            path = _line(
                project, ridge(0.05, s, 0.5), ridge(0.02, s, 0.42), ridge(-0.01, s, 0.5), ridge(-0.035, s, 0.75)
            )
            marks.append(Stroke(owner, order + 0.55, (path,), 0.009, accent))
    if "toecap" in details:
        cap = _line(
            project,
            ridge(0.074, -1, 0.45),
            ridge(0.068, -0.6, 0.9),
            ridge(0.066, 0, 1),
            ridge(0.068, 0.6, 0.9),
            ridge(0.074, 1, 0.45),
        )
        marks.append(Stroke(owner, order + 0.5, (cap,), 0.0025, seam, 0.8))
    if "strap" in details:
        band = _line(project, ridge(0.012, -1, 0.9), ridge(0.014, 0, 1.6), ridge(0.012, 1, 0.9))
        marks.append(Stroke(owner, order + 0.5, (band,), 0.007, darker(color, 0.9), 1.0, clip=False))
    if "bow" in details or "penny" in details:
        band = _line(project, ridge(0.058, -0.7, 0.95), ridge(0.056, 0, 1.04), ridge(0.058, 0.7, 0.95))
        marks.append(
            Stroke(
                owner,
                order + 0.5,
                (band,),
                0.010,
                darker(color, 0.72) if brightness(color) > 0.2 else darker(color, 1.7),
            )
        )
    if "elastic" in details:
        for s in walls:
            gore = [
                _line(project, (-0.012 + d, 0.028 + heel, s * 0.027), (-0.010 + d, 0.07 + heel, s * 0.027))
                for d in (0.0, 0.006, 0.012)
            ]
            marks.append(Stroke(owner, order + 0.5, tuple(gore), 0.005, darker(color, 0.55), 0.8))
    counter = [_line(project, ridge(-0.02, s, 0.45), ridge(-0.016, s * 0.9, 0.95)) for s in walls]
    marks.append(Stroke(owner, order + 0.5, tuple(counter), 0.002, seam, 0.45))
    return marks


def foot_projection(figure: Figure, side: str, heel: float) -> Project:
    """From foot space to the picture, for a foot of a figure."""
    ankle = figure.joint(f"{side}_ankle")
    sign = 1.0 if side == "left" else -1.0
    angle = figure.pose.toes[0 if side == "left" else 1] * sign
    ground = ankle[1] + 0.046 * 1.0 + heel

    def project(points: Points) -> Points:
        forward, up, out = points[:, 0], points[:, 1], points[:, 2] * sign
        x = ankle[0] + forward * sin(angle) + out * cos(angle)
        z = ankle[2] + forward * cos(angle) - out * sin(angle)
        return figure.to_picture(np.stack([x, ground - up, z], 1))

    return project


def worn_shoes(figure: Figure, spec: GarmentSpec | None, owner: int, *, over_trousers: bool = False) -> list[Mark]:
    """Both feet, in shoes or bare."""
    marks: list[Mark] = []
    for side in ("left", "right"):
        heel = spec.cut.heel if spec else 0.0
        project = foot_projection(figure, side, heel)
        rank = leg_rank(figure, side)
        order = (BOOTS if over_trousers else SHOES) + rank * 1.2
        skin = _hulls(_rings(LASTS["foot"], heel), project)
        marks.append(Piece(SKIN, SHOES + rank * 1.2 - 0.2, skin, _box(skin), skin_swatch(figure)))
        if spec:
            marks += shoe_marks(spec, project, owner, order)
            if spec.cut.shaft:
                marks.append(_worn_shaft(figure, spec, side, owner, order + 0.1))
    return marks
