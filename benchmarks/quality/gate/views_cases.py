"""Pictures and what they are views of: two catalogues' fronts, backs and details, and people drawn from four sides.

People drawn for this have seeds far from every training's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from benchmarks.quality.gate.cases import catalogue_pictures
from engine.domain import Pixels, View
from models.studio.catalogue import sample_outfit
from models.studio.figures.people import sample_person
from models.studio.output.feed import STUDIO
from models.studio.render import render_look
from models.studio.spec import Framing
from models.train.data.pictures import read_pixels

Shown = Literal["front", "back", "left", "right", "detail"]
Part = Literal["tops", "bottoms"]
VIEWS: tuple[Shown, ...] = ("front", "back", "left", "right", "detail")
PARTS: tuple[Part, ...] = ("tops", "bottoms")
DRAWN_SEED = 9_100_000
"""Far from every seed of a training; the people drawn from it are for measuring alone."""
DRAWN_EACH = 20
"""Drawn people of each view and part."""
_FRAMINGS: Mapping[Part, tuple[Framing, ...]] = {"tops": ("full", "waist_up", "knees_up"), "bottoms": ("waist_down",)}


@dataclass(frozen=True, slots=True, eq=False)
class ViewCase:
    """A picture and what it is a view of."""

    source: str
    part: Part
    name: str
    pixels: Pixels
    shown: Shown


def catalogue_views(root: Path) -> Iterator[ViewCase]:
    """Held-out Luma products and all of Venia: fronts, backs and details by their file names, checked by eye."""
    shown: Mapping[str, Shown] = {"front": "front", "back": "back", "detail": "detail"}
    for source, garment, view, name in catalogue_pictures(root):
        part: Part = "bottoms" if garment == "lower_wear" else "tops"
        yield ViewCase(source, part, name, read_pixels(root / "images" / name), shown[view])


def drawn_views(
    each: int = DRAWN_EACH, seed: int = DRAWN_SEED, size: tuple[int, int] = (360, 480)
) -> Iterator[ViewCase]:
    """Generated people before a shop's wall from four sides, as many of each, and close-ups of them."""
    for part in PARTS:
        for view in VIEWS:
            for number in range(each):
                yield _drawn(
                    part, view, seed + number + 1000 * (PARTS.index(part) * len(VIEWS) + VIEWS.index(view)), size
                )


def _drawn(part: Part, shown: Shown, seed: int, size: tuple[int, int]) -> ViewCase:
    rng = np.random.default_rng([seed, 51])
    person = sample_person(seed)
    view: View = "front" if shown == "detail" else shown
    framings = _FRAMINGS[part]
    framing = framings[int(rng.integers(len(framings)))]
    outfit = sample_outfit(seed, person.gender, neutral=True)
    look = render_look(outfit, person, view, str(rng.choice(STUDIO)), size, seed, framing=framing)
    pixels = _piece(look.pixels, look.people[0].box, rng) if shown == "detail" else look.pixels
    return ViewCase("drawn", part, f"{shown}-{seed}", pixels, shown)


def _piece(pixels: Pixels, box: Sequence[float], rng: np.random.Generator) -> Pixels:
    """A piece inside of a person, a tenth to a fifth of their height, enlarged to the whole picture's height."""
    x0, y0, x1, y1 = box
    height = rng.uniform(0.1, 0.2) * (y1 - y0)
    width = min(0.75 * height, 0.8 * (x1 - x0))
    left, top = x0 + rng.uniform(0.2, 0.8) * (x1 - x0 - width), y0 + rng.uniform(0.25, 0.75) * (y1 - y0 - height)
    piece = pixels[int(top) : int(top + height), max(0, int(left)) : int(left + width)]
    size = round(pixels.shape[0] * piece.shape[1] / piece.shape[0]), pixels.shape[0]
    return np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_CUBIC), np.uint8)
