"""Ranks and rows of `eval composed`, on a shelf of four variants."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.quality.composed import Fronts, Triplet, by_cosine, held_out_fronts
from benchmarks.quality.report import Report, Target
from benchmarks.quality.retrieval.fused_gallery import Exhibit, Looked
from engine.domain import Product
from engine.vision.crops import whole


def _fronts(seen: int = 4) -> Fronts:
    names = ("tee-navy", "tee-red", "hat-navy", "hat-red")[:seen]
    crop = whole(np.full((8, 8, 3), 200, np.uint8))
    exhibits = tuple(Exhibit(Product(n, n, "", ("x.jpg",)), "upper_wear", "upper_wear", crop) for n in names)
    embeddings = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], np.float32)[:seen] / np.sqrt(2)
    looked = Looked(exhibits, {"visual": embeddings, "semantic": embeddings})
    return Fronts(looked, {n: i for i, n in enumerate(names)}, (Triplet("tee-navy", "in red", "tee-red"),))


def test_the_query_itself_cannot_be_found() -> None:
    """What is shown is most like itself, and still the wanted variant is first when the words point to it."""
    towards_red = np.array([[1, 0, 0.4, 0.6]], np.float32)
    assert by_cosine(_fronts(), towards_red) == [0]
    assert by_cosine(_fronts(), np.array([[0, 0.1, 0, 1]], np.float32)) == [1]


def test_ties_count_against_the_wanted_one() -> None:
    """A query that tells nothing apart has not found anything."""
    assert by_cosine(_fronts(), np.zeros((1, 4), np.float32)) == [2]


def test_a_garment_that_was_not_seen_is_a_miss() -> None:
    """No rank, rather than a query less."""
    fronts = _fronts(seen=1)
    assert by_cosine(fronts, np.ones((1, 4), np.float32)) == [None]


def test_products_that_training_saw_are_left_out(tmp_path: Path) -> None:
    """Of luma only held-out products' fronts, of other catalogues all; backs and accessories never."""
    rows = [
        {"source": source, "product_id": f"P{n}", "variant_id": f"p{n}-red", "colour": "red", "title": "Tee",
         "class": "upper_wear" if n else "accessory_or_other",
         "images": [{"file": f"{n}.jpg", "view": "back" if n == 1 else "front"}]}
        for source in ("luma", "venia") for n in range(40)
    ]  # fmt: skip
    (tmp_path / "products.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    venia = [product.product_id for product, _, _ in held_out_fronts(tmp_path, "venia")]
    luma = [product.product_id for product, _, _ in held_out_fronts(tmp_path, "luma")]
    assert venia == [f"p{n}-red" for n in range(2, 40)]
    assert 0 < len(luma) < 25


def test_a_report_says_which_targets_were_met() -> None:
    """A figure that could not be measured has not met its target."""
    targets = [Target("a", 0.5, 0.5), Target("b", 0.5, 0.49), Target("c", 0.5, None)]
    report = Report("composed", Path("starter"), {"a": 1}, targets).document()
    assert [row["met"] for row in report["targets"]] == [True, False, False]
    assert set(report) == {"task", "profile", "figures", "targets"}
