"""Is a product found in the right supercategory where its words say nothing? On an unseen shop and on flat-lays.

A picture goes the way of the ingest, gate and choice of the garment and all, as that of a product whose title and
category name no garment. One that is not indexed counts as wrong.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.quality.generalise.sheet import write_sheet
from benchmarks.quality.report import Target
from engine.domain import Pixels
from engine.retrieval.search import Calibrations
from engine.taxonomy import Taxonomy
from ingest.run.dependencies import ImageAnalysis
from ingest.run.select_image import Picture, select_image
from models.train.data.pictures import read_pixels
from models.train.data.products import FLAT_LAY_CLASSES
from models.train.splits import is_left_out

UPRIGHT = (360, 480)
"""Width and height that the unseen shop's squeezed pictures get back."""
TARGET = 0.97
NOTHING = "not indexed"


@dataclass(frozen=True, slots=True)
class Sold:
    """A picture of one product, and what it is.

    Attributes:
        label: the taxonomy's class.
        size: width and height to look at it in, or None for those that it has.
    """

    path: Path
    label: str
    size: tuple[int, int] | None = None

    def pixels(self) -> Pixels:
        """The picture, RGB."""
        pixels = read_pixels(self.path)
        return np.asarray(Image.fromarray(pixels).resize(self.size, Image.Resampling.BICUBIC)) if self.size else pixels


@dataclass(frozen=True, slots=True)
class Answer:
    """What a product is (its supercategory), and under which it is indexed."""

    sold: Sold
    wanted: str
    got: str


def unseen_shop(root: Path, taxonomy: Taxonomy) -> Iterator[Sold]:
    """The unseen shop's products of a class that thatlook serves."""
    for row in map(json.loads, (root / "products.jsonl").read_text("utf-8").splitlines()):
        if row["class"] in taxonomy.classes:
            yield Sold(root / "images" / row["file"], row["class"], UPRIGHT)


def left_out_flat_lays(root: Path, taxonomy: Taxonomy) -> Iterator[Sold]:
    """Flat-lays that no training saw and no threshold was chosen by; those of its `validation` are for choices."""
    with (root / "images.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["label"] in FLAT_LAY_CLASSES and is_left_out(row)]
    for row in (row for row in rows if row["split_small"] != "validation"):
        path = root / "images" / f"{row['image'].removesuffix('.jpg')}.jpg"
        label = FLAT_LAY_CLASSES[row["label"]]
        if label in taxonomy.classes and path.exists():
            yield Sold(path, label)


def measure(
    pipeline: ImageAnalysis, _calibrations: Calibrations | None, data: Path, sheet: Path | None = None
) -> Mapping[str, Any]:
    """Both sources, by class."""
    sources = {
        "unseen_shop": list(unseen_shop(data / "unseen_shop", pipeline.taxonomy)),
        "flat_lays": list(left_out_flat_lays(data / "clothing_dataset", pipeline.taxonomy)),
    }
    figures = {}
    for name, products in sources.items():
        answers = [answer(pipeline, product) for product in products]
        figures[name] = figures_of(answers)
        if sheet is not None:
            wrong = [a for a in answers if a.got != a.wanted]
            write_sheet(sheet / f"supercategory_{name}.png", [(a.sold.pixels(), f"{a.wanted}: {a.got}") for a in wrong])
    return figures


def answer(pipeline: ImageAnalysis, product: Sold) -> Answer:
    """Where a product without any words is indexed."""
    chosen, _ = select_image(pipeline, [Picture(product.path.name, product.pixels())], None, "prefer")
    got = chosen.garment.supercategory if chosen else NOTHING
    return Answer(product, pipeline.taxonomy.supercategory_of(product.label), got)


def figures_of(answers: Sequence[Answer]) -> dict[str, Any]:
    """Shares of all and of each class, and what is taken for what."""
    taken = Counter((a.sold.label, a.got) for a in answers if a.got != a.wanted)
    labels = dict.fromkeys(a.sold.label for a in answers)
    return {
        "all": _share(answers),
        "classes": {label: _share(a for a in answers if a.sold.label == label) for label in labels},
        "wrong": [{"class": label, "answered": got, "products": n} for (label, got), n in taken.most_common()],
    }


def _share(answers: Iterable[Answer]) -> dict[str, float | int]:
    rows = list(answers)
    right, lost = sum(a.got == a.wanted for a in rows), sum(a.got == NOTHING for a in rows)
    count = max(1, len(rows))
    return {"products": len(rows), "right_supercategory": right / count, "not_indexed": lost / count}


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """The share that is to be right, of each source."""
    return [
        Target(f"{name}, right supercategory", TARGET, row["all"]["right_supercategory"])
        for name, row in figures.items()
    ]


def rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Each source whole and by class."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, row in figures.items():
        found[name] = row["all"]
        found |= {f"{name}: {label}": share for label, share in row["classes"].items()}
    return found
