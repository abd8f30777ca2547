"""What is behind the person: a studio, a street, a room. Drawn small and enlarged, as if out of focus."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.studio.colors import COLORS, RGB, darker, mix
from models.studio.figures.pieces import Field
from models.studio.noise import tile

Background = Literal["white", "grey", "gradient", "street", "park", "room"]
BACKGROUNDS: tuple[Background, ...] = ("white", "grey", "gradient", "street", "park", "room")
SMALL = 4
"""Scenes are drawn this much smaller than the picture."""


def backdrop(kind: str, width: int, height: int, floor: float, seed: int) -> Field:
    """A background, (height, width, 3) float32.

    Args:
        floor: the ground's horizon as a share of the height.
    """
    rng = np.random.default_rng([seed, 13])
    if kind in {"street", "park", "room"}:
        w, h = max(8, width // SMALL), max(8, height // SMALL)
        scene = np.zeros((h, w, 3), np.uint8)
        horizon = int(np.clip(floor, 0.35, 0.95) * h)
        {"street": _street, "park": _park, "room": _room}[kind](scene, horizon, rng)
        blurred = np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 1.6) * h / 180), np.float32)
        return _shade(blurred / np.float32(255), rng, 0.12, (width, height))
    if kind == "white":
        base: RGB = (0.975, 0.975, 0.972)
    elif kind == "grey":
        level = rng.uniform(0.70, 0.88)
        base = (level, level, level * rng.uniform(0.985, 1.01))
    else:
        base = mix(
            COLORS[str(rng.choice(["beige", "light blue", "pink", "teal", "camel", "grey", "lilac", "cream"]))],
            (0.9, 0.9, 0.9),
            rng.uniform(0.3, 0.7),
        )
    if kind == "white":
        return np.full((height, width, 3), base, np.float32)
    small = np.full((max(8, height // SMALL), max(8, width // SMALL), 3), base, np.float32)
    return _shade(_cyclorama(small, floor, rng), rng, 0.10, (width, height))


def _cyclorama(picture: Field, floor: float, rng: np.random.Generator) -> Field:
    """A wall that turns into a floor without an edge."""
    height = picture.shape[0]
    y = np.linspace(0, 1, height, dtype=np.float32)
    turn = 1 / (1 + np.exp(-(y - floor) * 28))
    light = 1 + 0.05 * np.cos((y - 0.35) * 3) - rng.uniform(-0.03, 0.07) * turn
    return np.asarray(picture * light[:, None, None], np.float32)


def _shade(picture: Field, rng: np.random.Generator, strength: float, size: tuple[int, int]) -> Field:
    """Uneven light and a vignette; then enlarged to (width, height)."""
    cloud = np.roll(tile("cloud", 2, 64), tuple(rng.integers(64, size=2)), (0, 1))[:24, :24]
    soft = cv2.resize(cloud, (12, 12), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-1:1:12j, -1:1:12j]
    field = (1 + 0.5 * strength * soft - strength * rng.uniform(0, 1) * (x * x + y * y) * 0.5).astype(np.float32)
    light = cv2.resize(field, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(picture * light[..., None], size, interpolation=cv2.INTER_LINEAR))


def ground_shadow(
    picture: Field, centre: float, ground: float, half: float, light_x: float, strength: float = 0.45
) -> None:
    """Darken the floor under the feet, in place. Pixels."""
    height, width = picture.shape[:2]
    reach = half * 2.4
    x0, x1 = max(0, int(centre - reach)), min(width, int(centre + reach))
    y0, y1 = max(0, int(ground - half * 0.8)), min(height, int(ground + half * 0.8))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    wide = ((x - centre + light_x * half * 0.5) / (half * 1.15)) ** 2 + ((y - ground) / (half * 0.28)) ** 2
    near = ((x - centre) / (half * 0.75)) ** 2 + ((y - ground) / (half * 0.12)) ** 2
    shade = strength * (0.6 * np.exp(-wide) + 0.5 * np.exp(-near))
    picture[y0:y1, x0:x1] *= (1 - np.minimum(shade, 0.85))[..., None]


def _paint(scene: NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
    cv2.rectangle(scene, (int(x0), int(y0)), (int(x1), int(y1)), [c * 255 for c in color], -1)


def _noisy(scene: NDArray[np.uint8], y0: int, y1: int, color: RGB, noise: float, rng: np.random.Generator) -> None:
    grain = np.roll(tile("crumple", 4), tuple(rng.integers(256, size=2)), (0, 1))
    patch = cv2.resize(grain[:128, :128], (scene.shape[1], max(1, y1 - y0)))
    values = np.array(color) * 255 * (1 + noise * patch[..., None])
    scene[y0:y1] = np.clip(values, 0, 255)[: scene[y0:y1].shape[0]]


def _street(scene: NDArray[np.uint8], horizon: int, rng: np.random.Generator) -> None:
    height, width = scene.shape[:2]
    sky = mix((0.72, 0.80, 0.90), (0.9, 0.88, 0.85), rng.random())
    _paint(scene, 0, 0, width, height, sky)
    x = -rng.uniform(0, width * 0.2)
    while x < width:
        w = width * rng.uniform(0.25, 0.6)
        top = height * rng.uniform(-0.2, 0.25)
        wall = mix(
            COLORS[str(rng.choice(["beige", "brown", "grey", "camel", "charcoal", "cream", "burgundy"]))],
            (0.6, 0.6, 0.6),
            rng.uniform(0.2, 0.6),
        )
        _paint(scene, x, top, x + w, horizon, wall)
        glass = darker(mix((0.35, 0.42, 0.5), wall, rng.uniform(0, 0.5)), rng.uniform(0.5, 1.2))
        columns, rows = int(rng.integers(2, 5)), int(rng.integers(3, 6))
        for i in range(columns):
            for j in range(rows):
                wx, wy = x + w * (i + 0.2) / columns, top + (horizon * 0.78 - top) * (j + 0.2) / rows
                _paint(
                    scene,
                    wx,
                    wy,
                    wx + w * 0.55 / columns,
                    wy + (horizon * 0.78 - top) * 0.6 / rows,
                    darker(glass, rng.uniform(0.7, 1.3)),
                )
        shop = COLORS[str(rng.choice(list(COLORS)))]
        _paint(scene, x, horizon * 0.80, x + w, horizon * 0.85, darker(shop, 0.8))
        _paint(scene, x + w * 0.08, horizon * 0.85, x + w * 0.92, horizon, darker(glass, 0.6))
        x += w
    _noisy(scene, horizon, height, mix((0.55, 0.54, 0.53), (0.7, 0.66, 0.6), rng.random()), 0.06, rng)
    vanish = rng.uniform(0, width)
    for k in range(-12, 13):
        foot = (int(vanish + k * width * 0.3), height)
        cv2.line(scene, (int(vanish + k * width * 0.06), horizon), foot, (110, 108, 105), 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        _paint(scene, 0, horizon, width, horizon + height * 0.025, (0.42, 0.41, 0.40))
    if rng.random() < 0.4:
        car, cy = COLORS[str(rng.choice(["red", "blue", "charcoal", "white", "grey"]))], horizon
        cx, cw = rng.uniform(-0.1, 0.8) * width, width * rng.uniform(0.4, 0.7)
        _paint(scene, cx, cy - cw * 0.20, cx + cw, cy - cw * 0.03, car)
        _paint(scene, cx + cw * 0.2, cy - cw * 0.33, cx + cw * 0.75, cy - cw * 0.2, darker(car, 0.5))
        for s in (0.2, 0.8):
            cv2.circle(scene, (int(cx + cw * s), int(cy - cw * 0.03)), int(cw * 0.075), (25, 25, 28), -1, cv2.LINE_AA)
    if rng.random() < 0.6:
        px = rng.uniform(0, width)
        _paint(scene, px, 0, px + max(1, width * 0.015), horizon + height * 0.02, (0.22, 0.23, 0.24))


def _park(scene: NDArray[np.uint8], horizon: int, rng: np.random.Generator) -> None:
    height, width = scene.shape[:2]
    _paint(scene, 0, 0, width, height, mix((0.70, 0.82, 0.93), (0.93, 0.93, 0.9), rng.random()))
    for _ in range(int(rng.integers(40, 70))):
        x, y = rng.uniform(-0.1, 1.1) * width, horizon * rng.uniform(0.05, 0.95)
        r = height * rng.uniform(0.03, 0.12)
        tone = mix((0.20, 0.36, 0.16), (0.52, 0.62, 0.28), rng.random())
        cv2.ellipse(
            scene,
            (int(x), int(y)),
            (int(r), int(r * 0.75)),
            float(rng.uniform(0, 180)),
            0,
            360,
            [c * 255 for c in darker(tone, rng.uniform(0.6, 1.2))],
            -1,
            cv2.LINE_AA,
        )
    for _ in range(int(rng.integers(1, 4))):
        x = rng.uniform(0, width)
        _paint(scene, x, horizon * 0.4, x + width * rng.uniform(0.02, 0.05), horizon * 1.02, (0.28, 0.21, 0.16))
    _noisy(scene, horizon, height, mix((0.36, 0.50, 0.24), (0.62, 0.57, 0.48), float(rng.random() < 0.4)), 0.14, rng)


def _room(scene: NDArray[np.uint8], horizon: int, rng: np.random.Generator) -> None:
    height, width = scene.shape[:2]
    wall = mix(
        COLORS[str(rng.choice(["cream", "light blue", "beige", "grey", "lilac", "olive", "teal"]))],
        (0.88, 0.87, 0.85),
        rng.uniform(0.35, 0.8),
    )
    _paint(scene, 0, 0, width, horizon, wall)
    wood = mix((0.58, 0.42, 0.28), (0.75, 0.66, 0.55), rng.random())
    _noisy(scene, horizon, height, wood, 0.05, rng)
    for k in range(-14, 15):
        cv2.line(
            scene,
            (int(width / 2 + k * width * 0.09), horizon),
            (int(width / 2 + k * width * 0.22), height),
            [c * 210 for c in wood],
            1,
            cv2.LINE_AA,
        )
    _paint(scene, 0, horizon - height * 0.02, width, horizon, mix(wall, (1.0, 1.0, 1.0), 0.5))
    for _ in range(int(rng.integers(2, 5))):
        x, y, w, h = (
            rng.uniform(-0.05, 0.85) * width,
            rng.uniform(0.05, 0.35) * height,
            rng.uniform(0.12, 0.3) * width,
            rng.uniform(0.1, 0.25) * height,
        )
        _paint(scene, x, y, x + w, y + h, darker(wall, rng.uniform(0.3, 0.7)))
        _paint(
            scene,
            x + 2,
            y + 2,
            x + w - 2,
            y + h - 2,
            mix(COLORS[str(rng.choice(list(COLORS)))], (0.9, 0.9, 0.9), 0.4),
        )
    for _ in range(int(rng.integers(1, 4))):
        w, h = rng.uniform(0.2, 0.55) * width, rng.uniform(0.15, 0.45) * height
        x = rng.uniform(-0.15, 0.9) * width
        tone = mix(COLORS[str(rng.choice(list(COLORS)))], (0.5, 0.45, 0.4), rng.uniform(0.2, 0.7))
        foot = horizon + rng.uniform(0.0, 0.05) * height
        _paint(scene, x, foot - h, x + w, foot, tone)
        for k in range(int(rng.integers(1, 4))):
            _paint(scene, x + 2, foot - h * (k + 1) / 4, x + w - 2, foot - h * (k + 1) / 4 + 1, darker(tone, 0.7))
    if rng.random() < 0.5:
        x = rng.uniform(0, width)
        for _ in range(14):
            a, r = rng.uniform(-2.6, -0.5), height * rng.uniform(0.08, 0.2)
            tip = (int(x + r * np.cos(a)), int(horizon - height * 0.12 + r * np.sin(a)))
            cv2.line(scene, (int(x), int(horizon - height * 0.1)), tip, (46, 92, 52), max(1, height // 60), cv2.LINE_AA)
        _paint(scene, x - width * 0.03, horizon - height * 0.1, x + width * 0.03, horizon, (0.7, 0.62, 0.55))
