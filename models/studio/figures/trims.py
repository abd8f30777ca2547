"""What is sewn on: buttons, zips, pockets, belts, ribs, quilting."""

from __future__ import annotations

import numpy as np

from models.studio.colors import brightness, darker, mix
from models.studio.figures.body import Points
from models.studio.figures.cloth import Swatch, true_color
from models.studio.figures.collars import collar_marks
from models.studio.figures.pieces import Mark, Stroke, moved
from models.studio.figures.prints import print_marks
from models.studio.figures.shell import Shell, patch, stitch_color


def torso_trims(body: Shell, swatch: Swatch, *, flat: bool = False) -> list[Mark]:
    """All trims of a torso garment, for the side that the camera sees."""
    front = body.figure.cos > 0.25
    marks = collar_marks(body, swatch, front=front, flat=flat)
    if front:
        marks += _closure(body, swatch) + _pockets(body, swatch)
        if body.spec.pattern == "graphic":
            marks += print_marks(body)
    elif body.spec.pattern == "graphic" and body.figure.cos < -0.25 and body.spec.variety % 3 == 0:
        marks += print_marks(body)
    marks += _bands(body, swatch, front=front)
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
    seam = stitch_color(swatch.color)
    if cut.closure == "zip":
        metal = (0.72, 0.72, 0.70) if body.spec.fabric in {"leather", "denim"} else darker(seam, 0.9)
        return [
            Stroke(body.owner, order, (line,), 0.007, darker(swatch.color, 0.75)),
            Stroke(body.owner, order + 0.1, (line,), 0.0025, metal, 0.9),
        ]
    button = (
        mix(swatch.color, (0.95, 0.93, 0.88), 0.75)
        if body.spec.kind in {"shirt", "polo", "blouse"}
        else (darker(swatch.color, 0.55) if brightness(swatch.color) > 0.3 else (0.35, 0.30, 0.26))
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
                tuple(moved(p, 0, size * 0.18) for p in spots),
                size,
                darker(swatch.color, 0.5),
                0.6,
                dots=True,
            )
        )
        marks.append(Stroke(body.owner, order + 0.3, spots, size * 0.9, button, 1.0, dots=True))
    return marks


def _pockets(body: Shell, swatch: Swatch) -> list[Mark]:
    details, order = body.spec.cut.details, body.order + 0.55
    seam = stitch_color(swatch.color)
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
            patch(body, outline, swatch, order, clip=True, lift=1.03, shadow=0.2),
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
                patch(body, flap, swatch, order + 0.12, clip=True, lift=1.04, shadow=0.3),
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
                patch(body, flap, swatch, order, clip=True, lift=1.04, shadow=0.35),
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
            patch(body, outline, swatch, order, clip=True, lift=1.02, shadow=0.3),
            Stroke(body.owner, order + 0.1, (outline,), 0.002, seam, 0.6),
        ]
    return marks


def _bands(body: Shell, swatch: Swatch, *, front: bool) -> list[Mark]:
    """Belts, ribs, waist and hem seams, quilting: horizontal lines all around."""
    details, order = body.spec.cut.details, body.order + 0.7
    seam = stitch_color(swatch.color)
    marks: list[Mark] = []

    def ring(y: float, sag: float = 0.006) -> Points:
        t = np.linspace(-1, 1, 25)
        centre, half = (float(np.interp(y, body.ys, v)) for v in (body.frame.centre, body.frame.half))
        return np.stack([centre + half * 1.05 * t, y + sag * np.sqrt(np.maximum(0, 1 - t * t))], 1)

    if "belt" in details:
        leather = swatch.color if body.spec.label == "outerwear" else true_color(body.spec, body.spec.accent)
        marks += [
            Stroke(body.owner, order, (ring(0.402),), 0.020, darker(swatch.color, 0.6), 0.7),
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
                body.owner, order, tuple(ring(float(y), 0.008) for y in rows), 0.004, darker(swatch.color, 0.55), 0.6
            )
        )
        marks.append(
            Stroke(
                body.owner,
                order,
                tuple(ring(float(y) + 0.012, 0.008) for y in rows),
                0.009,
                mix(swatch.color, (1.0, 1.0, 1.0), 0.5),
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
