"""Training crops cut as the product cuts them."""

from __future__ import annotations

import numpy as np

from engine.domain import Garment, Pixels, Scene
from engine.taxonomy import load_taxonomy
from models.train.embedder.served import full_mask, served_garment

IMAGE = np.full((60, 40, 3), 200, np.uint8)


def _garment(label: str, box: tuple[float, float, float, float], score: float) -> Garment:
    taxonomy = load_taxonomy()
    mask = np.ones((int(box[3] - box[1]), int(box[2] - box[0])), bool)
    return Garment(label, taxonomy.supercategory_of(label), score, box, mask, ())


class _Sees:
    """A segmenter that sees what it is told."""

    fingerprint = "told"

    def __init__(self, *garments: Garment) -> None:
        self.garments = garments

    def segment(self, image: Pixels) -> Scene:
        return Scene(self.garments, ())


def _found(label: str, *garments: Garment) -> Garment | None:
    taxonomy = load_taxonomy()
    return served_garment(_Sees(*garments), taxonomy, IMAGE, taxonomy.classes[label])


def test_the_shops_class_comes_first_then_what_is_near_it() -> None:
    """A dress is no trousers; but a top that was taken for a dress is still that top."""
    top, dress, trousers = (
        _garment("upper_wear", (0, 0, 20, 20), 0.3),
        _garment("dress", (0, 0, 40, 60), 0.9),
        _garment("lower_wear", (0, 20, 40, 60), 0.8),
    )
    assert _found("upper_wear", dress, top, trousers) == top
    assert _found("upper_wear", dress, trousers) == dress
    assert _found("foot_wear", top, dress, trousers) is None


def test_a_speck_is_no_product() -> None:
    """Fewer pixels than ingest would take are not learned from either."""
    assert _found("upper_wear", _garment("upper_wear", (0, 0, 8, 30), 0.9)) is None


def test_the_mask_lies_where_the_garment_is() -> None:
    """On the whole picture, nothing outside the box."""
    mask = full_mask(_garment("upper_wear", (5, 10, 15, 30), 0.9), IMAGE)
    assert mask.shape == (60, 40)
    assert mask[10:30, 5:15].all()
    assert mask.sum() == 200
