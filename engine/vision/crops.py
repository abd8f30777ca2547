"""From a scene to crops: whose garments count, which pieces are one garment, and the cutting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Crop, Garment, Person, Pixels, Scene
from engine.taxonomy import Taxonomy

NEUTRAL = 255
"""Catalogue pictures are mostly shot on white, so white surroundings bring street and studio together."""
MARGIN = 0.04
"""Room around a garment's box, as a share of its longer side, so that outlines stay visible."""
SURE_PERSON = 0.5
"""Who scores less may be a rucksack or a tailor's dummy."""
MIN_ON_PERSON = 0.6
"""A garment with less of its box on its person is a mistake of the segmenter: a wall, a bush."""
MAX_PIECE_RATIO = 4.0
"""A less certain piece this many times larger than the best one is no piece of the same garment."""


def outer_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The integer box that holds `box`, within the image."""
    x0, y0, x1, y1 = box
    return max(0, floor(x0)), max(0, floor(y0)), min(width, ceil(x1)), min(height, ceil(y1))


def box_area(box: Box) -> float:
    """Pixels inside a box; 0 for an empty one."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(inner: Box, outer: Box) -> float:
    """The share of `inner` that lies in `outer`, 0 to 1."""
    meet = (max(inner[0], outer[0]), max(inner[1], outer[1]), min(inner[2], outer[2]), min(inner[3], outer[3]))
    area = box_area(inner)
    return box_area(meet) / area if area else 0.0


def union_box(boxes: Iterable[Box]) -> Box:
    """The smallest box around all."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def main_person(people: Sequence[Person], width: int, height: int) -> Person | None:
    """The person the photo is of: large, central, and surely a person."""

    def prominence(person: Person) -> float:
        x0, _, x1, _ = person.box
        offset = abs((x0 + x1) / 2 - width / 2) / (width / 2)
        return box_area(person.box) / (width * height) * (1 - 0.5 * offset) * person.score

    return max(people, key=prominence, default=None)


def of_main_person(scene: Scene, width: int, height: int) -> tuple[Garment, ...]:
    """Garments of the main person; all of them where no person was seen.

    A garment belongs to the person whose box holds most of it; on a tie, to the main one.
    """
    main = main_person(scene.people, width, height)
    if main is None:
        return scene.garments
    others = [p for p in scene.people if p is not main]

    def is_main(garment: Garment) -> bool:
        here = overlap(garment.box, main.box)
        return here >= MIN_ON_PERSON and all(overlap(garment.box, other.box) <= here for other in others)

    return tuple(g for g in scene.garments if is_main(g))


def merge_pieces(garments: Sequence[Garment], taxonomy: Taxonomy) -> tuple[Garment, ...]:
    """Join pieces of one garment: two shoes are one pair, the halves of an open coat one coat.

    Expects the garments of one person. Best score first. A piece far larger than the class's
    best one is left out. What a person is seen to wear is no doubtful name of another garment:
    whoever wears a coat over a top is not asked whether the top is a coat.
    """
    merged: list[Garment] = []
    for label, pieces in groupby(sorted(garments, key=lambda g: g.label), key=lambda g: g.label):
        rows = sorted(pieces, key=lambda g: -g.score)
        merged.extend([_join(rows)] if taxonomy.classes[label].merge else rows)
    worn = {garment.supercategory for garment in merged}
    settled = (replace(g, also=tuple(n for n in g.also if n not in worn)) if g.also else g for g in merged)
    return tuple(sorted(settled, key=lambda g: -g.score))


def _join(pieces: Sequence[Garment]) -> Garment:
    largest = MAX_PIECE_RATIO * pieces[0].mask.sum()
    pieces = [piece for piece in pieces if piece.mask.sum() <= largest]
    if len(pieces) == 1:
        return pieces[0]
    box = union_box(p.box for p in pieces)
    x0, y0 = floor(box[0]), floor(box[1])
    mask = np.zeros((ceil(box[3]) - y0, ceil(box[2]) - x0), bool)
    for piece in pieces:
        top, left = floor(piece.box[1]) - y0, floor(piece.box[0]) - x0
        height, width = piece.mask.shape
        mask[top : top + height, left : left + width] |= piece.mask
    best = pieces[0]
    polygons = tuple(polygon for piece in pieces for polygon in piece.polygons)
    return replace(best, box=box, mask=mask, polygons=polygons)


def cut(image: Pixels, garment: Garment) -> Crop:
    """Cut one garment out, with a margin, its surroundings painted white."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = outer_box(garment.box, width, height)
    mask = garment.mask[: y1 - y0, : x1 - x0]
    pad = round(MARGIN * max(y1 - y0, x1 - x0))
    pixels = np.full((y1 - y0 + 2 * pad, x1 - x0 + 2 * pad, 3), NEUTRAL, np.uint8)
    inside = pixels[pad : pad + y1 - y0, pad : pad + x1 - x0]
    cv2.copyTo(np.ascontiguousarray(image[y0:y1, x0:x1]), np.ascontiguousarray(mask).view(np.uint8), inside)
    return Crop(pixels, np.pad(mask, pad))


def whole(image: Pixels) -> Crop:
    """The picture as one crop, nothing masked."""
    return Crop(image, np.ones(image.shape[:2], bool))


def box_garment(label: str, supercategory: str, box: Box, width: int, height: int) -> Garment:
    """A garment that a caller points at with a box: every pixel in it counts."""
    x0, y0, x1, y1 = outer_box(box, width, height)
    mask: NDArray[np.bool_] = np.ones((y1 - y0, x1 - x0), bool)
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return Garment(label, supercategory, 1.0, (x0, y0, x1, y1), mask, (corners,))
