"""Fitting the fusion: weights follow what the trials show, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.retrieval.fit_fusion import Trial, fit_weights, ranks_of


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
