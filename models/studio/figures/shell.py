"""The shell of a torso garment: its pattern fitted to a figure, on which everything else is placed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.studio.colors import RGB, brightness, darker
from models.studio.figures.body import Figure, Points, smooth
from models.studio.figures.cloth import Swatch
from models.studio.figures.pieces import Piece, SectionFrame, section_outline
from models.studio.noise import tile
from models.studio.spec import GarmentSpec


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
        body[3:6] = np.minimum(body[3:6], [shoulder * strap * 0.85, shoulder * strap, shoulder * strap])
    a = np.where(ys < 0.21, np.interp(ys, knots, body), smooth(np.clip(ys, knots[0], knots[-1]), knots, body))
    boxy = np.clip(cut.ease / 0.03, 0, 1) * np.clip((ys - 0.24) / 0.08, 0, 1)
    a = a + np.maximum(0, figure.widths[7] - a) * boxy * 0.9
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


def _neck_shape(spec: GarmentSpec) -> tuple[float, float, float]:
    """(half-width, depth below the shoulder line, roundness) of a front neckline."""
    return {
        "crew": (0.040, 0.188, 0.5),
        "v": (0.042, 0.245, 1.0),
        "scoop": (0.056, 0.222, 0.45),
        "square": (0.052, 0.218, 0.12),
        "turtle": (0.030, 0.165, 0.5),
        "collar": (0.034, 0.200, 0.9),
        "lapel": (0.040, 0.30, 1.0),
        "hood": (0.040, 0.192, 0.5),
        "zip": (0.034, 0.182, 0.6),
        "strap": (0.060, 0.228, 0.6),
    }[spec.cut.neck]


def neckline(body: Shell) -> Points:
    """The front neckline as a closed outline; it reaches above the garment."""
    half, depth, power = _neck_shape(body.spec)
    if body.spec.cut.neck == "lapel" and body.spec.cut.worn_open:
        depth = 0.2
    t = np.linspace(-1, 1, 33)
    drop = 1 - np.abs(t) if power >= 0.9 else (1 - np.abs(t) ** (2 / power)) ** 0.5
    y = 0.168 + (depth - 0.168) * drop
    x = half * t
    if body.figure.cos < -0.2:
        y = 0.168 + (0.178 - 0.168) * np.sqrt(np.maximum(0, 1 - t * t))
        if body.spec.cut.neck in {"collar", "turtle", "lapel", "hood", "zip"}:
            y = np.full(33, 0.160)
    centre = float(np.interp(0.18, body.ys, body.frame.centre)) + 0.012 * body.figure.sin
    if abs(body.figure.cos) < 0.5:
        return _side_neckline(centre, float(np.sign(body.figure.sin)), depth)
    shift = 0.75 * (depth - 0.168) * body.figure.sin if abs(body.figure.sin) > 0.3 else 0.0
    squeeze = max(abs(body.figure.cos), 0.55)
    line = np.stack([centre + x * squeeze + shift * drop * 0.5, y], 1)
    return np.concatenate([[[line[0, 0], 0.10]], line, [[line[-1, 0], 0.10]]])


def _side_neckline(centre: float, facing: float, depth: float) -> Points:
    """From the side a neckline falls from the nape to the front's edge."""
    low = 0.168 + (depth - 0.168) * 0.8
    across = np.array([-0.060, -0.034, -0.012, 0.012, 0.034, 0.060, 0.110])
    down = np.array([0.160, 0.160, 0.163, 0.170, 0.6 * low + 0.4 * 0.170, low, low])
    line = np.stack([centre + facing * across, down], 1)
    return np.concatenate([[[line[0, 0], 0.08]], line, [[line[-1, 0], 0.08]]])


def back_neck(body: Shell) -> Points:
    """The neckline behind, as a closed outline that reaches above the garment."""
    centre = float(np.interp(0.18, body.ys, body.frame.centre))
    t = np.linspace(-1, 1, 17)
    half = _neck_shape(body.spec)[0]
    arc = np.stack([centre + half * t, 0.166 + 0.008 * np.sqrt(np.maximum(0, 1 - t * t))], 1)
    return np.concatenate([[[arc[0, 0], 0.1]], arc, [[arc[-1, 0], 0.1]]])


def stitch_color(color: RGB) -> RGB:
    """Seams are darker than light cloth and lighter than dark cloth."""
    return darker(color, 0.62) if brightness(color) > 0.22 else darker(color, 1.8)


def patch(
    body: Shell, outline: Points, swatch: Swatch, order: float, *, clip: bool, lift: float = 1.0, shadow: float = 0.35
) -> Piece:
    """A flap or a pocket of a shell's cloth, its pattern going on from the shell's."""
    return Piece(body.owner, order, (outline,), body.frame, swatch, clip=clip, lift=lift, shadow=shadow)
