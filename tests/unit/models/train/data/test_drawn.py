"""A generated shop as labelled photos."""

from __future__ import annotations

import numpy as np

from models.architectures.accessories import CLASSES
from models.train.data.drawn import drawn_shop_photos


def test_a_drawn_shop_s_pictures_come_with_every_mask() -> None:
    """So many as asked for, each name once; what is worn lies on the person, a product alone has no person."""
    photos = list(drawn_shop_photos(9, 4, (90, 120)))
    assert len({photo.name for photo in photos}) == len(photos) == 9
    worn = [photo for photo in photos if "person" in photo.masks]
    assert 0 < len(worn) < 9, "worn and alone"
    for photo in photos:
        assert set(photo.masks) <= set(CLASSES)
        assert all(mask.shape == photo.pixels.shape[:2] and mask.any() for mask in photo.masks.values())
    clothes = [m for photo in worn for label, m in photo.masks.items() if label != "person"]
    bodies = [photo.masks["person"] for photo in worn for label in photo.masks if label != "person"]
    assert np.mean([(body & cloth).sum() / cloth.sum() for body, cloth in zip(bodies, clothes, strict=True)]) > 0.95


def test_a_seed_draws_the_same_shop_again() -> None:
    (first,), (again,) = drawn_shop_photos(1, 5, (90, 120)), drawn_shop_photos(1, 5, (90, 120))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, next(iter(drawn_shop_photos(1, 6, (90, 120)))).pixels)
