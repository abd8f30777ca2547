"""Naming what a garment's pixels look like: the look-up agrees with the definition, and is quick."""

from __future__ import annotations

import numpy as np
import pytest

from engine.color.naming import COLOR_NAMES, color_shares, main_color, name_pixels, named_colors, nearest_names
from engine.domain import Crop


def cloth(*rgbs: tuple[int, int, int], side: int = 400) -> np.ndarray:
    """Bands of equal height, one for each colour."""
    bands = [np.full((side // len(rgbs), side, 3), rgb, np.uint8) for rgb in rgbs]
    return np.concatenate(bands)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((95, 116, 150), "blue"),  # denim
        ((222, 104, 108), "pink"),  # coral
        ((232, 228, 220), "white"),  # off-white under a lamp
        ((150, 185, 220), "light blue"),
        ((24, 30, 66), "navy"),
        ((20, 20, 22), "black"),
        ((90, 24, 40), "burgundy"),
        ((92, 195, 180), "teal"),
        ((206, 184, 150), "beige"),
    ],
)
def test_a_plain_garment_has_a_persons_name(rgb: tuple[int, int, int], name: str) -> None:
    """Denim is blue, not navy; coral is pink, not burgundy; off-white is white."""
    picture = cloth(rgb)
    assert main_color(Crop(picture, np.ones(picture.shape[:2], bool))) == name


def test_the_look_up_agrees_with_the_definition() -> None:
    """Nine random colours in ten get the very name that their own distances give; the rest lie at a border."""
    rgb = np.random.default_rng(0).integers(0, 256, (5000, 3)).astype(np.uint8)
    assert (name_pixels(rgb) == nearest_names(rgb)).mean() > 0.9


def test_every_name_can_be_found() -> None:
    """No name is dead: each is the nearest of some colour."""
    rgb = np.random.default_rng(1).integers(0, 256, (20_000, 3)).astype(np.uint8)
    assert {COLOR_NAMES[i] for i in np.unique(name_pixels(rgb))} == set(COLOR_NAMES)


def test_shares_are_of_the_mask_alone_and_sum_to_one() -> None:
    """A red band and a navy one three times as high, on white that is no garment."""
    picture = np.full((800, 500, 3), 255, np.uint8)
    mask = np.zeros((800, 500), bool)
    mask[100:500, 50:450] = True
    picture[100:200, 50:450], picture[200:500, 50:450] = (196, 28, 36), (24, 30, 66)
    shares = color_shares(picture, mask)
    assert list(shares) == ["navy", "red"]
    assert shares["navy"] == pytest.approx(0.75, abs=0.01)
    assert named_colors(shares) == ("navy", "red")
    assert named_colors({"navy": 0.8, "red": 0.2}) == ("navy",)


def test_a_sliver_is_seen_and_nothing_has_no_color() -> None:
    """A garment that the thinned grid misses is still looked at; an empty mask has no name."""
    picture, mask = np.full((900, 900, 3), 255, np.uint8), np.zeros((900, 900), bool)
    mask[:, 451] = True
    picture[:, 451] = (30, 84, 190)
    assert main_color(Crop(picture, mask)) == "blue"
    assert main_color(Crop(picture, np.zeros((900, 900), bool))) is None
    assert named_colors({}) == ()
