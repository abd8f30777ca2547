"""Which photo should find which: questions to a catalogue of real photos, with known answers.

The Magento catalogues show one variant (a product in one colour) from before, behind and close up. `luma` products that
no model was trained on and all of `venia` ask; the fronts of both shops, learned from or not, are what is searched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.quality.retrieval.fused_gallery import Exhibit, exhibit_photo
from engine.domain import Crop, Pixels, Product
from engine.errors import QueryRejected
from engine.taxonomy import Taxonomy
from engine.vision.crops import whole
from engine.vision.pipeline import VisionPipeline
from models.train.data.crops import magento_crops, masked
from models.train.data.pictures import read_pixels
from models.train.splits import is_luma_validation

Cut = Literal["served", "boxes"]
"""`served`: as ingest and a query cut it; `boxes`: by keypoints, less the white studio; none is missed."""
VIEWS = ("front", "back", "detail")


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture of a variant, `place` among its pictures; `product` is the same for all its colours."""

    path: Path
    place: int
    source: str
    product: str
    identity: str
    view: str
    label: str
    held_out: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A photo with its garment cut out; None where none was seen, or the gate refused it."""

    photo: Photo
    exhibit: Exhibit | None


@dataclass(frozen=True, slots=True)
class Question:
    """One query: its place among the shown, the identities that are right, and the products not to answer with."""

    asked: int
    wanted: frozenset[str]
    exclude: frozenset[str] = frozenset()


def read_photos(data: Path, taxonomy: Taxonomy) -> list[Photo]:
    """Every front, and the backs and details of what no training saw.

    Raises:
        QueryRejected: the folder holds no catalogue.
    """
    photos = photos_of_catalogue(data, taxonomy)
    return [p for p in photos if p.view == "front" or p.held_out]


def photos_of_catalogue(data: Path, taxonomy: Taxonomy) -> list[Photo]:
    """Every front, back and detail, learned from or not.

    Raises:
        QueryRejected: the folder holds no catalogue.
    """
    root = data / "magento_catalog"
    try:
        rows = [json.loads(line) for line in (root / "products.jsonl").read_text("utf-8").splitlines()]
    except OSError as error:
        raise QueryRejected(f"{data} has no magento_catalog; give the folder that holds it: {error}.") from error
    return [p for row in rows if row["class"] in taxonomy.classes for p in _photos_of(row, root) if p.view in VIEWS]


def _photos_of(row: Mapping[str, Any], root: Path) -> Iterator[Photo]:
    source = row["source"]
    held_out = source != "luma" or is_luma_validation(row["product_id"])
    for place, shown in enumerate(row["images"]):
        path = root / "images" / shown["file"]
        product, identity = f"{source}-{row['product_id']}", f"{source}-{row['variant_id']}"
        yield Photo(path, place, source, product, identity, shown["view"], row["class"], held_out)


def show_served(pipeline: VisionPipeline, photos: Sequence[Photo]) -> list[Shown]:
    """Fronts as ingest takes them, backs and details as a shopper's photo is looked at."""
    return [Shown(photo, _served(pipeline, photo)) for photo in photos]


def _served(pipeline: VisionPipeline, photo: Photo) -> Exhibit | None:
    pixels = read_pixels(photo.path)
    found = exhibit_photo(pipeline, as_product(photo), pixels, photo.label, query=photo.view != "front")
    if found is None and photo.view == "detail":  # The page offers the whole picture where no garment is seen.
        return _exhibit(photo, whole(pixels), pipeline.taxonomy)
    return found


def show_boxes(data: Path, photos: Sequence[Photo], taxonomy: Taxonomy) -> list[Shown]:
    """The crops that the embedder's card was always measured on."""
    crops: dict[str, list[Crop]] = {}
    for source in ("luma", "venia"):
        for record, crop in magento_crops(data / "magento_catalog", source, taxonomy):
            crops.setdefault(record.identity, []).append(Crop(masked(crop), crop[..., 3] > 127))
    return [Shown(p, _exhibit(p, crops[p.identity][p.place], taxonomy)) for p in photos]


def _exhibit(photo: Photo, crop: Crop, taxonomy: Taxonomy) -> Exhibit:
    return Exhibit(as_product(photo), photo.label, taxonomy.supercategory_of(photo.label), crop)


def as_product(photo: Photo) -> Product:
    """A variant as the only thing that the catalogue knows: no word about it."""
    return Product(product_id=photo.identity, title=photo.identity, link="", images=())


def back_to_front(shown: Sequence[Shown]) -> list[Question]:
    """From behind → the very variant from before."""
    return _of_view(shown, "back")


def detail_to_front(shown: Sequence[Shown]) -> list[Question]:
    """A close-up → the very variant from before."""
    return _of_view(shown, "detail")


def _of_view(shown: Sequence[Shown], view: str) -> list[Question]:
    fronts = {s.photo.identity for s in shown if s.photo.view == "front"}
    return [
        Question(n, frozenset({s.photo.identity}))
        for n, s in enumerate(shown)
        if s.photo.view == view and s.photo.identity in fronts
    ]


def other_color(shown: Sequence[Shown]) -> list[Question]:
    """A front → the same product in another colour, itself left out."""
    by_product: dict[str, set[str]] = {}
    for s in shown:
        if s.photo.view == "front":
            by_product.setdefault(s.photo.product, set()).add(s.photo.identity)
    return [
        Question(n, frozenset(by_product[s.photo.product] - {s.photo.identity}), frozenset({s.photo.identity}))
        for n, s in enumerate(shown)
        if s.photo.view == "front" and s.photo.held_out and len(by_product[s.photo.product]) > 1
    ]


TASKS: Mapping[str, Callable[[Sequence[Shown]], list[Question]]] = {
    "back_to_front": back_to_front,
    "detail_to_front": detail_to_front,
    "other_colour": other_color,
}


def pixels_of(shown: Shown) -> Pixels:
    """The crop's pixels; the whole photo where no garment was seen."""
    return shown.exhibit.crop.pixels if shown.exhibit else np.asarray(read_pixels(shown.photo.path))
