"""`thatlook eval sides`: does it pay to index a product's other sides beside its best picture?

The two Magento catalogues again, asked from behind, with close-ups and with other colours. Whoever asks with a photo of
the catalogue never finds that very photo: its row is left out, while all other products have theirs, so that what
further rows cost is measured too. One task asks with what a shopper copies from the shop's own page: the same picture,
smaller, cut, darker and compressed; there the row stays.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.retrieval.cases import VIEWS, Photo, as_product, photos_of_catalogue
from benchmarks.quality.retrieval.fused_gallery import (
    Exhibit,
    Looked,
    catalogue,
    exhibit_photo,
    hit_rates,
    image_query,
    look_at,
)
from engine.domain import SPACES, Pixels
from engine.retrieval.search import MAX_K, Calibrations, Searcher
from engine.vision.pipeline import VisionPipeline
from models.train.data.pictures import read_pixels

WAYS: Mapping[str, frozenset[str]] = {
    "the best picture": frozenset({"front"}),
    "and its back": frozenset({"front", "back"}),
    "and close-ups": frozenset(VIEWS),
}
MEAN = "one mean of all"
FRONT_WEIGHS = 2.0
"""In a mean, against 1 of each other side."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Photos with their rows in two catalogues: one row per photo, and one mean per variant and side left out.

    Attributes:
        rows, means: searchers whose products are named `VARIANT@PHOTO` and `VARIANT@SIDE`.
        mean_names: the products of `means`.
    """

    photos: Sequence[Photo]
    rows: Searcher
    means: Searcher
    mean_names: frozenset[str]


def evaluate_sides(pipeline: VisionPipeline, calibrations: Calibrations, data: Path) -> dict[str, Any]:
    """Hit rates by task and by what is indexed; and how many rows that is."""
    photos = photos_of_catalogue(data, pipeline.taxonomy)
    shown = [_exhibit(pipeline, photo, query=photo.view != "front") for photo in photos]
    gallery = _gallery(pipeline, calibrations, photos, shown)
    asking = [n for n, photo in enumerate(photos) if photo.held_out]
    asked = _asked({n: _exhibit(pipeline, photos[n], query=True) for n in asking}, pipeline)
    copied = _asked({n: _copied(pipeline, photos[n]) for n in asking if photos[n].view == "back"}, pipeline)
    tasks = {
        "back, the same variant": _ranks(gallery, asked, "back", _same),
        "close-up, the same variant": _ranks(gallery, asked, "detail", _same),
        "back, another colour of it": _ranks(gallery, asked, "back", _other),
        "front, another colour of it": _ranks(gallery, asked, "front", _other),
        "a copy of the shop's own back picture": _ranks(gallery, copied, "back", _same, keep_own=True),
    }
    figures: dict[str, Any] = {
        task: {way: hit_rates(found) for way, found in ways.items()} for task, ways in tasks.items()
    }
    return {"tasks": figures, "cost": _cost(gallery, shown, asked)}


def _exhibit(pipeline: VisionPipeline, photo: Photo, *, query: bool) -> Exhibit | None:
    return exhibit_photo(pipeline, as_product(photo), read_pixels(photo.path), photo.label, query=query)


def _copied(pipeline: VisionPipeline, photo: Photo) -> Exhibit | None:
    pixels = screenshot(np.asarray(read_pixels(photo.path)))
    return exhibit_photo(pipeline, as_product(photo), pixels, photo.label, query=True)


def screenshot(pixels: Pixels) -> Pixels:
    """A picture as it comes from a telephone's screen: a rim cut off, smaller, darker, compressed."""
    height, width = pixels.shape[:2]
    rim = pixels[height // 20 : height - height // 20, width // 20 : width - width // 20]
    small = Image.fromarray(rim).resize((int(width * 0.55), int(height * 0.55)), Image.Resampling.BILINEAR)
    dark = Image.fromarray((np.asarray(small) * 0.9).astype(np.uint8))
    kept = io.BytesIO()
    dark.save(kept, "JPEG", quality=60)
    return np.asarray(Image.open(kept).convert("RGB"))


def _named(exhibit: Exhibit, name: str) -> Exhibit:
    return replace(exhibit, product=replace(exhibit.product, product_id=name, title=name))


def _gallery(
    pipeline: VisionPipeline, calibrations: Calibrations, photos: Sequence[Photo], shown: Sequence[Exhibit | None]
) -> Gallery:
    places = [n for n, exhibit in enumerate(shown) if exhibit is not None]
    looked = look_at(pipeline, [e for e in shown if e is not None])
    at = {n: row for row, n in enumerate(places)}
    one_each = [_named(looked.exhibits[at[n]], f"{photos[n].identity}@{n}") for n in places]
    means = _means(photos, looked, at)
    return Gallery(
        photos,
        catalogue(pipeline, calibrations, Looked(tuple(one_each), looked.embeddings)),
        catalogue(pipeline, calibrations, means),
        frozenset(exhibit.product.product_id for exhibit in means.exhibits),
    )


def _means(photos: Sequence[Photo], looked: Looked, at: Mapping[int, int]) -> Looked:
    """Of every variant the mean of all its sides, and the means without its backs and without its close-ups."""
    by_variant: dict[str, list[int]] = {}
    for n in at:
        by_variant.setdefault(photos[n].identity, []).append(n)
    exhibits: list[Exhibit] = []
    rows: dict[str, list[NDArray[np.float32]]] = {space: [] for space in SPACES}
    for variant, all_sides in by_variant.items():
        for left_out in ("", "back", "detail"):
            sides = [n for n in all_sides if photos[n].view != left_out]
            front = next((n for n in sides if photos[n].view == "front"), None)
            if front is None or (left_out and len(sides) == len(all_sides)):
                continue
            weights = np.array([FRONT_WEIGHS if photos[n].view == "front" else 1.0 for n in sides], np.float32)
            for space in SPACES:
                total = weights @ looked.embeddings[space][[at[n] for n in sides]]
                rows[space].append(total / np.linalg.norm(total))
            exhibits.append(_named(looked.exhibits[at[front]], f"{variant}@{left_out}"))
    return Looked(tuple(exhibits), {space: np.stack(rows[space]) for space in SPACES})


def _asked(exhibits: Mapping[int, Exhibit | None], pipeline: VisionPipeline) -> dict[int, Looked | None]:
    """Each photo that asks, embedded; None where no garment is seen in it."""
    return {n: look_at(pipeline, [exhibit]) if exhibit else None for n, exhibit in exhibits.items()}


def _same(gallery: Gallery, n: int) -> frozenset[str]:
    fronts = {p.identity for p in gallery.photos if p.view == "front"}
    return frozenset({gallery.photos[n].identity}) & fronts


def _other(gallery: Gallery, n: int) -> frozenset[str]:
    asks = gallery.photos[n]
    kin = {p.identity for p in gallery.photos if p.view == "front" and p.product == asks.product}
    return frozenset(kin - {asks.identity})


def _ranks(
    gallery: Gallery,
    asked: Mapping[int, Looked | None],
    view: str,
    wanted_of: Callable[[Gallery, int], frozenset[str]],
    *,
    keep_own: bool = False,
) -> dict[str, list[int | None]]:
    """By what is indexed, the place of the first right variant for each photo of a view."""
    found: dict[str, list[int | None]] = {way: [] for way in (*WAYS, MEAN)}
    for n, looked in asked.items():
        wanted = wanted_of(gallery, n)
        if gallery.photos[n].view != view or not wanted:
            continue
        own = gallery.photos[n].identity
        gone = frozenset[str]() if own in wanted else frozenset({own})
        rows, means = (_ids(each, looked) for each in (gallery.rows, gallery.means))
        for way, views in WAYS.items():
            there = [i for i in rows if _is_indexed(gallery, i, views) and (keep_own or i != f"{own}@{n}")]
            found[way].append(_place(there, wanted, gone))
        side = f"{own}@{view}" if not keep_own and f"{own}@{view}" in gallery.mean_names else f"{own}@"
        kept = [i for i in means if (i == side if _variant(i) == own else i.endswith("@"))]
        found[MEAN].append(_place(kept, wanted, gone))
    return found


def _ids(searcher: Searcher, looked: Looked | None) -> list[str]:
    if looked is None:
        return []
    hits = searcher.search(image_query(looked, 0), looked.exhibits[0].supercategories, MAX_K)
    return [hit.product.product_id for hit in hits]


def _variant(name: str) -> str:
    return name.rpartition("@")[0]


def _is_indexed(gallery: Gallery, name: str, views: frozenset[str]) -> bool:
    return gallery.photos[int(name.rpartition("@")[2])].view in views


def _place(names: Sequence[str], wanted: frozenset[str], gone: frozenset[str]) -> int | None:
    """The place of the first wanted variant, each variant counting once."""
    variants = [variant for variant in dict.fromkeys(map(_variant, names)) if variant not in gone]
    return next((place for place, variant in enumerate(variants) if variant in wanted), None)


def _cost(
    gallery: Gallery, shown: Sequence[Exhibit | None], asked: Mapping[int, Looked | None]
) -> dict[str, dict[str, float]]:
    """Rows and bytes of embeddings for each variant that has a front."""
    variants = {p.identity for p, e in zip(gallery.photos, shown, strict=True) if e and p.view == "front"}
    queries = [looked for looked in asked.values() if looked is not None][:100]
    width = sum(matrix.shape[1] for matrix in queries[0].embeddings.values()) * 4
    counts = {
        way: sum(e is not None and p.view in views for p, e in zip(gallery.photos, shown, strict=True))
        for way, views in WAYS.items()
    }
    found = {
        way: {"rows_per_variant": count / len(variants), "bytes_per_variant": width * count / len(variants)}
        for way, count in counts.items()
    }
    return found | {MEAN: {"rows_per_variant": 1.0, "bytes_per_variant": float(width)}}


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """For people: each task by what is indexed, then what it costs."""
    tasks = {f"{task}: {way}": row for task, ways in figures["tasks"].items() for way, row in ways.items()}
    return tasks | {f"cost: {way}": row for way, row in figures["cost"].items()}
