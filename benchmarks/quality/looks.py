"""`thatlook eval looks`: of how many street looks does every garment get something fitting among its first ten hits?

A whole photo goes the way of a shopper's: garments found, cut and searched with one by one. Each garment that the masks
of Clothing Co-Parsing show (its validation photos, which no training saw) wants a hit of its kind, and in the stricter
figure of its kind and colour too. The catalogue is made of garments that no training saw either: flat-lays, Luma's
fronts, and what people wear in the other photos. A garment that is not seen has found nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.report import Target
from benchmarks.quality.retrieval.crops import HeldOut, read_held_out, served_crop
from benchmarks.quality.retrieval.fused_gallery import Exhibit, catalogue, image_query, look_at
from engine.domain import Product
from engine.retrieval.search import Calibrations, Searcher
from engine.vision.crops import cut
from engine.vision.pipeline import VisionPipeline
from models.train.data.pictures import read_pixels

BEST = 10
CHOICE = 10
"""Garments of a kind (and colour) that the catalogue must have, or nobody could find one."""
_SAME: Mapping[str, Sequence[str]] = {
    "t-shirts and tops": ("t-shirt", "tee", "tank", "top", "neck)"),
    "shirts": ("shirt", "blouse"),
    "knits": ("sweater", "jumper", "longsleeve", "hoodie", "hoodlie", "pullie", "sweatshirt"),
    "trousers": ("pants", "pant", "jeans", "leggings"),
    "shorts": ("shorts", "short"),
    "skirts": ("skirt",),
    "dresses": ("dress", "romper"),
    "coats and jackets": ("outwear", "coat", "jacket", "blazer", "suit", "cape", "cardigan", "vest"),
    "shoes": ("shoes", "boots", "sandals", "loafers", "pumps", "heels", "flats", "sneakers", "wedges", "clogs"),
}
KIND_OF: Mapping[str, str] = {word: kind for kind, words in _SAME.items() for word in words}
"""A source's word for a kind → what shoppers take for the same."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One garment of a look, and whether something of its kind, and in its colour, was among the first ten."""

    supercategory: str
    kind: str
    by_kind: bool
    by_color: bool | None


@dataclass(frozen=True, slots=True)
class Look:
    """One photo with its garments; at least one."""

    photo: str
    garments: tuple[Wanted, ...]

    def holds(self, *, colors: bool) -> bool | None:
        """Whether every garment was answered; None where the catalogue could not answer every one in its colour."""
        if not colors:
            return all(garment.by_kind for garment in self.garments)
        if any(garment.by_color is None for garment in self.garments):
            return None
        return all(garment.by_color for garment in self.garments)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What is searched: the held-out garments by number, as products of that name."""

    held: HeldOut
    searcher: Searcher
    rows: frozenset[int]

    def kind(self, row: int) -> str:
        """What shoppers take it for."""
        return KIND_OF.get(self.held.records[row].category, "")

    def choice(self, row: int, *, color: bool) -> int:
        """How many others, of other photos, would fit it."""
        mine = self.held.records[row]
        return sum(
            self.kind(other) == self.kind(row)
            and photo_of(self.held, other) != photo_of(self.held, row)
            and (not color or bool(set(mine.colours) & set(self.held.records[other].colours)))
            for other in self.rows
        )


def evaluate_looks(pipeline: VisionPipeline, calibrations: Calibrations, data: Path) -> dict[str, Any]:
    """Shares of looks and of garments that are answered."""
    return looks_figures(measure_looks(pipeline, calibrations, data, read_held_out(data)))


def measure_looks(pipeline: VisionPipeline, calibrations: Calibrations, data: Path, held: HeldOut) -> list[Look]:
    """Every validation photo, answered."""
    kept = [row for row, record in enumerate(held.records) if record.category in KIND_OF]
    exhibits = [
        Exhibit(
            Product(str(row), str(row), "", ()),
            held.records[row].label,
            held.taxonomy.supercategory_of(held.records[row].label),
            served_crop(held.crops[row]),
        )
        for row in kept
    ]
    searcher = catalogue(pipeline, calibrations, look_at(pipeline, exhibits))
    shop = Catalogue(held, searcher, frozenset(kept))
    photos: dict[str, list[int]] = {}
    for row in kept:
        if held.records[row].source == "ccp":
            photos.setdefault(photo_of(held, row), []).append(row)
    return [
        look
        for photo, rows in photos.items()
        if (look := _answered(pipeline, shop, data / "ccp" / "images" / f"{photo}.jpg", photo, rows)).garments
    ]


def photo_of(held: HeldOut, row: int) -> str:
    """The street photo that a garment is of; its own name where it is of none."""
    record = held.records[row]
    return record.product.split("-")[1] if record.source == "ccp" else f"{record.source} {row}"


def _answered(pipeline: VisionPipeline, shop: Catalogue, path: Path, photo: str, rows: Sequence[int]) -> Look:
    """The look's garments, each looked for among the hits of every supercategory in which one was found."""
    pixels = read_pixels(path)
    own = frozenset(str(row) for row in rows)
    hits: dict[str, list[int]] = {}
    for garment in pipeline.garments(pixels):
        asks = Exhibit(Product("asked", "", "", ()), garment.label, garment.supercategory, cut(pixels, garment))
        query = image_query(look_at(pipeline, [asks]), 0, exclude=own)
        found = shop.searcher.search(query, garment.supercategories, BEST)
        for name in garment.supercategories:
            hits.setdefault(name, []).extend(int(hit.product.product_id) for hit in found)
    wanted = [row for row in rows if shop.choice(row, color=False) >= CHOICE]
    return Look(photo, tuple(_wanted(shop, row, hits) for row in wanted))


def _wanted(shop: Catalogue, row: int, hits: Mapping[str, Sequence[int]]) -> Wanted:
    record = shop.held.records[row]
    supercategory = shop.held.taxonomy.supercategory_of(record.label)
    fitting = [other for other in hits.get(supercategory, ()) if shop.kind(other) == shop.kind(row)]
    in_color = any(set(record.colours) & set(shop.held.records[other].colours) for other in fitting)
    enough = shop.choice(row, color=True) >= CHOICE
    return Wanted(supercategory, shop.kind(row), bool(fitting), in_color if enough else None)


def looks_figures(looks: Sequence[Look]) -> dict[str, Any]:
    """The look-level shares, and those of garments by kind."""
    told = [look.holds(colors=True) for look in looks]
    in_color = [each for each in told if each is not None]
    garments = [garment for look in looks for garment in look.garments]
    kinds = dict.fromkeys(sorted(garment.kind for garment in garments))
    return {
        "looks": {
            "looks": len(looks),
            "every_garment_of_its_kind": _mean([look.holds(colors=False) for look in looks]),
            "looks_with_colors": len(in_color),
            "every_garment_of_its_kind_and_color": _mean(in_color),
        },
        "garments": {"all": _shares(garments)}
        | {kind: _shares([garment for garment in garments if garment.kind == kind]) for kind in kinds},
    }


def _shares(garments: Sequence[Wanted]) -> dict[str, float]:
    in_color = [garment.by_color for garment in garments if garment.by_color is not None]
    return {
        "garments": float(len(garments)),
        "of_its_kind": _mean([garment.by_kind for garment in garments]),
        "of_its_kind_and_color": _mean(in_color),
    }


def _mean(values: Sequence[bool | None]) -> float:
    return float(np.mean([bool(value) for value in values])) if values else 0.0


def targets(figures: Mapping[str, Any], least: float = 0.75) -> list[Target]:
    """Three looks in four."""
    return [Target("looks, every garment of its kind", least, figures["looks"]["every_garment_of_its_kind"])]


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """For people: looks first, then garments by kind."""
    return {"looks": figures["looks"]} | {f"garments: {kind}": row for kind, row in figures["garments"].items()}
