"""The catalogue in memory: what is measured in it is what the engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.retrieval.fused_gallery import (
    Exhibit,
    asking,
    catalogue,
    hit_rates,
    image_query,
    look_at,
    rank_of,
)
from engine.domain import Crop, Product
from engine.retrieval.search import Calibrations
from engine.seams import Calibration
from engine.service import TextQuery
from engine.taxonomy import load_taxonomy
from engine.vision.pipeline import VisionPipeline

RGB = {"red": (196, 28, 36), "green": (40, 128, 62), "blue": (30, 84, 190)}


class ColorModel:
    """Embeds a crop as its mean colour, and a text as the colour that it names."""

    fingerprint, dim, calibration = "color", 3, Calibration(0.5, 0.1)

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        return self._unit([c.pixels[c.mask].mean(axis=0) for c in crops])

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._unit([RGB[text] for text in texts])

    def _unit(self, rows: list[object]) -> NDArray[np.float32]:
        matrix = np.array(rows, np.float32)
        return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)


@pytest.fixture
def pipeline() -> VisionPipeline:
    model = ColorModel()
    return VisionPipeline(SimpleNamespace(), SimpleNamespace(), model, model, model, load_taxonomy())


def exhibit(color: str) -> Exhibit:
    pixels = np.full((40, 30, 3), RGB[color], np.uint8)
    product = Product(color, f"A {color} thing", "https://shop.example", (), color=color, attributes={"fit": "slim"})
    return Exhibit(product, "upper_wear", "upper_wear", Crop(pixels, np.ones((40, 30), bool)))


def test_the_same_picture_is_found_first(pipeline: VisionPipeline) -> None:
    """By its photo and by its word; a product that is not there, and one that is excluded, have no rank."""
    looked = look_at(pipeline, [exhibit(color) for color in RGB])
    searcher = catalogue(pipeline, Calibrations(*[Calibration(0.5, 0.1)] * 3), looked)
    query_vectors = image_query(looked, 2)
    assert rank_of(searcher, query_vectors, ["upper_wear"], {"blue"}) == 0
    assert rank_of(searcher, query_vectors, ["upper_wear"], {"pink"}) is None
    assert rank_of(searcher, query_vectors, ["lower_wear"], {"blue"}) is None
    assert rank_of(searcher, asking(pipeline, TextQuery(("green",))), ["upper_wear"], {"green"}) == 0
    assert rank_of(searcher, image_query(looked, 2, exclude=["blue"]), ["upper_wear"], {"blue"}) is None
    assert (
        rank_of(catalogue(pipeline, searcher.calibrations, looked.only([0])), query_vectors, ["upper_wear"], {"red"})
        == 0
    )


def test_the_shops_words_are_evidence_only_where_asked(pipeline: VisionPipeline) -> None:
    """Measured by the picture alone, no hit carries the shop's colour, title or attributes."""
    looked = look_at(pipeline, [exhibit("red")])
    calibrations = Calibrations(*[Calibration(0.5, 0.1)] * 3)
    for evidence, title, fit in (("picture", "red", ()), ("shop", "A red thing", ("slim",))):
        searcher = catalogue(pipeline, calibrations, looked, evidence)  # type: ignore[arg-type]
        (hit,) = searcher.search(image_query(looked, 0), ["upper_wear"], 5)
        assert (hit.product.title, hit.item.facets.get("fit", ())) == (title, fit)
        assert hit.product.color == ("red" if evidence == "shop" else None)


def test_hit_rates_count_what_is_not_found() -> None:
    """A query without an answer stays in the denominator."""
    assert hit_rates([0, 4, 7, None]) == {
        "queries": 4,
        "hit_rate_at_1": 0.25,
        "hit_rate_at_5": 0.5,
        "hit_rate_at_10": 0.75,
    }
