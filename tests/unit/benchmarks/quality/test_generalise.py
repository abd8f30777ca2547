"""The share of products found in the right supercategory without a word: whom it counts, and as what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.generalise.generalise import all_targets, evaluate_generalise, table_rows
from benchmarks.quality.generalise.supercategory import NOTHING, UPRIGHT, Sold, answer, measure
from engine.domain import Garment, GateReport, Pixels, Scene
from engine.taxonomy import load_taxonomy
from tests.fixtures.catalogue import FakePipeline


class ByBrightness(FakePipeline):
    """Bright pictures show shoes, dark ones a dress, black ones nothing; nobody wears them."""

    def scene(self, image: Pixels) -> Scene:
        shade = int(image.mean())
        if shade < 20:
            return Scene((), ())
        label = "foot_wear" if shade > 128 else "dress"
        height, width = image.shape[:2]
        mask = np.ones((height // 2, width // 2), bool)
        box = (0.0, 0.0, float(width // 2), float(height // 2))
        return Scene((Garment(label, load_taxonomy().supercategory_of(label), 0.9, box, mask),), ())

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:
        return GateReport(0, "none", False, False, "Nobody.")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four products of the unseen shop; flat-lays: one to learn from, one to choose by, two to measure with, a hat."""
    shop, lays = tmp_path / "unseen_shop" / "images", tmp_path / "clothing_dataset" / "images"
    for folder in (shop, lays):
        folder.mkdir(parents=True)
    products = [("1", "foot_wear", 200), ("2", "upper_wear", 90), ("3", "dress", 5), ("4", "other", 200)]
    for name, _, shade in products:
        Image.new("RGB", (224, 224), (shade,) * 3).save(shop / f"{name}.jpg")
    lines = [json.dumps({"id": name, "file": f"{name}.jpg", "class": label}) for name, label, _ in products]
    (shop.parent / "products.jsonl").write_text("\n".join(lines))
    for name, shade in (("a", 200), ("b", 200), ("c", 90), ("hat", 200), ("v", 90)):
        Image.new("RGB", (40, 60), (shade,) * 3).save(lays / f"{name}.jpg")
    table = "image,label,kids,sender_id,split_small\na,Shoes,False,1,train\nb,Shoes,False,1,test\n"
    (lays.parent / "images.csv").write_text(
        f"{table}c,Dress,False,1,test\nhat,Hat,False,1,test\nv,Dress,False,1,validation\n"
    )
    return tmp_path


def test_a_product_not_indexed_counts_as_wrong_and_others_classes_do_not_count(data: Path) -> None:
    figures = measure(ByBrightness(), None, data)["unseen_shop"]
    assert figures["all"] == {"products": 3, "right_supercategory": 1 / 3, "not_indexed": 1 / 3}
    assert figures["classes"]["foot_wear"]["right_supercategory"] == 1
    assert {(row["class"], row["answered"]) for row in figures["wrong"]} == {
        ("upper_wear", "full_body"),
        ("dress", NOTHING),
    }


def test_only_flat_lays_left_out_of_training_are_measured(data: Path) -> None:
    figures = measure(ByBrightness(), None, data)["flat_lays"]
    assert figures["all"] == {"products": 2, "right_supercategory": 1.0, "not_indexed": 0.0}


def test_the_unseen_shops_pictures_get_their_shape_back(data: Path) -> None:
    product = Sold(data / "unseen_shop" / "images" / "1.jpg", "foot_wear", UPRIGHT)
    assert product.pixels().shape == (480, 360, 3)
    assert answer(ByBrightness(), product).got == "foot_wear"


def test_parts_bring_their_rows_targets_and_sheets(data: Path, tmp_path: Path) -> None:
    figures = evaluate_generalise(ByBrightness(), None, data, ("supercategory",), tmp_path / "sheets")  # type: ignore[arg-type]
    assert [t.met for t in all_targets(figures)] == [False, True]
    assert "unseen_shop: upper_wear" in table_rows(figures)
    assert sorted(p.name for p in (tmp_path / "sheets").iterdir()) == ["supercategory_unseen_shop.png"]
