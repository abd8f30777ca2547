"""Pieces of cloth and skin as values: an outline, a frame that says where each point of it lies on the cloth, a swatch.

Everything is in picture space of one person (body heights). Nothing is painted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.studio.colors import RGB
from models.studio.figures.body import Figure, Points, smooth
from models.studio.figures.cloth import Swatch

Field = NDArray[np.float32]


class Frame(Protocol):
    """Where a picture point lies on a piece."""

    def locate(self, x: Field, y: Field) -> tuple[Field, Field, Field]:
        """Map points to the piece.

        Args:
            x: (1, w) and y: (h, 1), picture space.
        Returns:
            (h, w) each: u across the piece (-1 and 1 are its outlines), cloth x and cloth y in body heights.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SectionFrame:
    """A torso, a skirt: a stack of horizontal sections."""

    ys: Points
    centre: Points
    half: Points
    phase: Points
    radius: float
    flat: bool = False

    def locate(self, x: Field, y: Field) -> tuple[Field, Field, Field]:
        """See `Frame`."""
        row = y[:, 0]
        centre, half, phase = (
            np.interp(row, self.ys, v).astype(np.float32)[:, None] for v in (self.centre, self.half, self.phase)
        )
        u = np.clip((x - centre) / half, -1, 1)
        angle = u * np.float32(1.25) if self.flat else np.arcsin(u * np.float32(0.985))
        return u, (angle - phase) * np.float32(self.radius), np.broadcast_to(y, u.shape)


@dataclass(frozen=True, slots=True, eq=False)
class TubeFrame:
    """A sleeve, a leg: a chain of points with radii."""

    points: Points
    radii: Points
    flat: bool = False

    def locate(self, x: Field, y: Field) -> tuple[Field, Field, Field]:
        """See `Frame`."""
        shape = (y.shape[0], x.shape[1])
        best = np.full(shape, np.inf, np.float32)
        across, along = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        run, last = 0.0, len(self.points) - 2
        for k in range(last + 1):
            ax, ay = self.points[k]
            dx, dy = (float(v) for v in self.points[k + 1] - self.points[k])
            length = float(np.hypot(dx, dy)) or 1e-6
            dx, dy = dx / length, dy / length
            px, py = x - np.float32(ax), y - np.float32(ay)
            t = px * np.float32(dx) + py * np.float32(dy)
            inside = np.clip(t, -9 if k == 0 else 0, 9 if k == last else length)
            side = px * np.float32(-dy) + py * np.float32(dx)
            distance = side * side + (t - inside) ** 2
            r0, r1 = float(self.radii[k]), float(self.radii[k + 1])
            radius = r0 + (r1 - r0) * np.clip(inside / length, 0, 1)
            near = distance < best
            best = np.where(near, distance, best)
            across = np.where(near, side / radius, across)
            along = np.where(near, run + inside, along)
            run += length
        u = np.clip(-across, -1, 1)
        angle = u * np.float32(1.25) if self.flat else np.arcsin(u * np.float32(0.985))
        return u, angle * np.float32(float(np.mean(self.radii))), along.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class BoxFrame:
    """Something small: u across its box, cloth as it lies in the picture."""

    x0: float
    x1: float

    def locate(self, x: Field, y: Field) -> tuple[Field, Field, Field]:
        """See `Frame`."""
        middle, half = (self.x0 + self.x1) / 2, max(1e-4, (self.x1 - self.x0) / 2)
        u = np.clip((x - np.float32(middle)) / np.float32(half), -1, 1)
        u = np.broadcast_to(u, (y.shape[0], x.shape[1]))
        return u, np.broadcast_to(x, u.shape), np.broadcast_to(y, u.shape)


@dataclass(frozen=True, slots=True)
class Fold:
    """Creases: a noise tile, its size on the cloth (body heights) and its strength along cloth y."""

    tile: str
    width: float
    height: float
    knots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One piece to paint.

    Attributes:
        owner: whose pixels these are (see `painter`); `order` lower is painted earlier.
        fills: outlines, united; `cuts` are taken away.
        fade: (y0, y1) the piece appears between these heights, to blend two pieces of one garment.
        shadow: how strongly it darkens what lies under it.
        block: (cloth y, swatch) below which another cloth begins.
        clip: paint only where `owner` already is (prints, pockets).
        flat: no roundness.
        lift: multiplies the light on it.
    """

    owner: int
    order: float
    fills: tuple[Points, ...]
    frame: Frame
    swatch: Swatch
    cuts: tuple[Points, ...] = ()
    folds: tuple[Fold, ...] = ()
    fade: tuple[float, float] | None = None
    shadow: float = 0.0
    block: tuple[float, Swatch] | None = None
    clip: bool = False
    flat: bool = False
    lift: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """Thin lines: seams, buttons, laces. Painted only where `owner` already is."""

    owner: int
    order: float
    lines: tuple[Points, ...]
    width: float
    color: RGB
    alpha: float = 1.0
    clip: bool = True
    dots: bool = False


Mark = Piece | Stroke


def chain(joints: Points, count: int = 18, corner: float = 0.35, until: float = 1.0) -> tuple[Points, Points]:
    """A limb's axis with a rounded corner, cut at a share of its length.

    Returns:
        points (count, 2), and for each its share of the whole limb, 0 to 1.
    """
    t = np.linspace(0, 1, 10)[:, None]
    parts, start = [], joints[0]
    for b, c in pairwise(joints[1:]):
        p, q = b + (start - b) * corner, b + (c - b) * corner
        parts += [start + (p - start) * t[:-1], (1 - t) ** 2 * p + 2 * t * (1 - t) * b + t**2 * q]
        start = q
    path = np.concatenate([*parts, start + (joints[-1] - start) * t[1:]])
    run = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    share = np.linspace(0, max(0.02, until), count)
    at = share * run[-1]
    return np.stack([np.interp(at, run, path[:, 0]), np.interp(at, run, path[:, 1])], 1), share


def tube_outline(points: Points, radii: Points, *, round_start: bool = True, hem: float = 0.0) -> tuple[Points, ...]:
    """Outlines whose union is a tube: a quad per step, a disc at the start and at each bend, a bulging hem."""
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], 1)
    left, right = points + normal * radii[:, None], points - normal * radii[:, None]
    fills = [np.array([left[k], left[k + 1], right[k + 1], right[k]]) for k in range(len(points) - 1)]
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    disc = np.stack([np.cos(turn), np.sin(turn)], 1)
    bends = [k for k in range(1, len(points) - 1) if step[k - 1] @ step[k + 1] < 0.94]
    fills += [points[k] + disc * radii[k] for k in ([0] if round_start else []) + bends]
    if hem:
        t = np.linspace(-1, 1, 13)[:, None]
        arc = points[-1] + normal[-1] * radii[-1] * t + step[-1] * hem * radii[-1] * np.sqrt(np.maximum(0, 1 - t * t))
        fills.append(arc)
    return tuple(fills)


def section_outline(
    figure: Figure, ys: Points, left: Points, right: Points, hem: float = 0.0, wave: NDArray[np.floating] | None = None
) -> Points:
    """A closed outline from edges at heights; the hem bulges downwards by `hem`, and waves."""
    t = np.linspace(1, -1, 25)
    middle, half = (left[-1] + right[-1]) / 2, (right[-1] - left[-1]) / 2
    drop = hem * np.sqrt(np.maximum(0, 1 - t * t)) + (0.0 if wave is None else wave)
    bottom = np.stack([middle + t * half, np.full(25, ys[-1]) + drop], 1)
    outline = np.concatenate([np.stack([right, ys], 1), bottom, np.stack([left, ys], 1)[::-1]])
    centre = figure.sway(outline[:, 1]) * figure.cos
    outline[:, 1] += (outline[:, 0] - centre) * figure.tilt(outline[:, 1]) * figure.cos
    return outline


def curve(points: Points | Sequence[Points] | Sequence[tuple[float, float]], count: int = 40) -> Points:
    """A closed smooth curve through points (Catmull-Rom)."""
    p = np.asarray(points, float)
    n = len(p)
    t = np.linspace(0, n, count, endpoint=False)
    k = t.astype(int)
    s = (t - k)[:, None]
    a, b, c, d = p[(k - 1) % n], p[k % n], p[(k + 1) % n], p[(k + 2) % n]
    return np.asarray(0.5 * (2 * b + (c - a) * s + (2 * a - 5 * b + 4 * c - d) * s**2 + (3 * b - a - 3 * c + d) * s**3))


def moved(points: Points, x: float, y: float) -> Points:
    """Points shifted."""
    return np.asarray(points + np.array([x, y]))


def taper(share: Points, *knots: tuple[float, float]) -> Points:
    """Radii along a limb from (share, radius) knots."""
    at, radius = np.array(knots).T
    return smooth(share, at, radius)
