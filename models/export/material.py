"""Pictures to calibrate and judge with: a shop's own, or drawn ones where it gives none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from engine.domain import Pixels
from engine.errors import InputRejected
from engine.vision.images import ImageLimits, decode_photo
from engine.vision.photo_analysis import ENOUGH_SIDE
from models.studio.catalogue import sample_outfit
from models.studio.figures.people import sample_person
from models.studio.render import render_look, render_product

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
SIZE = (480, 640)


def pictures_in(folder: Path, most: int, limits: ImageLimits, say: Callable[[str], object]) -> Iterator[Pixels]:
    """At most so many pictures of a folder and those below it, spread evenly; unreadable ones are told of."""
    for path in spread(sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS), most):
        try:
            yield decode_photo(path.read_bytes(), limits, ENOUGH_SIDE).pixels
        except InputRejected as error:
            say(f"{path}: {error.message}")


def spread(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many of them, at even distances, the first and the last included."""
    if len(paths) <= most:
        return list(paths)
    return [paths[i] for i in np.linspace(0, len(paths) - 1, most).round().astype(int)]


def drawn_pictures(count: int, seed: int = 0) -> Iterator[Pixels]:
    """Looks in the street and in the studio, and every fourth a product alone: what queries and catalogues are like."""
    for number in range(seed * 100_003, seed * 100_003 + count):
        person = sample_person(number)
        outfit = sample_outfit(number, person.gender)
        if number % 4 == 3:
            yield render_product(outfit[number % len(outfit)], SIZE, number).pixels
        else:
            backdrop = "street" if number % 2 else "white"
            yield render_look(outfit, person, "front", backdrop, SIZE, number, candid=bool(number % 2)).pixels
