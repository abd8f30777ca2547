"""Garments that hang from the shoulders: tops, dresses, jackets and coats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.studio.body import Figure, Points, smooth
from models.studio.cloth import Swatch, swatch_of, true_colour
from models.studio.colours import RGB, brightness, darker
from models.studio.layers import DRESS, LINING, OUTER, TUCKED, UPPER
from models.studio.noise import tile
from models.studio.pieces import (
    Fold,
    Mark,
    Piece,
    SectionFrame,
    Stroke,
    TubeFrame,
    chain,
    section_outline,
    taper,
    tube_outline,
)
from models.studio.skin import arm_order, arm_path
from models.studio.spec import GarmentSpec
from models.studio.trims import torso_trims

SLEEVE_RANK = {"upper_wear": 0.3, "dress": 0.3, "outerwear": 0.6}


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """The outline and frame of a torso garment on a figure; trims are placed with it."""

    figure: Figure
    spec: GarmentSpec
    owner: int
    order: float
    ys: Points
    left: Points
    right: Points
    frame: SectionFrame
    outline: Points
    ease: float

    @property
    def hem(self) -> float:
        """Where the garment ends."""
        return float(self.ys[-1])

    def on(self, x: float | Points, y: float | Points) -> Points:
        """Picture points on the front (or, from behind, the back) at a sideways body distance."""
        ys = np.atleast_1d(np.asarray(y, float))
        radius = (
            np.interp(ys, self.ys, np.maximum(1e-3, self.frame.half))
            if abs(self.figure.cos) > 0.5
            else np.full(len(ys), 0.09)
        )
        angle = np.arcsin(np.clip(np.asarray(x, float) / np.maximum(radius, 0.04), -1, 1))
        base = 0.0 if self.figure.cos > -0.3 else np.pi
        angle = angle if base == 0.0 else np.pi - angle
        return self.at(angle, ys)

    def at(self, angle: float | Points, y: float | Points) -> Points:
        """Picture points on the garment at a surface angle (0 is the front's middle)."""
        ys = np.atleast_1d(np.asarray(y, float))
        centre, half, phase = (
            np.interp(ys, self.ys, v) for v in (self.frame.centre, self.frame.half, self.frame.phase)
        )
        turned = np.angle(np.exp(1j * (np.broadcast_to(angle, ys.shape) + phase)))
        inside = np.where(np.abs(turned) <= np.pi / 2, np.sin(turned), np.sign(turned) * 1.05)
        x = centre + half * inside
        return np.stack(
            [x, ys + (x - self.figure.sway(ys) * self.figure.cos) * self.figure.tilt(ys) * self.figure.cos], 1
        )


def _widths(figure: Figure, spec: GarmentSpec, ys: Points) -> Points:
    """Half-widths of the pattern: the body's, boxier with ease, wider towards a flared hem."""
    cut = spec.cut
    knots, body = figure.knots, figure.widths.copy()
    if cut.sleeve == 0.0:
        strap = 0.76 if cut.neck != "strap" else 0.6
        shoulder = figure.person.shoulder * figure.person.bulk
        body[2:5] = np.minimum(body[2:5], [shoulder * strap * 0.85, shoulder * strap, shoulder * strap])
    a = np.where(ys < 0.21, np.interp(ys, knots, body), smooth(np.clip(ys, knots[0], knots[-1]), knots, body))
    boxy = np.clip(cut.ease / 0.03, 0, 1) * np.clip((ys - 0.24) / 0.08, 0, 1)
    a = a + np.maximum(0, figure.widths[6] - a) * boxy * 0.9
    room = cut.ease * np.clip((ys - 0.175) / 0.05, 0.25, 1)
    if cut.tucked:
        inside = np.clip((ys - 0.385) / 0.03, 0, 1)
        a, room = a + (np.interp(ys, knots, body) - 0.003 - a) * inside, room * (1 - inside)
    waisted = (
        -0.008 * np.exp(-(((ys - 0.395) / 0.03) ** 2))
        if spec.kind in {"dress", "blazer", "coat"} and cut.ease < 0.02
        else 0.0
    )
    hem = figure.level(cut.hem)
    flare = cut.flare * np.clip((ys - 0.41) / max(0.10, hem - 0.41), 0, 1) ** 0.85
    return np.asarray(a + room + waisted + flare)


def shell(figure: Figure, spec: GarmentSpec, owner: int, order: float, *, flat: bool = False) -> Shell:
    """Fit a garment to a figure."""
    cut = spec.cut
    hem = 0.45 if cut.tucked else figure.level(cut.hem)
    if spec.kind == "jumpsuit":
        hem = figure.level(0.55)
    ys = np.linspace(cut.top, hem, 64)
    widths = _widths(figure, spec, ys)
    room = cut.ease * 0.8 + cut.flare * 0.5 * np.clip((ys - 0.41) / 0.3, 0, 1)
    centre, half, phase, radius = figure.sections(ys, room, widths - room)
    left, right = centre - half, centre + half
    if hem > 0.5 and spec.kind != "jumpsuit":
        low, high = figure.legs_at(ys, 0.002)
        grow = np.clip((ys - 0.50) / 0.08, 0, 1)
        left, right = (
            np.minimum(left, left + grow * np.minimum(0, low - left)),
            np.maximum(right, right + grow * np.maximum(0, high - right)),
        )
    if spec.kind == "jumpsuit":
        low, high = figure.legs_at(ys, (cut.ease + 0.004) * 0.8)
        grow = np.clip((ys - 0.455) / 0.075, 0, 1) ** 1.2
        left, right = left + grow * (low - left), right + grow * (high - right)
    middle, wide = (left + right) / 2, (right - left) / 2
    frame = SectionFrame(ys, middle, wide, phase, float(radius[10:40].mean()), flat)
    wave = None
    if cut.flare > 0.02:
        row = tile("drape", 0)[owner * 31 % 256, ::10][:25]
        wave = 0.12 * cut.flare * row
    outline = section_outline(figure, ys, left, right, 0.010 if cut.flare < 0.02 else 0.018, wave)
    return Shell(figure, spec, owner, order, ys, left, right, frame, outline, cut.ease)


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
            swatch.colour if swatch.tile is not None else darker(swatch.colour, 0.9),
            None,
            swatch.weave,
            swatch.weave_span,
            0,
            1,
            0.5,
        )
        marks.append(Piece(owner, LINING, (body.outline,), body.frame, lining, cuts=(_back_neck(body),), folds=folds))
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


def _neck_shape(spec: GarmentSpec) -> tuple[float, float, float]:
    """(half-width, depth below the shoulder line, roundness) of a front neckline."""
    return {
        "crew": (0.040, 0.188, 0.5), "v": (0.042, 0.245, 1.0), "scoop": (0.056, 0.222, 0.45), "square": (0.052, 0.218, 0.12),
        "turtle": (0.030, 0.165, 0.5), "collar": (0.034, 0.200, 0.9), "lapel": (0.040, 0.30, 1.0), "hood": (0.040, 0.192, 0.5),
        "zip": (0.034, 0.182, 0.6), "strap": (0.060, 0.228, 0.6),
    }[spec.cut.neck]  # fmt: skip


def neckline(body: Shell) -> Points:
    """The front neckline as a closed outline; it reaches above the garment."""
    half, depth, power = _neck_shape(body.spec)
    if body.spec.cut.neck == "lapel" and body.spec.cut.worn_open:
        depth = 0.2
    t = np.linspace(-1, 1, 33)
    if power >= 0.9:
        drop = 1 - np.abs(t)
    else:
        drop = (1 - np.abs(t) ** (2 / power)) ** 0.5
    y = 0.168 + (depth - 0.168) * drop
    x = half * t
    if body.figure.cos < -0.2:
        y = 0.168 + (0.178 - 0.168) * np.sqrt(np.maximum(0, 1 - t * t))
        if body.spec.cut.neck in {"collar", "turtle", "lapel", "hood", "zip"}:
            y = np.full(33, 0.160)
    shift = 0.75 * (depth - 0.168) * body.figure.sin if abs(body.figure.sin) > 0.3 else 0.0
    centre = float(np.interp(0.18, body.ys, body.frame.centre)) + 0.012 * body.figure.sin
    squeeze = max(abs(body.figure.cos), 0.55)
    line = np.stack([centre + x * squeeze + shift * drop * 0.5, y], 1)
    return np.concatenate([[[line[0, 0], 0.10]], line, [[line[-1, 0], 0.10]]])


def _back_neck(body: Shell) -> Points:
    centre = float(np.interp(0.18, body.ys, body.frame.centre))
    t = np.linspace(-1, 1, 17)
    half = _neck_shape(body.spec)[0]
    arc = np.stack([centre + half * t, 0.166 + 0.008 * np.sqrt(np.maximum(0, 1 - t * t))], 1)
    return np.concatenate([[[arc[0, 0], 0.1]], arc, [[arc[-1, 0], 0.1]]])


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
        marks.append(Piece(owner, order, fills, frame, swatch, folds=folds, shadow=0.32, flat=flat))
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

    seam = stitch_colour(swatch.colour)
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
        marks.append(Stroke(owner, order + 0.03, (side,), 0.009, true_colour(spec, spec.accent), 0.9))
    del share, frame, flat
    return marks


def stitch_colour(colour: RGB) -> RGB:
    """Seams are darker than light cloth and lighter than dark cloth."""
    return darker(colour, 0.62) if brightness(colour) > 0.22 else darker(colour, 1.8)
