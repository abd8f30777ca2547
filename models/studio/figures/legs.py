"""Garments of the lower body: trousers, jeans, shorts, leggings and skirts; the legs of jumpsuits."""

from __future__ import annotations

import numpy as np

from models.studio.colors import brightness, darker
from models.studio.figures.body import Figure, Points
from models.studio.figures.cloth import Swatch, swatch_of, true_color
from models.studio.figures.pieces import (
    Fold,
    Mark,
    Piece,
    SectionFrame,
    Stroke,
    TubeFrame,
    chain,
    moved,
    section_outline,
    taper,
    tube_outline,
)
from models.studio.figures.skin import leg_chain, leg_rank
from models.studio.layers import DRESS, LOWER
from models.studio.noise import tile
from models.studio.spec import GarmentSpec


def skirt_marks(figure: Figure, spec: GarmentSpec, owner: int, *, flat: bool = False) -> list[Mark]:
    """A skirt: sections from the waist to the hem."""
    cut, swatch = spec.cut, swatch_of(spec)
    hem = figure.level(cut.hem)
    ys = np.linspace(cut.top, hem, 60)
    down = np.clip((ys - cut.top) / (hem - cut.top), 0, 1)
    room = 0.003 + cut.ease * np.clip((ys - cut.top) / 0.05, 0, 1)
    hip = np.interp(np.clip(ys, 0, 0.5), figure.knots, figure.widths)
    flare = cut.flare * down**0.8
    widths = hip + room + flare
    centre, half, phase, radius = figure.sections(ys, room + flare * 0.5, widths - room - flare * 0.5)
    low, high = figure.legs_at(ys, 0.002)
    grow = np.clip((ys - 0.5) / 0.06, 0, 1)
    left = centre - half + grow * np.minimum(0, low - centre + half)
    right = centre + half + grow * np.maximum(0, high - centre - half)
    if cut.flare < 0:
        tight = 0.8 * np.clip((ys - 0.5) / 0.1, 0, 1)
        left, right = (
            left + tight * np.maximum(0, low - 0.003 - left),
            right + tight * np.minimum(0, high + 0.003 - right),
        )
    frame = SectionFrame(ys, (left + right) / 2, (right - left) / 2, phase, float(radius.mean()), flat)
    row = tile("drape", 0)[(spec.variety * 7) % 256, ::10][:25]
    outline = section_outline(
        figure, ys, left, right, 0.008 + 0.07 * max(0.0, cut.flare), 0.09 * max(0.0, cut.flare) * row
    )
    depth = 0.06 + 2.0 * min(0.13, max(0.0, cut.flare))
    folds = (
        Fold("drape", 0.30, 1.4, ((cut.top, 0.15 * depth), (cut.top + 0.06, 0.6 * depth), (hem, depth))),
        Fold("crumple", 0.4, 0.3, ((cut.top, 0.06), (0.5, 0.10), (hem, 0.04))),
    )
    block = (cut.top + 0.55 * (hem - cut.top), swatch_of(spec, accent=True)) if spec.pattern == "colour-block" else None
    marks: list[Mark] = [
        Piece(owner, LOWER, (outline,), frame, swatch, folds=folds, shadow=0.4, block=block, flat=flat)
    ]
    marks += _skirt_trims(spec, owner, ys, frame, swatch, hem)
    return marks


def _skirt_trims(
    spec: GarmentSpec, owner: int, ys: Points, frame: SectionFrame, swatch: Swatch, hem: float
) -> list[Mark]:
    cut, seam = spec.cut, stitch(swatch)

    def point(u: float, y: float) -> Points:
        return np.array([np.interp(y, ys, frame.centre) + np.interp(y, ys, frame.half) * u, y])

    marks: list[Mark] = [_waistband(spec, owner, frame, LOWER + 0.5, swatch)]
    if "pleats" in cut.details:
        lines = [
            np.stack([point(float(np.sin(a)), y) for y in np.linspace(cut.top + 0.02, hem + 0.02, 12)])
            for a in np.linspace(-1.4, 1.4, 17)
        ]
        marks.append(Stroke(owner, LOWER + 0.4, tuple(lines), 0.004, darker(swatch.color, 0.6), 0.4))
        marks.append(
            Stroke(
                owner,
                LOWER + 0.41,
                tuple(moved(line, 0.004, 0) for line in lines),
                0.004,
                darker(swatch.color, 1.3),
                0.25,
            )
        )
    if "buttons" in cut.details:
        ends = np.linspace(cut.top + 0.02, hem - 0.02, 7)
        spots = tuple(np.array([point(float(np.sin(np.clip(frame.phase[10], -1.5, 1.5))), y)]) for y in ends)
        marks.append(
            Stroke(
                owner,
                LOWER + 0.5,
                spots,
                0.009,
                (0.35, 0.27, 0.2) if brightness(swatch.color) > 0.3 else (0.8, 0.75, 0.65),
                dots=True,
            )
        )
    if "tiers" in cut.details:
        rows = np.linspace(cut.top, hem, 4)[1:-1]
        lines = [
            np.stack([point(u, float(y) + 0.014 * np.sqrt(1 - u * u)) for u in np.linspace(-1, 1, 21)]) for y in rows
        ]
        marks.append(Stroke(owner, LOWER + 0.4, tuple(lines), 0.004, seam, 0.6))
    line = np.stack(
        [
            point(u, hem - 0.012 + (0.008 + 0.07 * max(0.0, cut.flare)) * np.sqrt(1 - u * u))
            for u in np.linspace(-1, 1, 21)
        ]
    )
    marks.append(Stroke(owner, LOWER + 0.4, (line,), 0.0018, seam, 0.4))
    return marks


def stitch(swatch: Swatch) -> tuple[float, float, float]:
    """Colour of seams on a swatch."""
    return darker(swatch.color, 0.6) if brightness(swatch.color) > 0.22 else darker(swatch.color, 1.8)


def _waistband(spec: GarmentSpec, owner: int, frame: SectionFrame, order: float, swatch: Swatch) -> Stroke:
    y = spec.cut.top + 0.020
    t = np.linspace(-1, 1, 21)
    centre, half = float(np.interp(y, frame.ys, frame.centre)), float(np.interp(y, frame.ys, frame.half))
    line = np.stack([centre + half * t, y + 0.006 * np.sqrt(1 - t * t)], 1)
    return Stroke(owner, order, (line,), 0.0024, stitch(swatch), 0.6)


def trouser_marks(figure: Figure, spec: GarmentSpec, owner: int, *, flat: bool = False) -> list[Mark]:
    """Two legs and what joins them. A jumpsuit's legs begin under its bodice."""
    cut, swatch = spec.cut, swatch_of(spec)
    jumpsuit = spec.kind == "jumpsuit"
    order = DRESS if jumpsuit else LOWER
    marks: list[Mark] = []
    for side in ("left", "right"):
        marks += _leg(figure, spec, owner, side, order - 1.2 + leg_rank(figure, side) * 0.5, swatch, flat=flat)
    if jumpsuit:
        return marks
    ys = np.linspace(cut.top, 0.565, 40)
    room = cut.ease * np.clip((ys - cut.top) / 0.05, 0.2, 1) + 0.003
    hip = np.interp(np.clip(ys, 0, 0.52), figure.knots, figure.widths)
    centre, half, phase, radius = figure.sections(ys, room, hip)
    frame = SectionFrame(ys, centre, half, phase, float(radius.mean()), flat)
    low, high = figure.legs_at(ys, (cut.ease + 0.004) * 0.8)
    grow = np.clip((ys - 0.455) / 0.075, 0, 1) ** 1.2
    left, right = centre - half + grow * (low - centre + half), centre + half + grow * (high - centre - half)
    top = section_outline(figure, ys[:34], left[:34], right[:34])
    folds = (Fold("crumple", 0.36, 0.28, ((0.4, 0.05), (0.47, 0.10), (0.53, 0.14))),)
    marks.append(Piece(owner, order, (top,), frame, swatch, folds=folds, shadow=0.15, flat=flat, fade=(0.548, 0.50)))
    marks += _trouser_trims(figure, spec, owner, order + 0.3, frame, swatch)
    return marks


def _leg(
    figure: Figure, spec: GarmentSpec, owner: int, side: str, order: float, swatch: Swatch, *, flat: bool
) -> list[Mark]:
    cut, b = spec.cut, figure.person.bulk
    until = min(1.0, max(0.08, (cut.hem - 0.512) / 0.445))
    joints = leg_chain(figure, side)
    if cut.hem > 0.965:
        joints = joints.copy()
        joints[2] += (joints[2] - joints[1]) / max(1e-6, float(np.hypot(*(joints[2] - joints[1])))) * (cut.hem - 0.962)
    points, share = chain(joints, 16, 0.45, until)
    e, f = cut.ease + 0.004, cut.flare
    radii = taper(
        share,
        (0, 0.052 * b + e * 0.5),
        (0.2, 0.049 * b + e * 0.9),
        (0.5, 0.034 * b + e + f * 0.35),
        (0.68, 0.033 * b + e + f * 0.55),
        (1, 0.022 * b + e + f),
    )
    far = leg_rank(figure, side) == 0
    long = cut.hem > 0.85
    folds = (
        Fold(
            "cross",
            0.30,
            0.26,
            (
                (0, 0.06),
                (0.06, 0.06),
                (0.15, 0.03),
                (0.22, 0.10),
                (0.28, 0.04),
                (0.38, 0.05),
                (0.45, 0.15 if long else 0.03),
            ),
        ),
        Fold("crumple", 0.40, 0.50, ((0, 0.045), (0.45, 0.045))),
        Fold("drape", 0.25, 0.9, ((0, 0.0), (0.2, 0.6 * f), (0.45, 2.2 * f))),
    )
    block = (0.24, swatch_of(spec, accent=True)) if spec.pattern == "colour-block" else None
    frame = TubeFrame(points, radii, flat)
    piece = Piece(
        owner,
        order,
        tube_outline(points, radii, hem=0.16),
        frame,
        swatch,
        folds=folds,
        shadow=0.45,
        block=block,
        lift=0.93 if far else 1.0,
        flat=flat,
    )
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], 1)
    sign = (1 if side == "left" else -1) * (1 if figure.cos > 0 else -1)
    marks: list[Mark] = [piece]
    seam = stitch(swatch)
    t = np.linspace(-1, 1, 9)[:, None]
    at = points[-1] - step[-1] * (0.028 if "turn_up" in cut.details else 0.010)
    cuff = at + normal[-1] * radii[-1] * t + step[-1] * 0.16 * radii[-1] * np.sqrt(1 - t * t)
    marks.append(Stroke(owner, order + 0.1, (cuff,), 0.003 if "turn_up" in cut.details else 0.0018, seam, 0.6))
    if "crease" in cut.details:
        marks.append(Stroke(owner, order + 0.1, (points[3:],), 0.003, darker(swatch.color, 1.35), 0.35))
    outer = points - normal * (sign * radii * 0.82)[:, None]
    if "side_stripe" in cut.details:
        marks.append(Stroke(owner, order + 0.1, (outer,), 0.011, true_color(spec, spec.accent), 0.95))
    elif spec.fabric == "denim":
        marks.append(Stroke(owner, order + 0.1, (outer,), 0.002, seam, 0.35))
    if "ripped" in cut.details and figure.cos > 0 and until > 0.8:
        rips = [
            points[8] + normal[8] * radii[8] * np.linspace(-0.5, 0.5, 5)[:, None] + (0, d) for d in (-0.008, 0.0, 0.010)
        ]
        marks.append(Stroke(owner, order + 0.15, tuple(rips), 0.004, (0.86, 0.85, 0.82), 0.85))
    if "cargo" in cut.details:
        k = 6
        box = np.stack(
            [
                points[k] - normal[k] * radii[k] * sign * 0.2,
                points[k] - normal[k] * radii[k] * sign * 0.95,
                points[k + 3] - normal[k + 3] * radii[k + 3] * sign * 0.95,
                points[k + 3] - normal[k + 3] * radii[k + 3] * sign * 0.2,
            ]
        )
        marks += [
            Piece(owner, order + 0.12, (box,), frame, swatch, clip=True, lift=1.04, shadow=0.25),
            Stroke(owner, order + 0.15, (np.concatenate([box, box[:1]]),), 0.002, seam, 0.7),
        ]
    return marks


def _trouser_trims(
    figure: Figure, spec: GarmentSpec, owner: int, order: float, frame: SectionFrame, swatch: Swatch
) -> list[Mark]:
    seam = (0.78, 0.58, 0.32) if spec.fabric == "denim" and "contrast" in spec.cut.details else stitch(swatch)
    front = figure.cos > 0.25
    top = spec.cut.top

    def at(angle: float, y: float) -> Points:
        centre, half, phase = (float(np.interp(y, frame.ys, v)) for v in (frame.centre, frame.half, frame.phase))
        turned = float(np.angle(np.exp(1j * (angle + phase))))
        return np.array([centre + half * (np.sin(turned) if abs(turned) <= np.pi / 2 else np.sign(turned)), y])

    marks: list[Mark] = [_waistband(spec, owner, frame, order, swatch)]
    if front:
        fly = np.stack([at(0.0, y) for y in np.linspace(top + 0.022, 0.522, 8)])
        pockets = [
            np.stack([at(s * a, y) for a, y in ((0.55, top + 0.024), (0.75, top + 0.045), (1.15, top + 0.058))])
            for s in (1, -1)
        ]
        marks += [
            Stroke(owner, order, (fly,), 0.0022, seam, 0.7),
            Stroke(owner, order, tuple(pockets), 0.0024, seam, 0.75),
        ]
        if "drawstring" in spec.cut.details:
            cords = [np.stack([at(s * 0.08, top + 0.012), at(s * 0.16, top + 0.05)]) for s in (1, -1)]
            marks.append(Stroke(owner, order + 0.2, tuple(cords), 0.004, (0.93, 0.92, 0.9)))
        elif spec.kind != "leggings":
            marks.append(
                Stroke(
                    owner,
                    order + 0.2,
                    (at(0.03, top + 0.011)[None],),
                    0.008,
                    darker(swatch.color, 0.5) if brightness(swatch.color) > 0.3 else (0.6, 0.58, 0.52),
                    dots=True,
                )
            )
    elif figure.cos < -0.25:
        middle = np.stack([at(np.pi, y) for y in np.linspace(top + 0.02, 0.55, 10)])
        marks.append(Stroke(owner, order, (middle,), 0.003, seam, 0.6))
        if spec.kind in {"jeans", "shorts", "trousers"}:
            boxes = [
                np.stack(
                    [
                        at(np.pi + s * a, y)
                        for a, y in (
                            (0.28, 0.455),
                            (0.80, 0.455),
                            (0.80, 0.498),
                            (0.54, 0.512),
                            (0.28, 0.498),
                            (0.28, 0.455),
                        )
                    ]
                )
                for s in (1, -1)
            ]
            marks.append(Stroke(owner, order, tuple(boxes), 0.0024, seam, 0.8))
    if "belt" in spec.cut.details:
        y = top + 0.010
        t = np.linspace(-1, 1, 21)
        centre, half = float(np.interp(y, frame.ys, frame.centre)), float(np.interp(y, frame.ys, frame.half))
        marks.append(
            Stroke(
                owner,
                order + 0.1,
                (np.stack([centre + half * t, y + 0.005 * np.sqrt(1 - t * t)], 1),),
                0.014,
                (0.22, 0.15, 0.11),
                0.95,
            )
        )
    return marks
