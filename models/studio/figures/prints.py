"""Prints on the chest: a shape from the product's own seed."""

from __future__ import annotations

import numpy as np

from models.studio.colors import mix
from models.studio.figures.body import Points
from models.studio.figures.cloth import Swatch, true_color
from models.studio.figures.pieces import Mark, Piece, moved
from models.studio.figures.shell import Shell


def print_marks(body: Shell) -> list[Mark]:
    """A print on the chest: a shape from the product's own seed, in the accent colour."""
    rng = np.random.default_rng(body.spec.variety)
    color = Swatch(true_color(body.spec, body.spec.accent))
    other = Swatch(mix(color.color, true_color(body.spec), 0.45))
    kind, size = int(rng.integers(5)), rng.uniform(0.030, 0.044)
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    shapes: list[tuple[Points, Swatch]] = []
    if kind == 0:
        shapes = [
            (_ring(t, size), color),
            (_ring(t, size * 0.62), Swatch(true_color(body.spec))),
            (_ring(t, size * 0.35), other),
        ]
    elif kind == 1:
        points = int(rng.integers(5, 9))
        wave = np.where(np.arange(2 * points) % 2, 0.48, 1.0) * size
        angle = np.pi * np.arange(2 * points) / points - np.pi / 2
        shapes = [(np.stack([np.cos(angle) * wave, np.sin(angle) * wave], 1), color)]
    elif kind == 2:
        for row in range(3):
            shapes.append(
                (
                    np.array(
                        [(-size, row * 0.4), (size, row * 0.4), (size, row * 0.4 + 0.22), (-size, row * 0.4 + 0.22)]
                    )
                    * [1, size],
                    color if row != 1 else other,
                )
            )
    elif kind == 3:
        peak = np.array([(-1.1, 0.7), (-0.45, -0.4), (-0.15, 0.0), (0.3, -0.8), (1.1, 0.7)]) * size
        shapes = [(moved(_ring(t, size * 0.3), size * 0.65, -size * 0.75), other), (peak, color)]
    else:
        letters = rng.uniform(0.5, 1.0, 5)
        x = -size * 1.2
        for width in letters:
            w = width * size * 0.5
            shapes.append(
                (np.array([(x, -0.35 * size), (x + w, -0.35 * size), (x + w, 0.35 * size), (x, 0.35 * size)]), color)
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
                    Swatch(true_color(body.spec)),
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
