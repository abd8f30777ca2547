"""Real embeddings to measure with: the profile's models over crops of generated pictures, kept on disk.

Cut by the pictures' own truth, not by the segmenter, so that a sample depends on the two embedders alone. Products
are split: those of the gallery are what catalogues are expanded from, the others are the queries.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import SPACES, Crop, Embeddings, Space
from engine.taxonomy import load_taxonomy
from engine.vision.crops import cut
from engine.vision.images import encode_jpeg
from engine.vision.pipeline import VisionPipeline
from models.studio.catalogue import sample_catalogue
from models.studio.output.feed import product_shots
from models.studio.output.spread import spread
from models.studio.spec import GarmentSpec

VERSION = "1"
"""Raised when the way of drawing or cutting changes."""
QUERY_EVERY = 8
"""Each so many-th product is a query's, never in a gallery."""
_SIZE = (240, 320)
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Generated products, one crop of each, embedded. Rows of everything correspond.

    Attributes:
        digest: names models, products and seed; whatever is made of a sample bears it.
        rows: by space, (n, dim).
        supercategory: (n,) names.
        query: (n,) bool, held out of every gallery.
        pictures: JPEGs, the first that the shop shows.
    """

    digest: str
    specs: list[GarmentSpec]
    rows: dict[Space, Embeddings]
    supercategory: NDArray[np.str_]
    query: NDArray[np.bool_]
    pictures: list[bytes]

    def gallery(self, supercategory: str | None = None) -> NDArray[np.int64]:
        """Rows to expand, of one supercategory if named."""
        return self._where(~self.query, supercategory)

    def queries(self, supercategory: str | None = None) -> NDArray[np.int64]:
        """Rows to search with."""
        return self._where(self.query, supercategory)

    def _where(self, chosen: NDArray[np.bool_], supercategory: str | None) -> NDArray[np.int64]:
        return np.flatnonzero(chosen & (self.supercategory == supercategory) if supercategory else chosen)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """One product as ingest would take it: one picture, one crop."""

    crop: Crop
    picture: bytes


def load_sample(
    pipeline: VisionPipeline, cache: Path, *, products: int = 1200, seed: int = 7, workers: int = 2
) -> Sample:
    """The sample of these models; drawn and embedded the first time (40 ms a picture), read from `cache` later."""
    specs = sample_catalogue(products, seed)
    digest = _digest(pipeline, products, seed)
    path = cache / f"sample-{digest}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _write(path, pipeline, specs, seed, workers)
    with np.load(path) as saved:
        ends = saved["picture_ends"]
        whole = saved["pictures"].tobytes()
        return Sample(
            digest,
            specs,
            {space: saved[space] for space in SPACES},
            _supercategories(specs),
            np.arange(len(specs)) % QUERY_EVERY == 0,
            [whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)],
        )


def _digest(pipeline: VisionPipeline, products: int, seed: int) -> str:
    names = [VERSION, pipeline.visual.fingerprint, pipeline.semantic.fingerprint, products, seed]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]


def _supercategories(specs: list[GarmentSpec]) -> NDArray[np.str_]:
    classes = load_taxonomy().classes
    return np.array([classes[spec.label].supercategory for spec in specs])


def _write(path: Path, pipeline: VisionPipeline, specs: list[GarmentSpec], seed: int, workers: int) -> None:
    rows: dict[Space, list[Embeddings]] = {space: [] for space in SPACES}
    pictures: list[bytes] = []
    waiting: list[Crop] = []
    for number, drawn in enumerate(spread(_draw, [(spec, seed) for spec in specs], workers)):
        pictures.append(drawn.picture)
        waiting.append(drawn.crop)
        if len(waiting) >= _BATCH or number == len(specs) - 1:
            for space, embedded in pipeline.embed(waiting).items():
                rows[space].append(embedded)
            waiting = []
    part = path.with_suffix(".part")
    arrays: dict[str, Any] = {space: np.concatenate(parts) for space, parts in rows.items()}
    with part.open("wb") as file:
        np.savez(
            file,
            pictures=np.frombuffer(b"".join(pictures), np.uint8),
            picture_ends=np.cumsum([len(picture) for picture in pictures]),
            **arrays,
        )
    part.replace(path)


def _draw(job: tuple[GarmentSpec, int]) -> _Drawn:
    """The first picture that the shop has of a product, and the product cut out of it."""
    spec, seed = job
    supercategory = load_taxonomy().classes[spec.label].supercategory
    picture = next(product_shots(spec, seed, _SIZE)).picture
    shown = next(garment for garment in picture.garments if garment.product.product_id == spec.product_id)
    crop = cut(picture.pixels, shown.as_garment(supercategory))
    return _Drawn(crop, encode_jpeg(picture.pixels, max_side=max(_SIZE)))
