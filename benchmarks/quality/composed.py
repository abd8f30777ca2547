"""`thatlook eval composed`: "the same item in navy", a photo and words together, among all fronts of two catalogues.

Colour triplets of products that no training saw. A product's variants look alike but for their colour, so image alone
finds the variants and not the colour, words alone the colour and not the product. What is asked with is not among
what can be found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.quality.retrieval.fused_gallery import (
    Evidence,
    Exhibit,
    Looked,
    asking,
    catalogue,
    exhibit_photo,
    hit_rates,
    image_query,
    look_at,
    rank_of,
)
from engine.color.naming import color_shares
from engine.color.words import names_near
from engine.domain import Embeddings, Product
from engine.errors import QueryRejected
from engine.retrieval.search import Calibrations
from engine.service import TextQuery
from engine.vision.pipeline import VisionPipeline
from engine.words.parsed_text import colors_in
from models.train.data.pictures import read_pixels
from models.train.embedder.teacher import TEACHER_FILE, teacher_embeddings, unit
from models.train.splits import is_luma_validation

SOURCES = ("venia", "luma")
TARGETS = {"hit_rate_at_1": 0.50, "hit_rate_at_5": 0.80}
CATALOGUE = "magento_catalog"
CELL = 120


@dataclass(frozen=True, slots=True)
class Triplet:
    """The product that is shown, what is said, and the product that is meant."""

    shown: str
    text: str
    wanted: str


@dataclass(frozen=True, slots=True, eq=False)
class Fronts:
    """Fronts as served, one per variant, and the triplets over them.

    Attributes:
        row: of a variant's exhibit, by product id; a variant whose garment was not seen has none.
    """

    looked: Looked
    row: Mapping[str, int]
    triplets: tuple[Triplet, ...]


def evaluate_composed(
    pipeline: VisionPipeline, calibrations: Calibrations, data: Path, sheet: Path | None = None
) -> dict[str, Any]:
    """All figures of `eval composed` by source; where a folder is given, pictures of queries that failed.

    Raises:
        QueryRejected: the folder holds no catalogue with triplets.
    """
    if not (data / CATALOGUE / "triplets_colour.jsonl").is_file():
        raise QueryRejected(f"{data} has no {CATALOGUE} with triplets_colour.jsonl; give the folder that holds it.")
    out: dict[str, Any] = {}
    for source in SOURCES:
        fronts = read_fronts(pipeline, data / CATALOGUE, source)
        ranks = {
            "search_picture": by_search(pipeline, calibrations, fronts, "picture"),
            "search_shop": by_search(pipeline, calibrations, fronts, "shop"),
            "embedding": by_cosine(fronts, moved(pipeline, fronts)),
            "image_alone": by_cosine(fronts, shown_images(fronts)),
            "text_alone": by_cosine(fronts, said(pipeline, fronts)),
        }
        teacher = data / "weights" / TEACHER_FILE
        if teacher.exists():
            ranks["mobilenet_and_measured_colour"] = by_plain_means(fronts, teacher)
        gallery = len(fronts.row)
        chance = {f"hit_rate_at_{k}": k / (gallery - 1) for k in (1, 5, 10)}
        out[source] = {name: hit_rates(found) for name, found in ranks.items()} | {"chance": chance, "gallery": gallery}
        if sheet:
            write_failures(sheet / f"composed_{source}.png", fronts, ranks["embedding"])
    return out


def read_fronts(pipeline: VisionPipeline, root: Path, source: str) -> Fronts:
    """One front per variant of products that no training saw, its garment cut as ingest cuts it."""
    exhibits: list[Exhibit] = []
    row: dict[str, int] = {}
    for product, label, file in held_out_fronts(root, source):
        exhibit = exhibit_photo(pipeline, product, read_pixels(root / "images" / file), label)
        if exhibit:
            row[product.product_id] = len(exhibits)
            exhibits.append(exhibit)
    known = {product.product_id for product, _, _ in held_out_fronts(root, source)}
    triplets = tuple(t for t in _triplets(root, source) if {t.shown, t.wanted} <= known and t.shown in row)
    return Fronts(look_at(pipeline, exhibits), row, triplets)


def held_out_fronts(root: Path, source: str) -> Iterator[tuple[Product, str, str]]:
    """Product, class and file of every variant's front."""
    for line in (root / "products.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        front = next((image["file"] for image in row["images"] if image["view"] == "front"), None)
        worn = row["class"] in {"upper_wear", "lower_wear", "outerwear", "dress"}
        trained = source == "luma" and not is_luma_validation(row["product_id"])
        if row["source"] != source or not front or not worn or trained:
            continue
        product = Product(
            row["variant_id"], row.get("title", ""), "", (front,), description=row.get("description", ""),
            color=row.get("colour") or None, item_group_id=row["product_id"],
        )  # fmt: skip
        yield product, row["class"], front


def by_search(
    pipeline: VisionPipeline, calibrations: Calibrations, fronts: Fronts, evidence: Evidence
) -> list[int | None]:
    """Ranks in the search as served, with the query's own product left out."""
    searcher = catalogue(pipeline, calibrations, fronts.looked, evidence)
    ranks = []
    for triplet in fronts.triplets:
        row = fronts.row[triplet.shown]
        query_vectors = asking(
            pipeline, TextQuery((triplet.text,)), image_query(fronts.looked, row, exclude={triplet.shown})
        )
        ranks.append(rank_of(searcher, query_vectors, [fronts.looked.exhibits[row].supercategory], {triplet.wanted}))
    return ranks


def by_cosine(fronts: Fronts, queries: Embeddings) -> list[int | None]:
    """Ranks by the semantic embedding's cosine alone, over the whole gallery."""
    return _ranks(fronts, queries @ fronts.looked.embeddings["semantic"].T)


def moved(pipeline: VisionPipeline, fronts: Fronts) -> Embeddings:
    """Image plus words, as the search adds them."""
    return unit(shown_images(fronts) + said(pipeline, fronts))


def shown_images(fronts: Fronts) -> Embeddings:
    """What is shown, one row per triplet."""
    return fronts.looked.embeddings["semantic"][[fronts.row[t.shown] for t in fronts.triplets]]


def said(pipeline: VisionPipeline, fronts: Fronts) -> Embeddings:
    """What is said, one row per triplet."""
    texts = sorted({t.text for t in fronts.triplets})
    embedded = dict(zip(texts, pipeline.texts.embed_texts(texts), strict=True))
    return np.stack([embedded[t.text] for t in fronts.triplets])


def by_plain_means(fronts: Fronts, teacher: Path) -> list[int | None]:
    """The baseline: MobileNetV1's cosine, plus how much of the named colour the candidate's pixels hold."""
    crops = [e.crop for e in fronts.looked.exhibits]
    side = 160
    squares = np.stack([_square(crop.pixels, side) for crop in crops])
    embeddings = unit(teacher_embeddings(teacher, squares))
    shares = [color_shares(crop.pixels, crop.mask) for crop in crops]
    cosines = embeddings[[fronts.row[t.shown] for t in fronts.triplets]] @ embeddings.T
    named = [{name for word in colors_in(t.text) for name in names_near(word)} for t in fronts.triplets]
    held = np.array([[sum(share.get(name, 0.0) for name in names) for share in shares] for names in named])
    return _ranks(fronts, cosines + held)


def _ranks(fronts: Fronts, scores: NDArray[Any]) -> list[int | None]:
    """The wanted variant's place, ties counted against it; None where its garment was not seen."""
    ranks: list[int | None] = []
    for triplet, row in zip(fronts.triplets, np.array(scores), strict=True):
        wanted = fronts.row.get(triplet.wanted)
        row[fronts.row[triplet.shown]] = -np.inf
        ranks.append(None if wanted is None else int((row >= row[wanted]).sum()) - 1)
    return ranks


def _square(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    out = np.full((max(height, width), max(height, width), 3), 255, np.uint8)
    top, left = (len(out) - height) // 2, (len(out) - width) // 2
    out[top : top + height, left : left + width] = pixels
    return np.asarray(cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _triplets(root: Path, source: str) -> Iterator[Triplet]:
    for line in (root / "triplets_colour.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["source"] == source:
            yield Triplet(row["ref_variant"], row["text"], row["target_variant"])


def write_failures(path: Path, fronts: Fronts, ranks: Sequence[int | None], most: int = 24) -> None:
    """What was shown and what was wanted, for queries whose target is not the first."""
    failed = [(t, r) for t, r in zip(fronts.triplets, ranks, strict=True) if r]
    failed.sort(key=lambda pair: -(pair[1] or 0))
    sheet = Image.new("RGB", (6 * CELL * 2, (CELL + 14) * max(1, -(-len(failed[:most]) // 6))), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (triplet, rank) in enumerate(failed[:most]):
        x, y = (place % 6) * CELL * 2, (place // 6) * (CELL + 14)
        draw.text((x + 2, y + 1), f"{triplet.text}: place {(rank or 0) + 1}", fill="black")
        for step, variant in enumerate((triplet.shown, triplet.wanted)):
            crop = fronts.looked.exhibits[fronts.row[variant]].crop
            picture = Image.fromarray(_square(crop.pixels, CELL - 4))
            sheet.paste(picture, (x + step * CELL, y + 14))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
