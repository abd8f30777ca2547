"""What the pose model is shown: shares of a batch, held-back products, figures by kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.train.data.keypoints.pose import PoseLabel
from models.train.pose.people import (
    LONG_SIDE,
    SHARES,
    Learned,
    facing_by_kind,
    is_tune,
    sampling_chances,
    shrunk,
    zoomed,
)


def label(name: str, facing: str | None = None) -> PoseLabel:
    return PoseLabel(Path(name), (10.0, 10.0, 50.0, 90.0), np.zeros((17, 3), np.float32), "front", facing)


def person(kind: str, facing: str) -> Learned:
    return Learned(np.zeros((100, 60, 3), np.uint8), label("x.jpg", facing), kind)


def test_shares_are_of_kinds_however_many_pictures_each_has() -> None:
    """A kind that is missing leaves its share to the others."""
    chances = sampling_chances(["a", "a", "a", "b"], {"a": 0.25, "b": 0.25, "c": 0.5})
    assert chances.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_a_batch_shows_backs_as_often_as_fronts_among_legs() -> None:
    """And all shares make one."""
    assert sum(SHARES.values()) == pytest.approx(1)
    assert SHARES["legs, back"] + SHARES["made legs, back"] >= SHARES["legs"] + SHARES["made legs"]


def test_products_are_held_back_whole() -> None:
    """Every colour and view of one; street photos never are."""
    products = [f"mp{number:02}" for number in range(60)]
    held = [product for product in products if is_tune(label(f"luma_{product}-red_main.jpg"))]
    assert 5 < len(held) < 30
    assert all(is_tune(label(f"luma_{product}-blue_back.jpg")) for product in held)
    assert not any(is_tune(label(f"{number:04}.jpg")) for number in range(50))


def test_tune_figures_count_what_is_right_by_its_own_side() -> None:
    """Log-odds of the right view over the other, whichever it is."""
    chances = np.array([[0.8, 0.1, 0, 0.1], [0.8, 0.1, 0, 0.1], [0.1, 0.8, 0, 0.1]], np.float32)
    figures = facing_by_kind([person("legs", "front"), person("legs", "back"), person("shop", "back")], chances)
    assert figures["legs"] == [2, 0.5, 0.0]
    assert figures["shop"] == [1, 1.0, pytest.approx(np.log(8), abs=0.01)]


def test_a_piece_of_a_person_is_too_small_to_tell_by() -> None:
    """It lies in the person's box, and shows at most a third of their height."""
    rng = np.random.default_rng(0)
    pieces = [zoomed(person("legs", "front"), rng).shape for _ in range(50)]
    assert {height <= 0.34 * 80 for height, _, _ in pieces} == {True}
    assert {16 <= width <= 32 for _, width, _ in pieces} == {True}


def test_pictures_are_kept_no_larger_than_needed() -> None:
    """Box and keypoints shrink with the picture; a small one stays as it is."""
    large = Learned(np.zeros((800, 600, 3), np.uint8), label("x.jpg"), "shop")
    small = shrunk(large)
    assert small.pixels.shape == (LONG_SIDE, 300, 3)
    assert small.label.box == (5.0, 5.0, 25.0, 45.0)
    assert small.label.keypoints[0, :2].tolist() == [-0.25, -0.25], "the middle of the first pixel"
    assert shrunk(small) is small
