"""Garments that hang from the shoulders: tops, dresses, jackets and coats."""

from __future__ import annotations

import numpy as np

from models.studio.colors import darker
from models.studio.figures.body import Figure, Points
from models.studio.figures.cloth import Swatch, swatch_of, true_color
from models.studio.figures.pieces import (
    Fold,
    Mark,
    Piece,
    Stroke,
    TubeFrame,
    chain,
    taper,
    tube_outline,
)
from models.studio.figures.shell import Shell, back_neck, neckline, shell, stitch_color
from models.studio.figures.skin import arm_order, arm_path, armhole
from models.studio.figures.trims import torso_trims
from models.studio.layers import DRESS, LINING, OUTER, TUCKED, UPPER
from models.studio.spec import GarmentSpec

SLEEVE_RANK = {"upper_wear": 0.3, "dress": 0.3, "outerwear": 0.6}


def torso_folds(spec: GarmentSpec, hem: float) -> tuple[Fold, ...]:
    """Creases of a torso garment: at the waist and under the arms; a skirt part drapes."""
    loose = 0.7 + 12 * spec.cut.ease
    folds = [
        Fold(
            "crumple",
            0.46,
            0.40,
            (
                (0.16, 0.02),
                (0.24, 0.06 * loose),
                (0.33, 0.05 * loose),
                (0.41, 0.10 * loose),
                (0.5, 0.06 * loose),
                (0.9, 0.04),
            ),
        ),
        Fold("cross", 0.34, 0.30, ((0.2, 0.01), (0.36, 0.03), (0.42, 0.08), (0.5, 0.03), (0.9, 0.0))),
    ]
    if hem > 0.52:
        depth = 0.06 + 1.5 * min(spec.cut.flare, 0.12)
        folds.append(Fold("drape", 0.32, 1.2, ((0.40, 0.0), (0.46, 0.5 * depth), (hem, depth))))
    if spec.fabric == "puffer":
        folds = [Fold("crumple", 0.4, 0.3, ((0, 0.10), (1, 0.10)))]
    return tuple(folds)


def torso_marks(
    figure: Figure, spec: GarmentSpec, owner: int, *, flat: bool = False, ghost: bool = False
) -> list[Mark]:
    """The whole garment: lining, body, sleeves, collar and trims."""
    order = {"upper_wear": TUCKED if spec.cut.tucked else UPPER, "dress": DRESS, "outerwear": OUTER}[spec.label]
    body = shell(figure, spec, owner, order, flat=flat)
    swatch = swatch_of(spec)
    folds = torso_folds(spec, body.hem)
    block = (0.33, swatch_of(spec, accent=True)) if spec.pattern == "colour-block" else None
    opening = _opening(body)
    marks: list[Mark] = []
    if ghost or spec.cut.worn_open:
        lining = Swatch(
            swatch.color if swatch.tile is not None else darker(swatch.color, 0.9),
            None,
            swatch.weave,
            swatch.weave_span,
            0,
            1,
            0.5,
        )
        marks.append(Piece(owner, LINING, (body.outline,), body.frame, lining, cuts=(back_neck(body),), folds=folds))
    marks.append(
        Piece(
            owner,
            order,
            (body.outline,),
            body.frame,
            swatch,
            cuts=opening,
            folds=folds,
            shadow=0.15 if spec.kind == "jumpsuit" else 0.4,
            block=block,
            flat=flat,
            fade=(0.548, 0.50) if spec.kind == "jumpsuit" else None,
        )
    )
    marks += sleeve_marks(figure, spec, owner, flat=flat)
    marks += torso_trims(body, swatch, flat=flat)
    return marks


def _opening(body: Shell) -> tuple[Points, ...]:
    """What is cut out of the front: the neckline, and the gap of an open coat."""
    cut = body.spec.cut
    cuts = [neckline(body)]
    if cut.worn_open and body.figure.cos > -0.25:
        ys = np.linspace(0.17, body.hem + 0.05, 30)
        wide = np.interp(ys, [0.17, 0.25, 0.40, body.hem], [0.35, 0.42, 0.40, 0.62])
        left, right = body.at(wide, np.minimum(ys, body.hem)), body.at(-wide, np.minimum(ys, body.hem))
        left[:, 1], right[:, 1] = ys, ys
        if body.figure.cos > 0.3 or body.figure.faces(0.0):
            cuts.append(np.concatenate([left, right[::-1]]))
    return tuple(cuts)


def sleeve_marks(figure: Figure, spec: GarmentSpec, owner: int, *, flat: bool = False) -> list[Mark]:
    """Sleeves along the arms, as long as the cut says."""
    cut = spec.cut
    if cut.sleeve <= 0:
        return []
    swatch = swatch_of(spec)
    if spec.pattern == "colour-block" or "raglan" in cut.details:
        swatch = swatch_of(spec, accent=True)
    marks: list[Mark] = []
    b = figure.person.bulk
    e = cut.ease * 0.45 + 0.003
    for side in ("left", "right"):
        points, share = chain(arm_path(figure, side), 14, 0.35, 0.1 + 0.9 * cut.sleeve)
        wide = 0.012 if "bell" in cut.details else 0.0
        radii = taper(
            share,
            (0, 0.019 * b + e * 0.3),
            (0.18, 0.0275 * b + e * 0.7),
            (0.52, 0.0235 * b + e * 0.9),
            (0.7, 0.022 * b + e * 0.85),
            (1.0, 0.0165 * b + e * 0.7 + wide),
        )
        if "puff" in cut.details:
            radii = radii + 0.012 * np.sin(np.clip(share / max(cut.sleeve, 0.3), 0, 1) * np.pi)
        order = arm_order(figure, side) + SLEEVE_RANK[spec.label] + 0.05
        long = cut.sleeve > 0.7
        folds: tuple[Fold, ...] = (
            Fold(
                "cross",
                0.26,
                0.22,
                ((0, 0.03), (0.12, 0.08), (0.16, 0.15), (0.22, 0.07), (0.3, 0.12 if long else 0.03)),
            ),
            Fold("crumple", 0.36, 0.34, ((0, 0.05), (0.4, 0.05))),
        )
        if spec.fabric == "puffer":
            folds = folds[1:]
        hem = 0.22 if cut.sleeve < 0.95 else 0.12
        fills = tube_outline(points, radii, hem=hem)
        frame = TubeFrame(points, radii, flat)
        marks.append(
            Piece(owner, order, fills, frame, swatch, cuts=armhole(figure), folds=folds, shadow=0.28, flat=flat)
        )
        marks += _cuff(spec, owner, order, points, radii, share, frame, swatch, flat=flat)
    return marks


def _cuff(
    spec: GarmentSpec,
    owner: int,
    order: float,
    points: Points,
    radii: Points,
    share: Points,
    frame: TubeFrame,
    swatch: Swatch,
    *,
    flat: bool,
) -> list[Mark]:
    """Ribbed or stitched ends, and quilting or stripes along a sleeve."""
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], 1)

    def across(k: float) -> Points:
        i = k * (len(points) - 1)
        j = min(int(i), len(points) - 2)
        p = points[j] + (points[j + 1] - points[j]) * (i - j)
        t = np.linspace(-1, 1, 9)[:, None]
        return np.asarray(p + normal[j] * radii[j] * t + step[j] * 0.2 * radii[j] * np.sqrt(np.maximum(0, 1 - t * t)))

    seam = stitch_color(swatch.color)
    marks: list[Mark] = []
    if spec.fabric == "puffer":
        marks.append(
            Stroke(
                owner,
                order + 0.02,
                tuple(across(k) for k in np.linspace(0.1, 0.95, max(2, round(8 * spec.cut.sleeve)))),
                0.004,
                seam,
                0.5,
            )
        )
    elif {"ribs", "cuffs"} & spec.cut.details and spec.cut.sleeve > 0.9:
        marks.append(Stroke(owner, order + 0.02, (across(0.93),), 0.003, seam, 0.6))
    else:
        marks.append(Stroke(owner, order + 0.02, (across(0.965),), 0.0018, seam, 0.4))
    if "arm_stripe" in spec.cut.details:
        side = points + normal * radii[:, None] * 0.15
        marks.append(Stroke(owner, order + 0.03, (side,), 0.009, true_color(spec, spec.accent), 0.9))
    del share, frame, flat
    return marks
