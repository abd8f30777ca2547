"""Collars, lapels, hoods and neckbands, by the neck of the cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.studio.colors import brightness, darker
from models.studio.figures.body import Points
from models.studio.figures.cloth import Swatch, true_color
from models.studio.figures.pieces import BoxFrame, Frame, Mark, Piece, Stroke, TubeFrame, curve, moved
from models.studio.figures.shell import Shell, neckline, stitch_color


@dataclass(frozen=True, slots=True, eq=False)
class _Neck:
    """Where a collar is built: half of it (positive x) is written down, the other is its mirror."""

    body: Shell
    swatch: Swatch
    front: bool
    flat: bool

    @property
    def order(self) -> float:
        return self.body.order + 0.5

    @property
    def centre(self) -> float:
        return float(np.interp(0.19, self.body.ys, self.body.frame.centre)) + 0.006 * self.body.figure.sin

    def at(self, *points: tuple[float, float], side: int = 1) -> Points:
        """Picture points from sideways distances and heights, narrowed as the figure turns."""
        k = side * max(0.6, abs(self.body.figure.cos))
        return np.array([(self.centre + x * k, y) for x, y in points])

    def mirrored(self, *points: tuple[float, float]) -> Points:
        """A closed outline from its right half, top to bottom; points in the middle are not repeated."""
        beside = [p for p in reversed(points) if p[0] != 0]
        return np.concatenate([self.at(*points), self.at(*beside, side=-1)])

    def piece(
        self, outline: Points, frame: Frame | None = None, *, lift: float, shadow: float, cuts: tuple[Points, ...] = ()
    ) -> Piece:
        low, high = float(outline[:, 0].min()), float(outline[:, 0].max())
        return Piece(
            self.body.owner,
            self.order,
            (outline,),
            frame or BoxFrame(low, high),
            self.swatch,
            cuts=cuts,
            lift=lift,
            shadow=shadow,
            flat=self.flat,
        )

    def line(self, points: Points, width: float, alpha: float) -> Stroke:
        return Stroke(self.body.owner, self.order + 0.1, (points,), width, stitch_color(self.swatch.color), alpha)


def collar_marks(body: Shell, swatch: Swatch, *, front: bool, flat: bool) -> list[Mark]:
    """What is sewn around the neck, for the side that the camera sees."""
    build = _COLLARS.get(body.spec.cut.neck, _band)
    return build(_Neck(body, swatch, front, flat))


def _shirt(neck: _Neck) -> list[Mark]:
    if not neck.front:
        band = curve(neck.mirrored((0, 0.146), (0.037, 0.152), (0.040, 0.172), (0, 0.182)))
        return [neck.piece(band, neck.body.frame, lift=0.97, shadow=0.35)]
    marks: list[Mark] = []
    if not neck.body.spec.cut.worn_open:
        inside = neck.mirrored((0.034, 0.155), (0.03, 0.185), (0.0, 0.205))
        dark = replace(neck.swatch, tint=0.62)
        marks.append(Piece(neck.body.owner, neck.body.order - 0.1, (inside,), neck.body.frame, dark))
    for side in (1, -1):
        leaf = neck.at(
            (0.033, 0.149), (0.044, 0.160), (0.047, 0.196), (0.030, 0.214), (0.004, 0.197), (0.018, 0.176), side=side
        )
        marks += [neck.piece(leaf, neck.body.frame, lift=1.04, shadow=0.35), neck.line(leaf[1:5], 0.002, 0.5)]
    return marks


def _turtle(neck: _Neck) -> list[Mark]:
    top = 0.141 if neck.front else 0.134
    tube = curve(neck.mirrored((0, top), (0.038, 0.136), (0.041, 0.168), (0, 0.180)))
    axis = np.array([(neck.centre, 0.13), (neck.centre, 0.18)])
    return [neck.piece(tube, TubeFrame(axis, np.array([0.04, 0.042])), lift=1.0, shadow=0.3)]


def _lapels(neck: _Neck) -> list[Mark]:
    if not neck.front:
        band = curve(neck.mirrored((0, 0.147), (0.042, 0.152), (0.052, 0.176), (0, 0.190)))
        return [neck.piece(band, neck.body.frame, lift=0.96, shadow=0.35)]
    worn_open = neck.body.spec.cut.worn_open
    end, gap = (0.36, 0.036) if worn_open else (0.305, 0.002)
    wide = 0.066 if neck.body.spec.kind == "coat" else 0.058
    marks: list[Mark] = []
    for side in (-1, 1):
        leaf = neck.at(
            (0.034, 0.152),
            (0.046, 0.172),
            (wide - 0.006, 0.205),
            (0.050, 0.214),
            (wide, 0.222),
            (gap + 0.030, 0.285),
            (gap, end),
            (gap + 0.010, 0.26),
            (0.034, 0.195),
            side=side,
        )
        marks += [
            neck.piece(leaf, neck.body.frame, lift=1.05, shadow=0.45),
            neck.line(leaf[:8], 0.0022, 0.65),
            neck.line(leaf[[3, 8]], 0.0018, 0.55),
        ]
    return marks


def _hood(neck: _Neck) -> list[Mark]:
    if not neck.front:
        bag = curve(neck.mirrored((0, 0.140), (0.060, 0.160), (0.064, 0.200), (0.034, 0.258), (0, 0.270)))
        return [neck.piece(bag, lift=0.98, shadow=0.5)]
    roll = neck.mirrored((0, 0.197), (0.030, 0.160), (0.040, 0.142), (0.056, 0.160), (0.050, 0.186), (0, 0.216))
    marks: list[Mark] = [neck.piece(curve(roll, 60), lift=0.95, shadow=0.4)]
    if neck.body.spec.kind == "hoodie":
        cords = tuple(neck.at((0.018, 0.19), (0.020, 0.23), (0.017, 0.262), side=s) for s in (1, -1))
        tone = (0.93, 0.92, 0.9) if brightness(neck.swatch.color) < 0.7 else (0.3, 0.3, 0.3)
        marks.append(Stroke(neck.body.owner, neck.order + 0.2, cords, 0.004, tone))
    return marks


def _stand(neck: _Neck) -> list[Mark]:
    top = 0.150 if neck.front else 0.142
    outline = curve(neck.mirrored((0, top), (0.040, 0.144), (0.044, 0.176), (0, 0.188)))
    notch = (curve(neck.at((-0.014, 0.138), (0.014, 0.138), (0.0, 0.176)), 20),) if neck.front else ()
    return [neck.piece(outline, lift=0.95, shadow=0.3, cuts=notch)]


def _straps(neck: _Neck) -> list[Mark]:
    lines = tuple(neck.at((0.042, 0.168), (0.047, 0.2), (0.045, 0.235), side=s) for s in (1, -1))
    return [Stroke(neck.body.owner, neck.order, lines, 0.009, darker(neck.swatch.color, 0.96), clip=False)]


def _band(neck: _Neck) -> list[Mark]:
    """The rib of a plain neckline."""
    if abs(neck.body.figure.cos) <= 0.5:
        return []
    edge = moved(neckline(neck.body)[1:-1], 0, 0.004)
    color, spec = neck.swatch.color, neck.body.spec
    ringer = "ringer" in spec.cut.details
    rib = true_color(spec, spec.accent) if ringer else darker(color, 0.9 if brightness(color) > 0.2 else 1.25)
    return [
        Stroke(neck.body.owner, neck.order, (edge,), 0.008, rib, 0.9 if ringer else 0.55),
        neck.line(moved(edge, 0, 0.0045), 0.0016, 0.5),
    ]


_COLLARS: dict[str, Callable[[_Neck], list[Mark]]] = {
    "collar": _shirt,
    "turtle": _turtle,
    "lapel": _lapels,
    "hood": _hood,
    "zip": _stand,
    "strap": _straps,
}
