"""What is sewn on: collars, lapels, hoods, buttons, zips, pockets, belts, prints, ribs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models.studio.body import Points
from models.studio.cloth import Swatch, true_colour
from models.studio.colours import RGB, brightness, darker, mix
from models.studio.pieces import BoxFrame, Mark, Piece, Stroke, TubeFrame, curve

if TYPE_CHECKING:
    from models.studio.torso import Shell


def torso_trims(body: Shell, swatch: Swatch, *, flat: bool = False) -> list[Mark]:
    """All trims of a torso garment, for the side that the camera sees."""
    front = body.figure.cos > 0.25
    marks = _collar(body, swatch, front=front, flat=flat)
    if front:
        marks += _closure(body, swatch) + _pockets(body, swatch)
        if body.spec.pattern == "graphic":
            marks += _print(body)
    elif body.spec.pattern == "graphic" and body.figure.cos < -0.25 and body.spec.variety % 3 == 0:
        marks += _print(body)
    marks += _bands(body, swatch, front=front)
    return marks


def _seam(colour: RGB) -> RGB:
    return darker(colour, 0.6) if brightness(colour) > 0.22 else darker(colour, 1.8)


def _patch(
    body: Shell,
    outline: Points,
    swatch: Swatch,
    order: float,
    *,
    clip: bool,
    lift: float = 1.0,
    shadow: float = 0.35,
    flat: bool = False,
) -> Piece:
    return Piece(body.owner, order, (outline,), body.frame, swatch, clip=clip, lift=lift, shadow=shadow, flat=flat)


def _collar(body: Shell, swatch: Swatch, *, front: bool, flat: bool) -> list[Mark]:
    neck, order = body.spec.cut.neck, body.order + 0.5
    cx = float(np.interp(0.175, body.ys, body.frame.centre))
    k = max(0.6, abs(body.figure.cos))
    side_shift = 0.01 * body.figure.sin

    def pts(*points: tuple[float, float]) -> Points:
        return np.array([(cx + side_shift + x * k, y) for x, y in points])

    marks: list[Mark] = []
    if neck == "collar":
        band = curve(pts((-0.037, 0.152), (0, 0.146), (0.037, 0.152), (0.040, 0.172), (0, 0.182), (-0.040, 0.172)))
        if front:
            if not body.spec.cut.worn_open:
                marks.append(
                    _patch(
                        body,
                        pts((-0.034, 0.155), (0.034, 0.155), (0.03, 0.185), (0.0, 0.205), (-0.03, 0.185)),
                        replace(swatch, tint=0.62),
                        body.order - 0.1,
                        clip=False,
                        shadow=0,
                    )
                )
            for s in (1, -1):
                leaf = pts(
                    (s * 0.033, 0.149),
                    (s * 0.044, 0.160),
                    (s * 0.047, 0.196),
                    (s * 0.030, 0.214),
                    (s * 0.004, 0.197),
                    (s * 0.018, 0.176),
                )
                marks.append(_patch(body, leaf, swatch, order, clip=False, lift=1.04, flat=flat))
                marks.append(Stroke(body.owner, order + 0.1, (leaf[1:5],), 0.002, _seam(swatch.colour), 0.5))
        else:
            marks.append(_patch(body, band, swatch, order, clip=False, lift=0.97, flat=flat))
    elif neck == "turtle":
        tube = curve(
            pts(
                (-0.038, 0.136),
                (0, 0.141 if front else 0.134),
                (0.038, 0.136),
                (0.041, 0.168),
                (0, 0.180),
                (-0.041, 0.168),
            )
        )
        points = np.array([(cx, 0.13), (cx, 0.18)])
        marks.append(
            Piece(body.owner, order, (tube,), TubeFrame(points, np.array([0.04, 0.042])), swatch, shadow=0.3, flat=flat)
        )
    elif neck == "lapel":
        marks += _lapels(body, swatch, pts, front=front, flat=flat)
    elif neck == "hood":
        if front:
            roll = curve(
                pts(
                    (-0.056, 0.160),
                    (-0.040, 0.142),
                    (-0.030, 0.160),
                    (0, 0.197),
                    (0.030, 0.160),
                    (0.040, 0.142),
                    (0.056, 0.160),
                    (0.050, 0.186),
                    (0, 0.216),
                    (-0.050, 0.186),
                ),
                60,
            )
            marks.append(
                Piece(
                    body.owner, order, (roll,), BoxFrame(cx - 0.06, cx + 0.06), swatch, shadow=0.4, lift=0.95, flat=flat
                )
            )
            if body.spec.kind == "hoodie":
                cords = [pts((s * 0.018, 0.19), (s * 0.020, 0.23), (s * 0.017, 0.262)) for s in (1, -1)]
                marks.append(
                    Stroke(
                        body.owner,
                        order + 0.2,
                        tuple(cords),
                        0.004,
                        (0.93, 0.92, 0.9) if brightness(swatch.colour) < 0.7 else (0.3, 0.3, 0.3),
                    )
                )
        else:
            bag = curve(
                pts(
                    (-0.060, 0.160),
                    (0, 0.140),
                    (0.060, 0.160),
                    (0.064, 0.200),
                    (0.034, 0.258),
                    (0, 0.270),
                    (-0.034, 0.258),
                    (-0.064, 0.200),
                )
            )
            marks.append(
                Piece(
                    body.owner,
                    order,
                    (bag,),
                    BoxFrame(cx - 0.066, cx + 0.066),
                    swatch,
                    shadow=0.5,
                    lift=0.98,
                    flat=flat,
                )
            )
    elif neck == "zip":
        stand = curve(
            pts(
                (-0.040, 0.144),
                (0, 0.150 if front else 0.142),
                (0.040, 0.144),
                (0.044, 0.176),
                (0, 0.188),
                (-0.044, 0.176),
            )
        )
        cut = (curve(pts((-0.014, 0.138), (0.014, 0.138), (0.0, 0.176)), 20),) if front else ()
        marks.append(
            Piece(
                body.owner,
                order,
                (stand,),
                BoxFrame(cx - 0.046, cx + 0.046),
                swatch,
                cuts=cut,
                shadow=0.3,
                lift=0.95,
                flat=flat,
            )
        )
    elif neck == "strap":
        straps = [pts((s * 0.042, 0.168), (s * 0.047, 0.2), (s * 0.045, 0.235)) for s in (1, -1)]
        marks.append(Stroke(body.owner, order, tuple(straps), 0.009, darker(swatch.colour, 0.96), clip=False))
    elif neck in {"crew", "v", "scoop", "square"} and abs(body.figure.cos) > 0.5:
        from models.studio.torso import neckline

        edge = neckline(body)[1:-1] + (0, 0.004)
        rib = (
            true_colour(body.spec, body.spec.accent)
            if "ringer" in body.spec.cut.details
            else darker(swatch.colour, 0.9 if brightness(swatch.colour) > 0.2 else 1.25)
        )
        marks.append(Stroke(body.owner, order, (edge,), 0.008, rib, 0.9 if "ringer" in body.spec.cut.details else 0.55))
        marks.append(Stroke(body.owner, order + 0.1, (edge + (0, 0.0045),), 0.0016, _seam(swatch.colour), 0.5))
    return marks


def _lapels(body: Shell, swatch: Swatch, pts: object, *, front: bool, flat: bool) -> list[Mark]:
    cx = float(np.interp(0.2, body.ys, body.frame.centre))
    k = max(0.6, abs(body.figure.cos))
    order = body.order + 0.5

    def at(*points: tuple[float, float]) -> Points:
        return np.array([(cx + x * k, y) for x, y in points])

    if not front:
        band = curve(at((-0.042, 0.152), (0, 0.147), (0.042, 0.152), (0.052, 0.176), (0, 0.190), (-0.052, 0.176)))
        return [_patch(body, band, swatch, order, clip=False, lift=0.96, flat=flat)]
    end = 0.36 if body.spec.cut.worn_open else 0.305
    gap = 0.036 if body.spec.cut.worn_open else 0.002
    marks: list[Mark] = []
    wide = 0.066 if body.spec.kind == "coat" else 0.058
    for s in (1, -1):
        leaf = at(
            (s * 0.034, 0.152),
            (s * 0.046, 0.172),
            (s * (wide - 0.006), 0.205),
            (s * 0.050, 0.214),
            (s * wide, 0.222),
            (s * (gap + 0.030), 0.285),
            (s * gap, end),
            (s * (gap + 0.010), 0.26),
            (s * 0.034, 0.195),
        )
        marks.append(
            _patch(body, leaf, swatch, order + (0.01 if s > 0 else 0), clip=False, lift=1.05, shadow=0.45, flat=flat)
        )
        marks.append(Stroke(body.owner, order + 0.1, (leaf[:8],), 0.0022, _seam(swatch.colour), 0.65))
        marks.append(Stroke(body.owner, order + 0.1, (leaf[[3, 8]],), 0.0018, _seam(swatch.colour), 0.55))
    del pts
    return marks


def _closure(body: Shell, swatch: Swatch) -> list[Mark]:
    cut, order = body.spec.cut, body.order + 0.6
    if cut.worn_open or cut.closure == "none":
        return []
    top = {"collar": 0.208, "lapel": 0.315, "v": 0.25, "hood": 0.2, "zip": 0.182, "crew": 0.195}.get(cut.neck, 0.22)
    bottom = min(body.hem - 0.004, 0.70) if cut.closure != "zip" else body.hem - 0.002
    if "half_zip" in cut.details:
        bottom = 0.27
    ys = np.linspace(top, bottom, 30)
    line = body.at(0.0, ys)
    seam = _seam(swatch.colour)
    if cut.closure == "zip":
        metal = (0.72, 0.72, 0.70) if body.spec.fabric in {"leather", "denim"} else darker(seam, 0.9)
        return [
            Stroke(body.owner, order, (line,), 0.007, darker(swatch.colour, 0.75)),
            Stroke(body.owner, order + 0.1, (line,), 0.0025, metal, 0.9),
        ]
    button = (
        mix(swatch.colour, (0.95, 0.93, 0.88), 0.75)
        if body.spec.kind in {"shirt", "polo", "blouse"}
        else (darker(swatch.colour, 0.55) if brightness(swatch.colour) > 0.3 else (0.35, 0.30, 0.26))
    )
    if body.spec.kind == "polo":
        ys = np.linspace(top, 0.255, 10)
        line = body.at(0.0, ys)
    placket = [body.at(0.10 if cut.closure == "buttons" else 0.42, ys)]
    marks: list[Mark] = [
        Stroke(body.owner, order, (*placket, line) if cut.closure == "buttons" else tuple(placket), 0.002, seam, 0.5)
    ]
    if body.spec.label == "outerwear":
        rows = np.linspace(top + 0.01, min(bottom, 0.47), 3 if body.spec.kind == "blazer" else 4)
    else:
        rows = np.linspace(ys[0] + 0.012, ys[-1] - 0.02, max(2, round((ys[-1] - ys[0]) / 0.042)))
    columns = [0.05] if cut.closure == "buttons" else [0.30, -0.30]
    size = 0.010 if body.spec.label == "outerwear" else 0.0058
    for angle in columns:
        spots = tuple(body.at(angle, rows)[k : k + 1] for k in range(len(rows)))
        marks.append(
            Stroke(
                body.owner,
                order + 0.2,
                tuple(p + (0, size * 0.18) for p in spots),
                size,
                darker(swatch.colour, 0.5),
                0.6,
                dots=True,
            )
        )
        marks.append(Stroke(body.owner, order + 0.3, spots, size * 0.9, button, 1.0, dots=True))
    return marks


def _pockets(body: Shell, swatch: Swatch) -> list[Mark]:
    details, order = body.spec.cut.details, body.order + 0.55
    seam = _seam(swatch.colour)
    marks: list[Mark] = []

    def box(angle: float, y: float, width: float, height: float) -> Points:
        corners = [
            (angle - width, y),
            (angle + width, y),
            (angle + width, y + height * 0.85),
            (angle, y + height),
            (angle - width, y + height * 0.85),
            (angle - width, y),
        ]
        return np.concatenate([body.at(a, v) for a, v in corners])

    if "pocket" in details:
        outline = box(0.5, 0.262, 0.24, 0.052)
        marks += [
            _patch(body, outline, swatch, order, clip=True, lift=1.03, shadow=0.2),
            Stroke(body.owner, order + 0.1, (outline,), 0.002, seam, 0.7),
        ]
    if "chest_pockets" in details:
        for a in (0.52, -0.52):
            outline = box(a, 0.262, 0.25, 0.055)
            flap = np.concatenate(
                [
                    body.at(v, y)
                    for v, y in (
                        (a - 0.27, 0.258),
                        (a + 0.27, 0.258),
                        (a + 0.27, 0.272),
                        (a, 0.279),
                        (a - 0.27, 0.272),
                        (a - 0.27, 0.258),
                    )
                ]
            )
            marks += [
                Stroke(body.owner, order + 0.1, (outline,), 0.002, seam, 0.7),
                _patch(body, flap, swatch, order + 0.12, clip=True, lift=1.04, shadow=0.3),
                Stroke(body.owner, order + 0.15, (flap,), 0.002, seam, 0.8),
            ]
    if "hip_pockets" in details:
        low = min(0.455, body.hem - 0.055)
        for a in (0.72, -0.72):
            flap = np.concatenate(
                [
                    body.at(v, y)
                    for v, y in (
                        (a - 0.3, low),
                        (a + 0.3, low),
                        (a + 0.3, low + 0.018),
                        (a - 0.3, low + 0.018),
                        (a - 0.3, low),
                    )
                ]
            )
            marks += [
                _patch(body, flap, swatch, order, clip=True, lift=1.04, shadow=0.35),
                Stroke(body.owner, order + 0.1, (flap,), 0.002, seam, 0.7),
            ]
    if "kangaroo" in details:
        outline = np.concatenate(
            [
                body.at(v, y)
                for v, y in (
                    (-0.35, 0.395),
                    (0.35, 0.395),
                    (0.62, 0.455),
                    (0.62, 0.468),
                    (-0.62, 0.468),
                    (-0.62, 0.455),
                    (-0.35, 0.395),
                )
            ]
        )
        marks += [
            _patch(body, outline, swatch, order, clip=True, lift=1.02, shadow=0.3),
            Stroke(body.owner, order + 0.1, (outline,), 0.002, seam, 0.6),
        ]
    return marks


def _bands(body: Shell, swatch: Swatch, *, front: bool) -> list[Mark]:
    """Belts, ribs, waist and hem seams, quilting: horizontal lines all around."""
    details, order = body.spec.cut.details, body.order + 0.7
    seam = _seam(swatch.colour)
    marks: list[Mark] = []

    def ring(y: float, sag: float = 0.006) -> Points:
        t = np.linspace(-1, 1, 25)
        centre, half = (float(np.interp(y, body.ys, v)) for v in (body.frame.centre, body.frame.half))
        return np.stack([centre + half * 1.05 * t, y + sag * np.sqrt(np.maximum(0, 1 - t * t))], 1)

    if "belt" in details:
        leather = swatch.colour if body.spec.label == "outerwear" else true_colour(body.spec, body.spec.accent)
        marks += [
            Stroke(body.owner, order, (ring(0.402),), 0.020, darker(swatch.colour, 0.6), 0.7),
            Stroke(body.owner, order + 0.1, (ring(0.400),), 0.016, darker(leather, 0.88)),
        ]
        if front:
            marks.append(
                Stroke(
                    body.owner,
                    order + 0.2,
                    (body.at(0.06, np.array([0.392, 0.412])), body.at(-0.12, np.array([0.392, 0.412]))),
                    0.003,
                    seam,
                )
            )
    elif "waist" in details:
        marks.append(Stroke(body.owner, order, (ring(0.398),), 0.0025, seam, 0.6))
    if "ribs" in details and body.hem < 0.56:
        marks.append(Stroke(body.owner, order, (ring(body.hem - 0.018, 0.010),), 0.003, seam, 0.6))
        columns = [body.at(a, np.array([body.hem - 0.016, body.hem + 0.01])) for a in np.linspace(-2.9, 2.9, 60)]
        marks.append(Stroke(body.owner, order, tuple(columns), 0.0016, seam, 0.3))
    elif body.spec.fabric not in {"puffer"}:
        marks.append(Stroke(body.owner, order, (ring(body.hem - 0.008, 0.012),), 0.0016, seam, 0.35))
    if body.spec.fabric == "puffer":
        rows = np.arange(0.215, body.hem - 0.01, 0.030)
        marks.append(
            Stroke(
                body.owner, order, tuple(ring(float(y), 0.008) for y in rows), 0.004, darker(swatch.colour, 0.55), 0.6
            )
        )
        marks.append(
            Stroke(
                body.owner,
                order,
                tuple(ring(float(y) + 0.012, 0.008) for y in rows),
                0.009,
                mix(swatch.colour, (1.0, 1.0, 1.0), 0.5),
                0.28,
            )
        )
    if "tiers" in details:
        rows = np.linspace(0.52, body.hem, 4)[:-1]
        marks.append(Stroke(body.owner, order, tuple(ring(float(y), 0.016) for y in rows), 0.004, seam, 0.6))
    if not front and body.spec.label == "outerwear" and body.hem > 0.5:
        marks.append(Stroke(body.owner, order, (body.at(np.pi, np.linspace(0.42, body.hem, 12)),), 0.0025, seam, 0.6))
    if not front and body.spec.kind in {"shirt", "jacket"}:
        marks.append(Stroke(body.owner, order, (ring(0.232, 0.0),), 0.002, seam, 0.5))
    return marks


def _print(body: Shell) -> list[Mark]:
    """A print on the chest: a shape from the product's own seed, in the accent colour."""
    rng = np.random.default_rng(body.spec.variety)
    colour = Swatch(true_colour(body.spec, body.spec.accent))
    other = Swatch(mix(colour.colour, true_colour(body.spec), 0.45))
    kind, size = int(rng.integers(5)), rng.uniform(0.030, 0.044)
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    shapes: list[tuple[Points, Swatch]] = []
    if kind == 0:
        shapes = [
            (_ring(t, size), colour),
            (_ring(t, size * 0.62), Swatch(true_colour(body.spec))),
            (_ring(t, size * 0.35), other),
        ]
    elif kind == 1:
        points = int(rng.integers(5, 9))
        wave = np.where(np.arange(2 * points) % 2, 0.48, 1.0) * size
        angle = np.pi * np.arange(2 * points) / points - np.pi / 2
        shapes = [(np.stack([np.cos(angle) * wave, np.sin(angle) * wave], 1), colour)]
    elif kind == 2:
        for row in range(3):
            shapes.append(
                (
                    np.array(
                        [(-size, row * 0.4), (size, row * 0.4), (size, row * 0.4 + 0.22), (-size, row * 0.4 + 0.22)]
                    )
                    * [1, size],
                    colour if row != 1 else other,
                )
            )
    elif kind == 3:
        peak = np.array([(-1.1, 0.7), (-0.45, -0.4), (-0.15, 0.0), (0.3, -0.8), (1.1, 0.7)]) * size
        shapes = [(_ring(t, size * 0.3) + (size * 0.65, -size * 0.75), other), (peak, colour)]
    else:
        letters = rng.uniform(0.5, 1.0, 5)
        x = -size * 1.2
        for width in letters:
            w = width * size * 0.5
            shapes.append(
                (np.array([(x, -0.35 * size), (x + w, -0.35 * size), (x + w, 0.35 * size), (x, 0.35 * size)]), colour)
            )
            shapes.append(
                (
                    np.array(
                        [
                            (x + w * 0.35, -0.1 * size),
                            (x + w, -0.1 * size),
                            (x + w, 0.1 * size),
                            (x + w * 0.35, 0.1 * size),
                        ]
                    ),
                    Swatch(true_colour(body.spec)),
                )
            )
            x += w * 1.3
    marks: list[Mark] = []
    for number, (shape, swatch) in enumerate(shapes):
        placed = body.on(shape[:, 0], shape[:, 1] + 0.292)
        marks.append(Piece(body.owner, body.order + 0.3 + number * 0.01, (placed,), body.frame, swatch, clip=True))
    return marks


def _ring(t: Points, radius: float) -> Points:
    return np.stack([np.cos(t), np.sin(t)], 1) * radius
