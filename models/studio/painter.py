"""Painting pieces: coverage, cloth, creases, light and contact shadow, with an owner per pixel as exact truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.studio.figures.body import Points
from models.studio.figures.cloth import SPAN, TEXELS, Swatch
from models.studio.figures.pieces import Field, Fold, Mark, Piece, Stroke
from models.studio.noise import SIZE, tile

COARSE = 4
"""Light and cloth coordinates vary slowly: they are computed on a grid this much coarser, and enlarged."""
SHIFT = 4
"""Sub-pixel bits of polygon coordinates."""


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from (x: -1 left to 1 right), how soft it is, how much of the picture is in shade."""

    x: float = -0.3
    ambient: float = 0.62
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Picture space (body heights) → pixels: multiply by `scale`, add (x, y)."""

    scale: float
    x: float
    y: float

    def pixels(self, points: Points) -> Points:
        """Points in pixels."""
        return np.asarray(points * self.scale + np.array([self.x, self.y]))


class Painter:
    """One picture in the making: colours (H, W, 3) float32 0 to 1, and the owner of every pixel.

    Owners are numbers: 0 the background, and what the caller gives its pieces.
    """

    def __init__(self, backdrop: Field, light: Light) -> None:
        self.canvas = backdrop
        self.owners: NDArray[np.uint8] = np.zeros(backdrop.shape[:2], np.uint8)
        self.light = light
        u = np.linspace(-1, 1, 256)
        z = np.sqrt(1 - 0.97 * u**2)
        lz = np.sqrt(max(0.1, 1 - light.x**2))
        lambert = np.maximum(0, u * light.x + z * lz)
        self._round = (light.ambient + (1 - light.ambient) * lambert).astype(np.float32) * np.float32(1.04)
        self._shine = np.exp(-(((u - 0.62 * light.x) / 0.16) ** 2)).astype(np.float32)

    def paint(self, marks: Sequence[Mark], place: Placement) -> None:
        """Paint marks in their order."""
        for index, mark in enumerate(sorted(marks, key=lambda m: m.order)):
            if isinstance(mark, Stroke):
                self._stroke(mark, place)
            else:
                self._piece(mark, place, index)

    def _window(self, low: Points, high: Points, margin: int) -> tuple[int, int, int, int] | None:
        height, width = self.owners.shape
        x0, y0 = max(0, int(low[0]) - margin), max(0, int(low[1]) - margin)
        x1, y1 = min(width, int(high[0]) + margin + 2), min(height, int(high[1]) + margin + 2)
        return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None

    def _piece(self, piece: Piece, place: Placement, index: int) -> None:
        outlines = [place.pixels(p) for p in piece.fills]
        stacked = np.concatenate(outlines)
        reach = round(0.022 * place.scale) if piece.shadow else 1
        window = self._window(stacked.min(0), stacked.max(0), reach + 1)
        if window is None:
            return
        x0, y0, x1, y1 = window
        mask = _coverage(outlines, [place.pixels(cut) for cut in piece.cuts], window)
        owners = self.owners[y0:y1, x0:x1]
        if piece.clip:
            mask[owners != piece.owner] = 0
        if piece.fade:
            rows = (np.arange(y0, y1) - place.y) / place.scale
            ramp = np.clip((rows - piece.fade[0]) / (piece.fade[1] - piece.fade[0]), 0, 1).astype(np.float32)
            alpha = mask.astype(np.float32) * (ramp / 255)[:, None]
        else:
            alpha = mask.astype(np.float32) * np.float32(1 / 255)
        under = self.canvas[y0:y1, x0:x1]
        if piece.shadow:
            self._cast(under, owners, mask, piece, reach)
        color = self._cloth(piece, place, window, index)
        self.canvas[y0:y1, x0:x1] = cv2.blendLinear(color, np.ascontiguousarray(under), alpha, 1 - alpha)
        owners[mask > 127 if piece.fade is None else (alpha > 0.5)] = piece.owner

    def _cast(self, under: Field, owners: NDArray[np.uint8], mask: NDArray[np.uint8], piece: Piece, reach: int) -> None:
        """Darken what the piece touches: a blurred, shifted copy of its outline, on the same person only."""
        small = mask[::4, ::4]
        size = max(3, (reach // 4) | 1)
        soft = cv2.blur(small, (size, size)).astype(np.float32) * np.float32(piece.shadow / 255)
        shift = np.array([[4, 0, -self.light.x * reach * 0.5], [0, 4, reach * 0.35]])
        shade = cv2.warpAffine(soft, shift, (mask.shape[1], mask.shape[0]))
        shade[(owners == 0) | (owners == piece.owner)] = 0
        under *= (1 - shade)[..., None]

    def _cloth(self, piece: Piece, place: Placement, window: tuple[int, int, int, int], index: int) -> Field:
        x0, y0, x1, y1 = window
        width, height = x1 - x0, y1 - y0
        w, h = max(2, width // COARSE), max(2, height // COARSE)
        x = ((x0 + (np.arange(w) + 0.5) * width / w - place.x) / place.scale).astype(np.float32)[None, :]
        y = ((y0 + (np.arange(h) + 0.5) * height / h - place.y) / place.scale).astype(np.float32)[:, None]
        u, cloth_x, cloth_y = piece.frame.locate(x, y)
        swatch = piece.swatch
        relief = self._relief(piece.folds, cloth_x, cloth_y, index) * np.float32(swatch.fold) if piece.folds else None
        level = np.clip(u * 127.5 + 128, 0, 255).astype(np.uint8)
        flat = piece.flat
        shade = (
            np.full(u.shape, self.light.ambient + (1 - self.light.ambient) * 0.94, np.float32)
            if flat
            else cv2.LUT(level, self._round)
        )
        if relief is not None:
            shade = shade * (1 + relief)
        shine = None
        if swatch.gloss:
            shine = cv2.LUT(level, self._shine) if not flat else np.full(u.shape, 0.25, np.float32)
            if relief is not None:
                shine = shine * np.clip(0.6 + 3.5 * relief, 0, 2.2) + np.clip(relief * 1.6 - 0.12, 0, 1)
            shine = cv2.resize(shine * np.float32(swatch.gloss * 0.5), (width, height))
        shade = cv2.resize(shade * np.float32(piece.lift * swatch.tint), (width, height))
        color = self._albedo(piece, swatch, cloth_x, cloth_y, relief, place, (width, height))
        color *= shade[..., None]
        if shine is not None:
            color += shine[..., None] * (np.float32(1.0) - color)
        return color

    def _relief(self, folds: tuple[Fold, ...], cloth_x: Field, cloth_y: Field, index: int) -> Field:
        total = np.zeros(cloth_x.shape, np.float32)
        for number, fold in enumerate(folds):
            at, strength = np.array(fold.knots, np.float32).T
            weight = np.interp(cloth_y[:, 0] if _rows_only(cloth_y) else cloth_y, at, strength).astype(np.float32)
            if weight.ndim == 1:
                weight = weight[:, None]
            offset = (
                (self.light.seed * 97 + index * 61 + number * 29) % 251,
                (self.light.seed * 43 + index * 17) % 241,
            )
            map_x = cloth_x * np.float32(SIZE / fold.width) + np.float32(offset[0] + 4 * SIZE)
            map_y = cloth_y * np.float32(SIZE / fold.height) + np.float32(offset[1] + 4 * SIZE)
            noise = cv2.remap(tile(fold.tile, number), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            total += noise * weight
        return total

    def _albedo(
        self,
        piece: Piece,
        swatch: Swatch,
        cloth_x: Field,
        cloth_y: Field,
        relief: Field | None,
        place: Placement,
        size: tuple[int, int],
    ) -> Field:
        """The cloth's own colour, (h, w, 3); creases push the pattern aside."""
        color: Field
        bumped = cloth_x if relief is None else cloth_x + relief * np.float32(0.006)
        if swatch.tile is not None:
            texels = TEXELS
            picture: NDArray[np.uint8] = swatch.tile
            if place.scale < 0.45 * TEXELS / SPAN:
                texels = TEXELS // 2
                picture = np.asarray(cv2.resize(picture, (texels, texels), interpolation=cv2.INTER_AREA), np.uint8)
            color = _sample(picture, bumped, cloth_y, texels / SPAN, size).astype(np.float32) * np.float32(1 / 255)
        else:
            color = np.empty((size[1], size[0], 3), np.float32)
            color[:] = swatch.color
        if piece.block is not None:
            at, second = piece.block
            full = cv2.resize(np.ascontiguousarray(cloth_y), size)
            weight = np.clip((full - np.float32(at)) * np.float32(place.scale * 0.5) + 0.5, 0, 1)[..., None]
            color += weight * (np.array(second.color, np.float32) - color)
        if swatch.weave is not None and place.scale > 150:
            weave = _sample(swatch.weave, cloth_x, cloth_y, swatch.weave.shape[0] / swatch.weave_span, size)
            color *= weave[..., None]
        return color

    def _stroke(self, stroke: Stroke, place: Placement) -> None:
        lines = [place.pixels(p) for p in stroke.lines]
        if not lines:
            return
        stacked = np.concatenate(lines)
        radius = max(0.5, stroke.width * place.scale / 2)
        window = self._window(stacked.min(0), stacked.max(0), round(radius) + 2)
        if window is None:
            return
        x0, y0, x1, y1 = window
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        fixed = [_fixed(line, x0, y0) for line in lines]
        if stroke.dots:
            for point in np.concatenate(fixed):
                cv2.circle(mask, (int(point[0]), int(point[1])), round(radius * 2**SHIFT), 255, -1, cv2.LINE_AA, SHIFT)
        else:
            cv2.polylines(mask, fixed, False, 255, max(1, round(radius * 2)), cv2.LINE_AA, SHIFT)
        owners = self.owners[y0:y1, x0:x1]
        if stroke.clip:
            mask[owners != stroke.owner] = 0
        thin = min(1.0, stroke.width * place.scale)
        alpha = mask.astype(np.float32) * np.float32(stroke.alpha * thin / 255)
        under = self.canvas[y0:y1, x0:x1]
        under += alpha[..., None] * (np.array(stroke.color, np.float32) - under)
        if not stroke.clip:
            owners[mask > 127] = stroke.owner


def _rows_only(field: Field) -> bool:
    return field.strides[1] == 0


def _coverage(fills: Sequence[Points], cuts: Sequence[Points], window: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """How much of each pixel the outlines cover, 0 to 255: drawn twice as large and reduced."""
    x0, y0, x1, y1 = window
    large = np.zeros((2 * (y1 - y0), 2 * (x1 - x0)), np.uint8)
    for level, outlines in ((255, fills), (0, cuts)):
        for outline in outlines:
            cv2.fillPoly(large, [_fixed(outline * 2, 2 * x0, 2 * y0)], level, shift=SHIFT)
    return np.asarray(cv2.resize(large, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA), np.uint8)


def _fixed(points: Points, x0: int, y0: int) -> NDArray[np.int32]:
    return np.asarray(np.round((points - (x0 + 0.5, y0 + 0.5)) * 2**SHIFT), np.int32)


def _sample(
    picture: NDArray[np.float32] | NDArray[np.uint8], x: Field, y: Field, density: float, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Sample a wrapping tile at cloth coordinates of a coarse grid, at full size."""
    n = picture.shape[0]
    map_x = cv2.resize(x * np.float32(density) + np.float32(4 * n), size)
    map_y = cv2.resize(y * np.float32(density) + np.float32(4 * n), size)
    return np.asarray(cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
