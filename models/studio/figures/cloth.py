"""Cloth: the coloured, patterned tile a garment is cut from, and the grey weave laid over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.studio.colors import COLORS, DENIM, RGB, brightness, darker, mix
from models.studio.noise import tile as noise_tile
from models.studio.spec import GarmentSpec

TEXELS = 512
"""Side of a cloth tile in texels."""
SPAN = 0.4
"""Side of a cloth tile in body heights (about 68 cm)."""

Tile = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Swatch:
    """What a piece of cloth looks like before light falls on it.

    Attributes:
        color: the plain colour, also used where there is no pattern.
        tile: (TEXELS, TEXELS, 3) pattern, wrapping, or None for plain cloth.
        weave: (n, n) float32 multiplier around 1, wrapping, or None; `weave_span` its side in body heights.
        gloss: strength of highlights, 0 to 1; `fold`: how strongly it creases.
        tint: multiplies everything (linings are darker).
    """

    color: RGB
    tile: Tile | None = None
    weave: NDArray[np.float32] | None = None
    weave_span: float = 0.1
    gloss: float = 0.0
    fold: float = 1.0
    tint: float = 1.0


def true_color(spec: GarmentSpec, name: str | None = None) -> RGB:
    """The exact colour of a product: its named colour, with the product's own deviation."""
    name = name or spec.color
    base = DENIM.get(name, COLORS[name]) if spec.fabric == "denim" else COLORS[name]
    r, g, b = (min(0.97, max(0.05, c + d)) for c, d in zip(base, spec.shade, strict=True))
    return r, g, b


def swatch_of(spec: GarmentSpec, *, accent: bool = False) -> Swatch:
    """The cloth of a garment; `accent` gives its second cloth (soles, ribs, colour-blocks), plain."""
    if accent:
        color = true_color(spec, spec.accent)
        return Swatch(color, None, *_weave(spec.fabric), GLOSS.get(spec.fabric, 0.0), FOLD.get(spec.fabric, 1.0))
    return _swatch(spec)


@lru_cache(maxsize=96)
def _swatch(spec: GarmentSpec) -> Swatch:
    weave, span = _weave(spec.fabric)
    pattern = PATTERNS.get(spec.pattern)
    main, second = true_color(spec), true_color(spec, spec.accent)
    tile = None
    if pattern is not None:
        picture = pattern(main, second, spec.scale, np.random.default_rng(spec.variety))
        tile = np.ascontiguousarray(np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8))
    return Swatch(main, tile, weave, span, GLOSS.get(spec.fabric, 0.0), FOLD.get(spec.fabric, 1.0))


GLOSS = {"satin": 0.5, "leather": 0.55, "puffer": 0.35, "patent": 0.9, "denim": 0.05}
FOLD = {
    "satin": 1.25,
    "leather": 0.9,
    "knit": 0.6,
    "wool": 0.55,
    "denim": 1.1,
    "linen": 1.35,
    "puffer": 0.5,
    "suede": 0.5,
}


@lru_cache(maxsize=16)
def _weave(fabric: str) -> tuple[NDArray[np.float32] | None, float]:
    """A fabric's grey relief and its side in body heights."""
    n = 128
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n * 2 * np.pi
    grain = cv2.GaussianBlur(noise_tile("grain", 7, n), (3, 3), 0)
    stitch = np.sin(16 * x + 0.9 * np.pi * np.abs(np.sin(8 * y))) + np.cos(16 * y + 2.2 * np.abs(np.sin(8 * x)))
    fibre = 1 + 0.09 * grain + 0.015 * noise_tile("cloud", 5, n)
    grid = 1 + 0.05 * np.sin(30 * x) * np.sin(30 * y) + 0.08 * grain
    hide = 1 + 0.05 * noise_tile("crumple", 9, n)
    weaves: dict[str, tuple[NDArray[np.floating], float]] = {
        "knit": (1 + 0.065 * stitch + 0.04 * grain, 0.11),
        "denim": (1 + 0.06 * np.sin(24 * (x + y)) + 0.10 * grain, 0.13),
        "wool": (fibre, 0.14),
        "suede": (fibre, 0.14),
        "linen": (grid, 0.12),
        "canvas": (grid, 0.12),
        "leather": (hide, 0.10),
        "patent": (hide, 0.10),
        "cotton": (1 + 0.035 * grain, 0.12),
    }
    if fabric not in weaves:
        return None, 0.1
    field, span = weaves[fabric]
    return np.ascontiguousarray(field, np.float32), span


Picture = NDArray[np.float32]
Pattern = Callable[[RGB, RGB, float, np.random.Generator], Picture]


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    y, x = np.mgrid[0:TEXELS, 0:TEXELS].astype(np.float32) / TEXELS
    return x, y


def _repeats(usual: float, scale: float) -> int:
    """How often a motif repeats in a tile, so that it wraps."""
    return max(2, round(usual / scale))


def _band(phase: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """1 where the fractional part of `phase` is below `share`, with soft edges."""
    distance = np.abs(phase - np.floor(phase) - 0.5)
    return np.asarray(np.clip(((share / 2) - distance) * 14 + 0.5, 0, 1), np.float32)


def _blend(main: RGB, second: RGB, weight: NDArray[np.float32]) -> Picture:
    one, two = np.array(main, np.float32), np.array(second, np.float32)
    return np.asarray(one + (two - one) * weight[..., None], np.float32)


def _stripes(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    _, y = _grid()
    share = rng.uniform(0.3, 0.55)
    return _blend(main, second, _band(y * _repeats(10, scale), share))


def _vertical(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    x, _ = _grid()
    return _blend(main, second, _band(x * _repeats(16, scale), rng.uniform(0.15, 0.5)))


def _checks(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    x, y = _grid()
    n, share = _repeats(6, scale), rng.uniform(0.3, 0.5)
    weight = 0.5 * _band(x * n, share) + 0.5 * _band(y * n, share)
    picture = _blend(main, second, weight)
    bright = brightness(main) + brightness(second) > 0.9
    thin = darker(second, 0.55) if bright else mix(second, (1.0, 1.0, 0.9), 0.6)
    line = np.maximum(_band(x * n + 0.5, 0.08), _band(y * n + 0.5, 0.08)) * 0.7
    return np.asarray(picture + (np.array(thin, np.float32) - picture) * line[..., None], np.float32)


def _gingham(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    del rng
    x, y = _grid()
    n = _repeats(14, scale)
    return _blend(main, second, 0.5 * _band(x * n, 0.5) + 0.5 * _band(y * n, 0.5))


def _dots(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    x, y = _grid()
    n, radius = 2 * _repeats(5, scale), rng.uniform(0.22, 0.36)
    row = np.floor(y * n)
    dx = np.mod(x * n + 0.5 * np.mod(row, 2), 1) - 0.5
    dy = np.mod(y * n, 1) - 0.5
    return _blend(main, second, np.clip((radius - np.hypot(dx, dy)) * 14 + 0.5, 0, 1))


def _floral(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    canvas = np.full((TEXELS, TEXELS, 3), [c * 255 for c in main], np.uint8)
    third = mix(second, (1.0, 0.9, 0.75), 0.45)
    leaf = mix(COLORS["green" if rng.random() < 0.6 else "olive"], main, 0.2)
    heart = (0.93, 0.78, 0.3) if rng.random() < 0.6 else darker(second, 0.5)
    count, size = round(60 / scale**1.6) + 8, 22 * scale
    for _ in range(count):
        x, y = rng.uniform(0, TEXELS, 2)
        _flower(canvas, x, y, size * rng.uniform(0.55, 1.2), second if rng.random() < 0.65 else third, leaf, heart, rng)
    return np.asarray(cv2.GaussianBlur(canvas, (3, 3), 0), np.float32) / np.float32(255)


def _flower(
    canvas: Tile, x: float, y: float, r: float, petal: RGB, leaf: RGB, heart: RGB, rng: np.random.Generator
) -> None:
    """One flower, drawn again beyond each border that it crosses, so that the tile wraps."""
    turn, petals = rng.uniform(0, 360), int(rng.integers(5, 7))
    stem = rng.uniform(0, 360)
    shifts = [(x + i * TEXELS, y + j * TEXELS) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for cx, cy in shifts:
        if not (-3 * r < cx < TEXELS + 3 * r and -3 * r < cy < TEXELS + 3 * r):
            continue
        for k in (0, 140):
            a = np.deg2rad(stem + k)
            _oval(canvas, cx + 1.5 * r * np.cos(a), cy + 1.5 * r * np.sin(a), 0.75 * r, 0.28 * r, stem + k, leaf)
        for k in range(petals):
            angle = turn + 360 * k / petals
            a = np.deg2rad(angle)
            tone = darker(petal, 0.86 + 0.14 * (k % 2))
            _oval(canvas, cx + 0.55 * r * np.cos(a), cy + 0.55 * r * np.sin(a), 0.55 * r, 0.38 * r, angle, tone)
        _oval(canvas, cx, cy, 0.27 * r, 0.27 * r, 0, heart)


def _oval(canvas: Tile, x: float, y: float, a: float, b: float, angle: float, color: RGB) -> None:
    centre, axes = (round(x * 8), round(y * 8)), (max(1, round(a * 8)), max(1, round(b * 8)))
    cv2.ellipse(canvas, centre, axes, angle, 0, 360, [c * 255 for c in color], -1, cv2.LINE_AA, 3)


def _camo(main: RGB, second: RGB, scale: float, rng: np.random.Generator) -> Picture:
    n = TEXELS // 2
    one = cv2.resize(np.roll(noise_tile("cloud", 20, n), int(rng.integers(n)), 0), (TEXELS, TEXELS))
    two = cv2.resize(np.roll(noise_tile("cloud", 21, n), int(rng.integers(n)), 1), (TEXELS, TEXELS))
    repeat = 2 if scale < 1.2 else 1
    one, two = (np.tile(cv2.resize(t, (TEXELS // repeat,) * 2), (repeat, repeat)) for t in (one, two))
    picture = _blend(main, second, np.clip((one - 0.1) * 18, 0, 1))
    for field, tone, bar in ((two, darker(main, 0.55), 0.35), (-two, mix(second, (0.9, 0.87, 0.75), 0.4), 0.75)):
        picture = picture + (np.array(tone, np.float32) - picture) * np.clip((field - bar) * 18, 0, 1)[..., None]
    return np.asarray(picture, np.float32)


PATTERNS: dict[str, Pattern] = {
    "stripes": _stripes,
    "vertical stripes": _vertical,
    "checks": _checks,
    "gingham": _gingham,
    "dots": _dots,
    "floral": _floral,
    "camo": _camo,
}
"""Patterns that are a tile. `solid`, `colour-block` and `graphic` are made by the cut."""
