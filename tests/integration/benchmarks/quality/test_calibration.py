"""Reliability by known values: the error itself, and a fit that finds the curve that scores were drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the group `train`")

from benchmarks.quality.calibration.answers import Scored
from benchmarks.quality.calibration.calibration import (
    expected_calibration_error,
    figures_of,
    fit_confidences,
    fit_table,
    promised_across,
    promised_by,
    table_rows,
    targets,
)


def drawn(n: int, seed: int, name: str = "upper_wear", shift: float = -1.0) -> Scored:
    """Scores that promise too much: a hit of score s is right with the odds of s times e^`shift`."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.05, 0.95, n)
    chance = 1 / (1 + np.exp(-(np.log(scores / (1 - scores)) + shift)))
    return Scored(np.full(n, name), scores, rng.random(n) < chance, rng.integers(0, 2, n))


def test_the_error_is_the_mean_distance_in_bins() -> None:
    """By hand: ten bins of two hits; those that promise 0.2 are never right, those that promise 0.9 always."""
    promised = np.array([0.2] * 10 + [0.9] * 10)
    right = np.array([False] * 10 + [True] * 10)
    assert expected_calibration_error(promised, right) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert expected_calibration_error(np.array([0.5] * 20), np.array([True, False] * 10)) == pytest.approx(0.0)


def test_the_fit_finds_the_curve_and_keeps_the_order() -> None:
    """On other hits of the same kind the error falls below 0.03 from 0.2, and no two scores change places."""
    table = fit_table(drawn(4000, 1))
    assert table.of(0.5) == pytest.approx(1 / (1 + np.e), abs=0.05)
    scores = np.linspace(0.06, 0.94, 50)
    assert (np.diff([table.of(float(score)) for score in scores]) >= 0).all()
    assert table.of(0.9) > table.of(0.5) + 0.2
    assert table.of(0.0) == 0.0
    others = drawn(4000, 2)
    fitted = fit_confidences(drawn(4000, 1), "m")
    before = expected_calibration_error(others.scores, others.right)
    after = expected_calibration_error(promised_by(fitted, others), others.right)
    assert before > 0.15
    assert after < 0.03


def test_each_supercategory_with_hits_enough_has_its_own_table() -> None:
    """Few hits, or hits that are all right, tell nothing, and nothing is promised of them."""
    many, few, sure = drawn(600, 1), drawn(50, 2, "foot_wear"), drawn(600, 3, "full_body", shift=99.0)
    parts = [np.concatenate([getattr(each, name) for each in (many, few, sure)]) for name in Scored.__slots__]
    scored = Scored(*parts)
    fitted = fit_confidences(scored, "m")
    assert set(fitted.tables) == {"upper_wear"}
    figures = figures_of(scored, promised_by(fitted, scored))
    assert (figures["foot_wear"]["told"], figures["foot_wear"]["ece_confidence"]) == (0.0, None)
    assert figures["all"]["told"] == pytest.approx(600 / 1250)
    assert [target.name.split(",")[1].strip() for target in targets({"x": figures})] == ["upper_wear", "all"]


def test_each_half_is_told_by_the_other() -> None:
    """Where one half's hits are all right, the other half's are promised to be: nobody judges itself."""
    scored = drawn(1200, 6)
    scored = replace(scored, right=(scored.halves == 1) ^ (np.arange(1200) % 50 == 0))
    promised = promised_across(scored)
    assert np.median(promised[scored.halves == 0]) > 0.9
    assert promised[scored.halves == 1].max() < 0.2


def test_figures_have_the_error_of_scores_and_of_confidence() -> None:
    """By supercategory and of all; targets are about confidence, and only where hits are enough."""
    scored = drawn(2000, 4)
    few = scored.only(np.arange(2000) < 50)
    figures = {"held out": figures_of(scored, promised_across(scored)), "tiny": figures_of(few, np.ones(50))}
    assert set(figures["held out"]) == {"upper_wear", "all"}
    row = figures["held out"]["upper_wear"]
    assert row["ece_confidence"] < 0.1 < row["ece_score"]
    told = targets(figures)
    assert {target.name.partition(",")[0] for target in told} == {"held out"}
    assert all(target.met == (-target.value <= 0.05) for target in told if target.value is not None)
    assert "held out: all, bin 1" in table_rows(figures)
