"""Hits with their scores, and whether they were of the article that was asked with.

Products of a source ask for others of it, themselves left out, as a photo would; the first ten hits count, for these
are what a customer sees. Sources are those whose garments have labels of kinds: what no training saw of the Clothing
Dataset, of Luma and of CCP, and the unseen shop, which is only measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.generalise.retrieval import like_scored, read_shop
from benchmarks.quality.retrieval.crops import read_held_out, served_crop
from benchmarks.quality.retrieval.fused_gallery import Exhibit, catalogue, image_query, look_at
from engine.domain import Product
from engine.retrieval.search import Calibrations
from engine.vision.pipeline import VisionPipeline

BEST = 10
KINDS: Mapping[str, str] = {
    "short": "shorts", "pant": "pants", "tee": "t-shirt", "neck)": "t-shirt", "hoodlie": "hoodie", "pullie": "hoodie",
}  # fmt: skip
"""Luma's names of kinds, read off its titles."""
LEAST = 10
"""Garments of a kind that a source must have: of fewer there are not ten others to find."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Hits: their supercategories, scores and whether they were right; `halves` is 0 or 1 by the product that asked."""

    supercategories: NDArray[np.str_]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    halves: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> Scored:
        """Some of them."""
        return Scored(self.supercategories[kept], self.scores[kept], self.right[kept], self.halves[kept])


def held_out_answers(pipeline: VisionPipeline, calibrations: Calibrations, data: Path) -> Scored:
    """Of garments that no training saw, each source a shop of its own; only where it has several kinds of them."""
    held = read_held_out(data)
    found: list[tuple[str, float, bool, int]] = []
    for source in sorted({record.source for record in held.records}):
        places = [n for n, record in enumerate(held.records) if record.source == source]
        kinds = {n: KINDS.get(held.records[n].category, held.records[n].category) for n in places}
        exhibits = [
            Exhibit(
                Product(str(n), str(n), "", ()),
                held.records[n].label,
                held.taxonomy.supercategory_of(held.records[n].label),
                served_crop(held.crops[n]),
            )
            for n in places
        ]
        halves = {n: hashlib.sha256(held.records[n].product.encode()).digest()[0] % 2 for n in places}
        found += _asked(pipeline, calibrations, exhibits, kinds, halves)
    return _scored(found)


def _asked(
    pipeline: VisionPipeline,
    calibrations: Calibrations,
    exhibits: Sequence[Exhibit],
    kinds: Mapping[int, str],
    halves: Mapping[int, int],
) -> Iterator[tuple[str, float, bool, int]]:
    counted: dict[tuple[str, str], int] = {}
    for exhibit in exhibits:
        kind = exhibit.supercategory, kinds[int(exhibit.product.product_id)]
        counted[kind] = counted.get(kind, 0) + 1
    known = {kind for kind, count in counted.items() if count >= LEAST}
    several = {name for name, _ in known if sum(name == other for other, _ in known) > 1}
    looked = look_at(pipeline, exhibits)
    searcher = catalogue(pipeline, calibrations, looked)
    for row, exhibit in enumerate(exhibits):
        own = exhibit.product.product_id
        asked = kinds[int(own)]
        if exhibit.supercategory in several and (exhibit.supercategory, asked) in known:
            hits = searcher.search(image_query(looked, row, exclude={own}), [exhibit.supercategory], BEST)
            for hit in hits:
                yield exhibit.supercategory, hit.score, kinds[int(hit.product.product_id)] == asked, halves[int(own)]


def unseen_answers(pipeline: VisionPipeline, calibrations: Calibrations, data: Path) -> Scored:
    """Of the unseen shop, by its articles."""
    shop = read_shop(pipeline, data / "unseen_shop")
    articles = [fact["article"] for fact in shop.facts]
    found = [
        (name, score, articles[other] == articles[number], number % 2)
        for number, hits in enumerate(like_scored(pipeline, calibrations, shop))
        for name, score, other in hits
    ]
    return _scored(found)


def _scored(found: Sequence[tuple[str, float, bool, int]]) -> Scored:
    names, scores, right, halves = zip(*found, strict=True)
    return Scored(np.array(names), np.array(scores, np.float64), np.array(right, bool), np.array(halves, np.int64))
