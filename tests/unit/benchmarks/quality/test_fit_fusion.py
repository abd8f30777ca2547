"""Fitting the fusion: weights follow what the trials show, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.retrieval.fit_fusion import Shop, Trial, fit_weights, kind_trials, ranks_of
from benchmarks.quality.retrieval.fused_gallery import Exhibit, Looked
from engine.color.palette import measured_facets, palettes_of
from engine.domain import Crop, Product
from engine.retrieval.search import Calibrations
from engine.seams import Calibration


def trials(informative: int, n: int = 20, products: int = 20) -> list[Trial]:
    """Questions of which one signal alone knows the answer; the others are noise of the same size."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n):
        logits = rng.normal(0, 2, (products, 4)).astype(np.float32)
        right = np.zeros(products, bool)
        right[rng.integers(products)] = True
        logits[right, informative] += 6
        made.append(Trial(logits, right))
    return made


@pytest.mark.parametrize("informative", [0, 3])
def test_the_signal_that_knows_gets_the_weight(informative: int) -> None:
    """Most of the sum goes to it, none is negative, and the right product comes up more often."""
    asked, start = trials(informative), np.ones(4)
    fitted = fit_weights(asked, start)
    assert fitted.argmax() == informative
    assert fitted[informative] > 0.8 * fitted.sum()
    assert (fitted >= 0).all()
    assert fitted.sum() == pytest.approx(start.sum())
    before, after = ranks_of(asked, start), ranks_of(asked, fitted)
    assert after["hit_rate_at_1"] > before["hit_rate_at_1"] + 0.1
    assert after["queries"] == 20


def test_a_signal_that_has_no_part_stays_out() -> None:
    """Weight 0 at the start means that nobody asked it."""
    fitted = fit_weights(trials(1), np.array([1.0, 1.0, 0.0, 1.0]))
    assert fitted[2] == 0


def shop(kinds: list[str], groups: list[str]) -> Shop:
    """Fronts of one supercategory; the semantic embedding tells the kind, the visual one nothing."""
    rng, names = np.random.default_rng(0), sorted(set(kinds))
    crop = Crop(np.full((8, 8, 3), 90, np.uint8), np.ones((8, 8), bool))
    exhibits = tuple(
        Exhibit(Product(f"p{n}", f"Acme {kind}", "", (), item_group_id=group), "upper_wear", "upper_wear", crop)
        for n, (kind, group) in enumerate(zip(kinds, groups, strict=True))
    )
    visual = rng.normal(size=(len(kinds), 16)).astype(np.float32)
    semantic = np.eye(len(names), dtype=np.float32)[[names.index(kind) for kind in kinds]]
    looked = Looked(exhibits, {"visual": visual / np.linalg.norm(visual, axis=1, keepdims=True), "semantic": semantic})
    calibrations = Calibrations(*(Calibration(0.5, 0.1),) * 3)
    crops = [exhibit.crop for exhibit in exhibits]
    measured = tuple(map(measured_facets, crops))
    return Shop(None, calibrations, looked, palettes_of(crops), ("front",) * len(kinds), (), measured)  # type: ignore[arg-type]


def test_a_product_asks_for_every_other_of_its_kind() -> None:
    """Its own group is not in the gallery; kinds of which there are few others are not asked for."""
    kinds = ["tee"] * 8 + ["polo"] * 7 + ["kilt"] * 2
    groups = ["same", "same", *(f"g{n}" for n in range(15))]
    asked = list(kind_trials(shop(kinds, groups)))
    assert [int(trial.right.sum()) for trial in asked] == [6, 6, *[7] * 6, *[6] * 7]
    assert [len(trial.right) for trial in asked] == [15, 15, *[16] * 13]
    assert all(trial.all_of_them for trial in asked)
    knows, guesses = ranks_of(asked, np.array([0, 1, 0, 0])), ranks_of(asked, np.array([1, 0, 0, 0]))
    assert knows["kind_precision_at_10"] == 1
    assert guesses["kind_precision_at_10"] < 0.8
    assert fit_weights(asked, np.array([1.0, 1.0, 0, 0])).argmax() == 1
