"""Colours kept with an item: what is alike, what a colour word finds, and items that have none."""

from __future__ import annotations

import numpy as np
import pytest

from engine.color.palette import (
    NAMES_FACET,
    PALETTE_FACET,
    alike,
    kept_measures,
    measured_facets,
    palette_of,
    palettes_of,
    read_palettes,
    share_of,
)
from engine.color.words import color_anchors, names_near
from engine.domain import Crop

RED, NAVY, WHITE, BLUE = (196, 28, 36), (24, 30, 66), (245, 245, 246), (30, 84, 190)


def garment(*bands: tuple[int, int, int], noise: int = 4, seed: int = 0) -> Crop:
    """Bands of equal height, with the grain of cloth."""
    clean = np.concatenate([np.full((60, 80, 3), rgb, np.int64) for rgb in bands])
    grain = np.random.default_rng(seed).integers(-noise, noise + 1, clean.shape)
    return Crop(np.clip(clean + grain, 0, 255).astype(np.uint8), np.ones(clean.shape[:2], bool))


def test_the_same_cloth_is_most_alike() -> None:
    """A second photo of it before the half of it, before a neighbouring colour, before a far one."""
    others = palettes_of([garment(RED, seed=1), garment(RED, WHITE), garment((165, 35, 55)), garment(NAVY)])
    likeness = alike(palettes_of([garment(RED)]), others)
    assert likeness[0] > 0.95
    assert list(np.argsort(-likeness)) == [0, 1, 2, 3]
    assert likeness[3] < 0.05


def test_likeness_is_mutual_and_whole_with_itself() -> None:
    """Both ways round the same; 1 with itself."""
    one, two = palettes_of([garment(RED, NAVY)]), palettes_of([garment(NAVY, NAVY, WHITE)])
    assert alike(one, two)[0] == pytest.approx(alike(two, one)[0], abs=1e-6)
    assert alike(one, one)[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("crop", "word", "share"),
    [
        (garment(NAVY), "navy", 1.0),
        (garment(NAVY), "dark blue", 1.0),
        (garment(NAVY), "red", 0.0),
        (garment(NAVY, WHITE, WHITE, WHITE), "navy", 0.25),
        (garment((176, 226, 204)), "mint", 1.0),
        (garment((240, 230, 208)), "cream", 1.0),
        (garment(RED), "burgundy", 0.1),
    ],
)
def test_a_word_covers_its_share_of_the_garment(crop: Crop, word: str, share: float) -> None:
    """Named colours, their synonyms and shades between them; a neighbour counts a little, a stranger nothing."""
    anchors = color_anchors(word)
    assert anchors is not None
    assert share_of(palettes_of([crop]), anchors)[0] == pytest.approx(share, abs=0.12)


def test_items_without_a_look_stay_unknown() -> None:
    """Items of before, and whatever a shop's own attribute of that name may hold."""
    whole = measured_facets(garment(BLUE))
    palettes = read_palettes(
        [{}, {PALETTE_FACET: ("nonsense",)}, {PALETTE_FACET: ("g" * 96,)}, whole, {PALETTE_FACET: ()}]
    )
    assert palettes.known.tolist() == [False, False, False, True, False]
    assert np.isnan(alike(palettes_of([garment(BLUE)]), palettes)).tolist() == [True, True, True, False, True]
    anchors = color_anchors("blue")
    assert anchors is not None
    assert np.isnan(share_of(palettes, anchors)).tolist() == [True, True, True, False, True]
    assert len(read_palettes([]).shares) == 0


def test_measures_of_a_picture() -> None:
    """Names and look go into facets; without a garment there are none; new words leave them as they are."""
    crop = garment(NAVY, WHITE)
    facets = measured_facets(crop)
    assert set(facets[NAMES_FACET]) == {"navy", "white"}
    assert facets[PALETTE_FACET] == (palette_of(crop),)
    assert measured_facets(Crop(crop.pixels, np.zeros_like(crop.mask))) == {}
    assert kept_measures({**facets, "brand": ("acme",)}) == facets


def test_words_know_where_their_garments_are_kept() -> None:
    """A shade is kept under the named colour nearest to it; blue is looked for among navy too."""
    assert names_near("navy blue") == {"navy"}
    assert names_near("blue") >= {"blue", "navy"}
    assert names_near("cream") <= {"white", "beige"}
    assert names_near("peach pink") >= {"pink"}
    assert names_near("linen") == frozenset()
    assert color_anchors("linen") is None
