"""The measurement of picking: what is a mistake, and picked against random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.selection import mistakes, selection_figures
from engine.domain import Box, Garment
from models.train.selection.doubt import Doubt
from models.train.selection.selection import Seen


def garment(label: str, box: Box) -> Garment:
    """A garment that fills its box."""
    mask = np.ones((int(box[3] - box[1]), int(box[2] - box[0])), bool)
    return Garment(label, label, 0.9, box, mask, ())


def test_missing_made_up_and_misplaced_garments_are_mistakes() -> None:
    """Two pieces of one class count together, as in the labels."""
    shoes = np.zeros((40, 40), bool)
    shoes[30:40, 0:10] = shoes[30:40, 20:30] = True
    shirt = np.zeros((40, 40), bool)
    shirt[0:20, 0:20] = True
    truth = {"foot_wear": shoes, "upper_wear": shirt}
    pair = [garment("foot_wear", (0, 30, 10, 40)), garment("foot_wear", (20, 30, 30, 40))]
    right = [*pair, garment("upper_wear", (0, 0, 20, 20))]
    assert mistakes(right, truth, (40, 40)) == 0
    assert mistakes(right[2:], truth, (40, 40)) == 1, "no shoes"
    assert mistakes([*right, garment("dress", (0, 0, 20, 20))], truth, (40, 40)) == 1, "a dress that is not there"
    assert mistakes([*pair, garment("upper_wear", (20, 20, 40, 40))], truth, (40, 40)) == 1, "a shirt elsewhere"


def test_picked_photos_are_compared_with_random_ones() -> None:
    """Where doubt goes with mistakes, the picked photos hold more of them than chance gives."""
    seen = [
        Seen(Path(str(k)), (9, 9), (), (), Doubt(k / 20, k / 20, 0), np.eye(20, dtype=np.float32)[k]) for k in range(20)
    ]
    figures = selection_figures(seen, [k // 5 for k in range(20)], 5)
    assert figures["mistakes_per_picked_photo"] == 3
    assert figures["mistakes_per_random_photo"] == pytest.approx(1.5)
    assert 1.5 < figures["random_95_percent"] < 3
