"""The colour namer that captions and their truth are made with."""

from __future__ import annotations

import numpy as np
import pytest

from models.train.clip.recolor import recolored
from models.train.data.colors import COLOR_NAMES, colors_of, sampled_shares


def _cloth(rgb: tuple[int, int, int], size: int = 24) -> np.ndarray:
    return np.full((size, size, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((10, 10, 12), "black"),
        ((250, 250, 250), "white"),
        ((25, 32, 70), "navy"),
        ((40, 90, 200), "blue"),
        ((170, 205, 235), "light blue"),
        ((200, 30, 40), "red"),
        ((100, 25, 40), "burgundy"),
        ((110, 105, 60), "olive"),
        ((215, 196, 165), "beige"),
        ((240, 210, 60), "yellow"),
    ],
)
def test_names_are_a_persons(rgb: tuple[int, int, int], name: str) -> None:
    """A plain colour gets the name that a person gives it."""
    assert colors_of(_cloth(rgb), np.ones((24, 24), bool)) == (name,)


def test_only_the_mask_counts() -> None:
    """A red garment on white is red, however much white surrounds it."""
    picture = _cloth((255, 255, 255))
    mask = np.zeros((24, 24), bool)
    mask[8:12, 8:12] = True
    picture[mask] = (200, 30, 40)
    assert colors_of(picture, mask) == ("red",)
    assert colors_of(picture, np.zeros((24, 24), bool)) == ()


def test_a_second_color_needs_a_quarter() -> None:
    """Two colours are named when the second covers a quarter; a stripe less is left out."""
    picture = _cloth((10, 10, 12))
    everything = np.ones((24, 24), bool)
    picture[:4] = (250, 250, 250)
    assert colors_of(picture, everything) == ("black",)
    picture[:8] = (250, 250, 250)
    assert colors_of(picture, everything) == ("black", "white")
    assert sum(sampled_shares(picture, everything).values()) == pytest.approx(1)


@pytest.mark.parametrize("colour", COLOR_NAMES)
def test_recoloring_gives_the_color_asked_for(colour: str) -> None:
    """A recoloured garment has its new name first, or its closest kin; what is not garment stays."""
    crop = np.full((32, 32, 4), 255, np.uint8)
    crop[..., 3] = 0
    crop[8:24, 8:24] = (90, 120, 160, 255)
    crop[8:24:4, 8:24, :3] = (80, 108, 148)
    rng = np.random.default_rng(1)
    found = [colors_of(out[..., :3], out[..., 3] > 127)[0] for out in (recolored(crop, colour, rng) for _ in range(9))]
    assert found.count(colour) >= 6
    out = recolored(crop, colour, rng)
    assert (out[:8] == crop[:8]).all()
    assert (out[..., 3] == crop[..., 3]).all()
