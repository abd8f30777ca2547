"""Scenes made for training: bystanders blurred, people in studios, flat-lays cut from the floor."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.train.data.datasets import LabelledPhoto
from models.train.data.scenes import around_person, flat_lay_mask, in_studio, without_bystanders


def checkers(height: int = 200, width: int = 160) -> NDArray[np.uint8]:
    """A loud pattern: what is blurred in it shows."""
    pattern = (np.indices((height, width)).sum(0) // 2 % 2 * 255).astype(np.uint8)
    return np.repeat(pattern[..., None], 3, 2)


def street() -> LabelledPhoto:
    """The main person on the left, in a shirt; the right is free for bystanders."""
    person = np.zeros((200, 160), bool)
    person[20:190, 20:60] = True
    shirt = np.zeros_like(person)
    shirt[50:100, 20:60] = True
    return LabelledPhoto("street", checkers(), {"upper_wear": shirt, "person": person})


def test_a_bystander_is_blurred_and_the_main_person_is_not() -> None:
    """Unlabelled clothes must not be there to learn from; labelled ones must stay as they were."""
    photo = street()
    hidden = without_bystanders(photo, [(18.0, 18.0, 62.0, 192.0), (100.0, 40.0, 140.0, 160.0)])
    assert hidden.pixels[80:120, 110:130].std() < 20
    main = photo.masks["person"]
    assert np.array_equal(hidden.pixels[main], photo.pixels[main])


def test_nobody_else_leaves_the_photo_as_it_was() -> None:
    """The main person's own box hides nothing."""
    photo = street()
    assert without_bystanders(photo, [(18.0, 18.0, 62.0, 192.0)]) is photo


@pytest.mark.parametrize("seed", range(6))
def test_a_crop_around_the_person_keeps_all_of_the_person(seed: int) -> None:
    """Whatever margin chance gives."""
    cropped = around_person(street(), np.random.default_rng(seed))
    assert cropped.masks["person"].sum() == street().masks["person"].sum()


@pytest.mark.parametrize("seed", range(8))
def test_a_studio_shows_the_person_and_a_plain_wall(seed: int) -> None:
    """Garments keep their pixels, the street is gone, masks fit the picture."""
    scene = in_studio(street(), "studio", np.random.default_rng(seed))
    person = scene.masks["person"]
    assert scene.pixels.shape[:2] == person.shape
    far = ~np.pad(person, 6)[6:-6, 6:-6]
    far[:, : person.shape[1]] &= ~_near(person)
    assert np.abs(np.diff(scene.pixels[..., 0].astype(int), axis=1))[far[:, 1:] & far[:, :-1]].mean() < 8
    if "upper_wear" in scene.masks:
        assert scene.pixels[scene.masks["upper_wear"]].std() > 60


def test_a_dress_is_never_shown_as_legs_alone() -> None:
    """Its lower half looks like a skirt, and shops that show legs alone sell skirts; trousers are shown so often."""
    plain = street()
    collar = np.zeros_like(plain.masks["person"])
    collar[50:62, 20:60] = True
    trousers = np.zeros_like(collar)
    trousers[100:180, 20:60] = True
    dressed = LabelledPhoto("dressed", plain.pixels, {**plain.masks, "upper_wear": collar, "dress": trousers})
    worn = LabelledPhoto("worn", plain.pixels, {**plain.masks, "upper_wear": collar, "lower_wear": trousers})

    def with_collar(photo: LabelledPhoto) -> int:
        return sum("upper_wear" in in_studio(photo, "s", np.random.default_rng(seed)).masks for seed in range(60))

    assert with_collar(dressed) == 60
    assert 24 <= with_collar(worn) <= 48


def test_a_garment_on_a_plain_floor_is_cut_out() -> None:
    """The mask is the garment, to a few pixels at its rim."""
    rng = np.random.default_rng(0)
    pixels = np.clip(rng.normal(200, 4, (160, 120, 3)), 0, 255).astype(np.uint8)
    pixels[40:120, 30:90] = np.clip(rng.normal((180, 30, 40), 6, (80, 60, 3)), 0, 255)
    mask = flat_lay_mask(pixels)
    assert mask is not None
    truth = np.zeros((160, 120), bool)
    truth[40:120, 30:90] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95


def test_a_picture_of_floor_alone_is_refused() -> None:
    """No garment is better than a wrong one."""
    rng = np.random.default_rng(0)
    assert flat_lay_mask(rng.integers(0, 255, (120, 90, 3), dtype=np.uint8)) is None


def _near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    grown = mask.copy()
    for _ in range(6):
        grown[1:] |= grown[:-1]
        grown[:-1] |= grown[1:]
        grown[:, 1:] |= grown[:, :-1]
        grown[:, :-1] |= grown[:, 1:]
    return grown
