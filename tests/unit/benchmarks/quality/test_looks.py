"""A look holds where each of its garments was answered: by kind, and by colour where the catalogue could."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.looks import KIND_OF, Look, Wanted, looks_figures, measure_looks, targets
from benchmarks.quality.retrieval.crops import HeldOut
from engine.retrieval.search import Calibrations
from engine.seams import Calibration
from engine.taxonomy import load_taxonomy
from models.train.data.crops import CropRecord

EVEN = Calibration(0.5, 0.1)


def garment(kind: str = "shirts", *, by_kind: bool = True, by_color: bool | None = True) -> Wanted:
    return Wanted("upper_wear", kind, by_kind, by_color)


def test_one_garment_without_an_answer_loses_the_look() -> None:
    """Two of three looks hold by kind; of the two whose colours the catalogue has, one holds."""
    looks = [
        Look("a", (garment(), garment("shoes"))),
        Look("b", (garment(), garment("shoes", by_kind=False, by_color=False))),
        Look("c", (garment(by_color=None), garment("shoes"))),
    ]
    figures = looks_figures(looks)
    assert figures["looks"] == {
        "looks": 3,
        "every_garment_of_its_kind": pytest.approx(2 / 3),
        "looks_with_colors": 2,
        "every_garment_of_its_kind_and_color": 0.5,
    }
    assert figures["garments"]["shoes"] == {
        "garments": 3.0, "of_its_kind": pytest.approx(2 / 3), "of_its_kind_and_color": pytest.approx(2 / 3),
    }  # fmt: skip
    assert figures["garments"]["all"]["garments"] == 6.0
    assert [target.met for target in targets(figures)] == [False]


def test_words_of_all_sources_are_of_one_kind_each() -> None:
    """What Luma calls a tee, CCP a top and the flat-lays a t-shirt is one kind; no word is of two."""
    assert KIND_OF["tee"] == KIND_OF["top"] == KIND_OF["t-shirt"] != KIND_OF["shirt"]
    assert KIND_OF["pant"] == KIND_OF["jeans"] != KIND_OF["short"]


def test_a_photo_is_asked_as_a_shopper_would_and_never_finds_itself(tmp_path: Path, seeing: object) -> None:
    """The red shirt of the photo finds red shirts, not its own row; blue trousers that nobody sells are left out."""
    taxonomy = load_taxonomy()
    (tmp_path / "ccp" / "images").mkdir(parents=True)
    pixels = np.full((96, 64, 3), 255, np.uint8)
    pixels[20:84, 8:56] = (200, 30, 30)
    Image.fromarray(pixels).save(tmp_path / "ccp" / "images" / "0001.jpg", quality=95)
    crop = np.full((16, 16, 4), 255, np.uint8)
    crop[..., :3] = (200, 30, 30)
    mine = CropRecord("ccp", "val", "ccp-0001-shirt", "ccp-0001-shirt", "upper_wear", "shirt", "street", ("red",))
    pants = CropRecord("ccp", "val", "ccp-0001-pants", "ccp-0001-pants", "lower_wear", "pants", "street", ("blue",))
    sold = [CropRecord("clothing", "val", f"c{n}", f"c{n}", "upper_wear", "shirt", "flat", ("red",)) for n in range(12)]
    held = HeldOut((mine, pants, *sold), np.stack([crop] * 14), taxonomy)
    calibrations = Calibrations(EVEN, EVEN, EVEN)
    (look,) = measure_looks(seeing, calibrations, tmp_path, held)  # type: ignore[arg-type]
    assert look == Look("0001", (Wanted("upper_wear", "shirts", by_kind=True, by_color=True),))
    short = HeldOut((mine, *sold[:4]), np.stack([crop] * 5), taxonomy)
    assert measure_looks(seeing, calibrations, tmp_path, short) == []  # type: ignore[arg-type]


@pytest.fixture
def seeing() -> object:
    """Models that see one shirt in every picture, and embed mean colours."""
    from engine.domain import SPACES, CollectionSpec
    from engine.taxonomy import collection_name
    from tests.fixtures.catalogue import FULL_FRONT, FakePipeline, picture  # noqa: F401

    class Seeing(FakePipeline):
        def garments(self, image, scene=None):  # type: ignore[no-untyped-def]
            fake = np.asarray(image).copy()
            fake[0, 0] = (FULL_FRONT, 0, 0)
            return super().garments(fake)

        def embed(self, crops):  # type: ignore[no-untyped-def]
            rows = np.stack([crop.pixels[crop.mask].mean(0) for crop in crops]).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            return dict.fromkeys(SPACES, rows)

        def collection_specs(self):  # type: ignore[no-untyped-def]
            names = self.taxonomy.supercategories
            return [CollectionSpec(collection_name(name, space), 3, "f") for name in names for space in SPACES]

    return Seeing()
