"""What is made of labelled street photos: skirts named as such, tunics, and garments in other cloth."""

from __future__ import annotations

import numpy as np
import pytest

from models.train.data.datasets import LabelledPhoto, Mask, skirts_put_right
from models.train.data.long_tops import with_long_top
from models.train.data.patterns import in_other_cloth

RED, BLUE, STREET = (200, 30, 30), (30, 30, 200), (120, 120, 120)


def block(top: int, bottom: int) -> Mask:
    mask = np.zeros((220, 120), bool)
    mask[top:bottom, 40:80] = True
    return mask


def photo(**masks: Mask) -> LabelledPhoto:
    """A person of 200 rows, a red top, blue below."""
    pixels = np.full((220, 120, 3), STREET, np.uint8)
    pixels[block(40, 90)], pixels[block(90, 190)] = RED, BLUE
    return LabelledPhoto("street", pixels, {"person": block(10, 210), **masks})


@pytest.mark.parametrize(
    ("start", "label"),
    [(90, "lower_wear"), (50, "dress")],
)
def test_a_dress_that_starts_under_the_waist_below_a_top_is_a_skirt(start: int, label: str) -> None:
    """Straps and necklines are higher up: below a cardigan a dress stays one."""
    fixed = skirts_put_right(photo(upper_wear=block(40, 90), dress=block(start, 150)))
    assert set(fixed.masks) == {"person", "upper_wear", label}
    assert np.array_equal(fixed.masks[label], block(start, 150))


def test_a_dress_without_a_top_stays_one_however_low_it_starts() -> None:
    """A closed coat hides the rest of it."""
    coated = photo(dress=block(120, 150), outerwear=block(40, 120))
    assert skirts_put_right(coated) is coated


@pytest.mark.parametrize("seed", range(5))
def test_a_top_over_trousers_becomes_a_tunic(seed: int) -> None:
    """It goes on in its own cloth and keeps its name; what it covers is no longer trousers."""
    longer = with_long_top(
        photo(upper_wear=block(40, 90), lower_wear=block(90, 190)), "tunic", np.random.default_rng(seed)
    )
    assert longer is not None
    top, below = longer.masks["upper_wear"], longer.masks["lower_wear"]
    hem = np.flatnonzero(top.any(1))[-1]
    assert 10 + 0.55 * 200 < hem < 10 + 0.82 * 200
    assert not (top & below).any()
    assert below[195 - 10].any()
    cloth = longer.pixels[95 : hem - 3, 55:65].astype(int)
    assert (cloth[..., 0] > cloth[..., 2] + 80).all()
    assert not (top & ~longer.masks["person"]).any()


@pytest.mark.parametrize(
    "masks",
    [
        {"upper_wear": block(40, 90), "lower_wear": block(90, 130)},
        {"upper_wear": block(40, 90), "lower_wear": block(90, 190), "outerwear": block(40, 100)},
        {"dress": block(40, 150), "lower_wear": block(150, 190)},
    ],
)
def test_no_tunic_is_made_of_anything_else(masks: dict[str, Mask]) -> None:
    """Over shorts or a skirt it may be a dress, and a coat lies over it."""
    assert with_long_top(photo(**masks), "tunic", np.random.default_rng(0)) is None


@pytest.mark.parametrize("seed", range(8))
def test_other_cloth_changes_one_garment_and_nothing_else(seed: int) -> None:
    """Its outline, all labels, and the rest of the picture stay."""
    street = photo(upper_wear=block(40, 90))
    dressed = in_other_cloth(street, np.random.default_rng(seed))
    assert dressed.masks is street.masks
    outside = ~np.pad(block(40, 90), 4)[4:-4, 4:-4]
    outside &= ~block(36, 94)
    outside[36:94, 36:84] = False
    assert np.array_equal(dressed.pixels[outside], street.pixels[outside])
    assert np.abs(dressed.pixels[block(44, 86)].astype(int) - RED).mean() > 15


def test_shoes_keep_their_cloth() -> None:
    """Only what is sold in patterns is changed."""
    shoes = photo(foot_wear=block(190, 210))
    assert in_other_cloth(shoes, np.random.default_rng(0)) is shoes
