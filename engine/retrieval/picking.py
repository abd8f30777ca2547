"""Which garments of which photos are searched with: all that are seen, those a caller points at, or photos together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import Palette
from engine.domain import Box, Garment
from engine.errors import NoGarmentFound, QueryRejected
from engine.filters import EVERYTHING, Filter
from engine.retrieval.fusion import Weights
from engine.retrieval.query_text import unit_mean
from engine.retrieval.text_query import TextQuery
from engine.system.clock import Stopwatch
from engine.vision.crops import box_area
from engine.vision.photo_analysis import ImageQuery, PhotoAnalyzer, PhotoFeatures

MOST_PHOTOS = 5
MOST_GARMENTS = 16
_ON_IT = 0.1
"""How much of a box and a garment must lie in each other, for the box to be of its kind."""


@dataclass(frozen=True, slots=True)
class GarmentAsk:
    """What is asked of one garment: which it is (by one of the first four), and what differs from the whole search.

    Attributes:
        index: its place in the answer to the same photo without any `GarmentAsk`.
        point: x, y in pixels of the upright photo.
        where: conditions besides the search's own.
    """

    index: int | None = None
    supercategory: str | None = None
    box: Box | None = None
    point: tuple[float, float] | None = None
    text: TextQuery | None = None
    where: Filter = EVERYTHING
    weights: Weights | None = None
    k: int | None = None

    def __post_init__(self) -> None:
        named = [self.index is not None, self.box is not None, self.point is not None]
        if sum(named) > 1 or not (any(named) or self.supercategory):
            raise QueryRejected("Name a garment by one of 'index', 'supercategory', 'box' and 'point'.")


EVERY_GARMENT = GarmentAsk(index=0)
"""Stands for a garment that nobody asked for by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """One garment, in pixels of the whole upright photo, with what it is searched with.

    `photo` is the number of the photo that it was seen in, of several.
    """

    garment: Garment
    visual: NDArray[np.float32]
    semantic: NDArray[np.float32]
    color: str | None
    palette: Palette
    photo: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """The garments to answer for, each with what is asked of it; and the size of the (first) photo."""

    garments: tuple[tuple[Looked, GarmentAsk], ...]
    width: int
    height: int


def pick(
    analyzer: PhotoAnalyzer, photos: Sequence[bytes], query: ImageQuery, asks: Sequence[GarmentAsk], watch: Stopwatch
) -> Picked:
    """Look at the photos, and pick the garments.

    Raises:
        ImageUnreadable, ImageTooLarge: a photo.
        NoGarmentFound: nothing to search with, or nothing where the caller points.
        QueryRejected: parameters that do not fit together.
    """
    if not 1 <= len(photos) <= MOST_PHOTOS:
        raise QueryRejected(f"There are {len(photos)} photos; send 1 to {MOST_PHOTOS}.")
    if len(asks) > MOST_GARMENTS:
        raise QueryRejected(f"There are {len(asks)} garments; the most is {MOST_GARMENTS}.")
    if len(photos) > 1 and (query.box or query.whole_image or any(ask.box or ask.point for ask in asks)):
        raise QueryRejected("A box, a point or the whole image is of one photo; send one.")
    seen = [analyzer.look(data, _with_kind(analyzer, data, query, watch), watch) for data in photos]
    first, looked = seen[0], fused([looked_of(each, number) for number, each in enumerate(seen)])
    if not asks:
        return Picked(tuple((each, EVERY_GARMENT) for each in looked), first.width, first.height)
    picked = [(_named(analyzer, photos[0], looked, ask, watch), ask) for ask in asks]
    return Picked(tuple(picked), first.width, first.height)


def fused(photos: Sequence[Sequence[Looked]]) -> list[Looked]:
    """The garments of one photo as they are; of several, those of one supercategory as one, as it is first seen."""
    if len(photos) == 1:
        return list(photos[0])
    kinds: dict[str, list[Looked]] = {}
    for garments in photos:
        for supercategory in dict.fromkeys(each.garment.supercategory for each in garments):
            alike = [each for each in garments if each.garment.supercategory == supercategory]
            kinds.setdefault(supercategory, []).append(max(alike, key=lambda each: box_area(each.garment.box)))
    return [_mean(each) for each in kinds.values()]


def _mean(alike: Sequence[Looked]) -> Looked:
    visual, semantic = (unit_mean(np.stack([getattr(one, n) for one in alike])) for n in ("visual", "semantic"))
    if visual is None or semantic is None:
        return alike[0]
    colors = {one.color for one in alike}
    return replace(alike[0], visual=visual, semantic=semantic, color=alike[0].color if len(colors) == 1 else None)


def looked_of(seen: PhotoFeatures, photo: int = 0) -> list[Looked]:
    """The garments of one photo."""
    return [
        Looked(garment, seen.visual[i], seen.semantic[i], seen.colors[i], seen.palettes.row(i), photo)
        for i, garment in enumerate(seen.upright())
    ]


def _with_kind(analyzer: PhotoAnalyzer, data: bytes, query: ImageQuery, watch: Stopwatch) -> ImageQuery:
    """A query by a box alone, with the kind of the garment that is seen there."""
    if query.box is None or query.supercategories or query.whole_image:
        return query
    kind = _kind_at(analyzer, data, query.box, watch)
    return query if kind is None else replace(query, supercategories=(kind,))


def _kind_at(analyzer: PhotoAnalyzer, data: bytes, box: Box, watch: Stopwatch) -> str | None:
    try:
        garments = analyzer.look(data, ImageQuery(), watch).upright()
    except NoGarmentFound:
        return None
    best = max(garments, key=lambda garment: _overlap(garment.box, box))
    return best.supercategory if _overlap(best.box, box) >= _ON_IT else None


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    inner = (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    if not all(map(isfinite, other)) or inner[2] <= inner[0] or inner[3] <= inner[1]:
        return 0.0
    return box_area(inner) / (box_area(one) + box_area(other) - box_area(inner))


def _named(analyzer: PhotoAnalyzer, data: bytes, looked: Sequence[Looked], ask: GarmentAsk, watch: Stopwatch) -> Looked:
    if ask.box is not None:
        names = (ask.supercategory,) if ask.supercategory else None
        query = _with_kind(analyzer, data, ImageQuery(names, ask.box), watch)
        return looked_of(analyzer.look(data, query, watch))[0]
    if ask.point is not None:
        return _at(looked, ask.point)
    if ask.index is not None:
        if not 0 <= ask.index < len(looked):
            raise QueryRejected(f"There is no garment {ask.index}; the photo shows {len(looked)}, counted from 0.")
        return looked[ask.index]
    analyzer.pipeline.taxonomy.require_supercategory(ask.supercategory or "")
    found = [each for each in looked if ask.supercategory in each.garment.supercategories]
    if not found:
        raise NoGarmentFound(
            f"The photo shows no {(ask.supercategory or '').replace('_', ' ')}; point at it with a box."
        )
    return max(found, key=lambda each: (each.garment.supercategory == ask.supercategory, box_area(each.garment.box)))


def _at(looked: Sequence[Looked], point: tuple[float, float]) -> Looked:
    """The garment at a point: the smallest whose mask has it, else the smallest whose box has it."""
    for has in (_mask_has, _box_has):
        if found := [each for each in looked if has(each.garment, *point)]:
            return min(found, key=lambda each: box_area(each.garment.box))
    raise NoGarmentFound("There is no garment at this point of the photo; draw a box around it.")


def _box_has(garment: Garment, x: float, y: float) -> bool:
    x0, y0, x1, y1 = garment.box
    return x0 <= x < x1 and y0 <= y < y1


def _mask_has(garment: Garment, x: float, y: float) -> bool:
    if not _box_has(garment, x, y):
        return False
    column, row = int(x) - int(garment.box[0]), int(y) - int(garment.box[1])
    height, width = garment.mask.shape
    return bool(0 <= row < height and 0 <= column < width and garment.mask[row, column])
