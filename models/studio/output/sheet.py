"""Contact sheets: many pictures on one, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.domain import Pixels, View
from models.studio.backdrops import BACKGROUNDS
from models.studio.catalogue import sample_catalogue, sample_outfit
from models.studio.figures.people import sample_person
from models.studio.render import render_look, render_product

VIEWS: tuple[View, ...] = ("front", "front", "back", "front", "left", "right")


def contact_sheet(pictures: Sequence[Pixels], columns: int, gap: int = 6) -> Pixels:
    """Pictures of one size in rows, on white."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for k, picture in enumerate(pictures):
        y, x = gap + (k // columns) * (height + gap), gap + (k % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = picture
    return sheet


def look_sheet(n: int, columns: int, seed: int, size: tuple[int, int], kind: str | None = None) -> Pixels:
    """People in varied views and places; all wear the kind, if one is given."""
    shop = sample_catalogue(n, seed, [kind] if kind else None)
    pictures = []
    for k, product in enumerate(shop):
        person = sample_person(seed + k, product.gender)
        outfit = sample_outfit(seed + k, person.gender, product, neutral=kind is not None)
        scene = BACKGROUNDS[(k * 5 + k // columns) % len(BACKGROUNDS)]
        candid = scene in BACKGROUNDS[3:]
        pictures.append(
            render_look(
                outfit,
                person,
                VIEWS[k % 6],
                scene,
                size,
                seed + k,
                bystanders=int(candid and k % 4 == 1),
                candid=candid,
            ).pixels
        )
    return contact_sheet(pictures, columns)


def product_sheet(n: int, columns: int, seed: int, size: tuple[int, int], kind: str | None = None) -> Pixels:
    """Products alone, as ghosts and flat-lays."""
    shop = sample_catalogue(n, seed, [kind] if kind else None)
    return contact_sheet(
        [
            render_product(p, size, seed + k, presentation="flat" if k % 3 == 2 else "ghost").pixels
            for k, p in enumerate(shop)
        ],
        columns,
    )
