"""A generated shop as labelled photos, and as pictures for the pose model."""

from __future__ import annotations

import numpy as np

from models.architectures.accessories import CLASSES
from models.train.data.drawn import drawn_shop_photos
from models.train.data.keypoints.pose_made import drawn_people, drawn_shop


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


def test_drawn_people_face_where_they_are_drawn_to() -> None:
    """Shoulders of a front and of a back lie as they must, and a face seen from behind has no nose."""
    made = list(drawn_people(8, 3, (96, 128)))
    assert {m.label.facing for m in made} == {"front", "back", "side"}
    for each in made:
        left, right = each.label.keypoints[5], each.label.keypoints[6]
        if each.label.facing == "front" and min(left[2], right[2]) > 0:
            assert left[0] > right[0]
        if each.label.facing == "back":
            assert each.label.keypoints[0, 2] == 0


def test_a_drawn_shop_shows_people_from_the_front_and_behind() -> None:
    """So many of them and no more, as its catalogue shows them; the truth is what was drawn."""
    made = list(drawn_shop(6, 3, (96, 128)))
    assert len(made) == 6
    assert {m.label.facing for m in made} == {"front", "back"}
    assert all((m.label.keypoints[0, 2] > 0) <= (m.label.facing == "front") for m in made)
    assert list(drawn_shop(0, 3, (96, 128))) == []
