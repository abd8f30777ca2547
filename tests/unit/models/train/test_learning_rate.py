"""How the learning rate falls along a training, whatever is trained."""

from __future__ import annotations

import pytest

from models.train.schedule import learning_rate_share


def test_the_rate_falls_along_a_cosine_to_its_floor() -> None:
    """Half way it is half way; beyond the end, on a slow last epoch, it stays at the floor."""
    assert learning_rate_share(0.0, 0.1) == pytest.approx(1.0)
    assert learning_rate_share(0.5, 0.1) == pytest.approx(0.55)
    assert learning_rate_share(1.0, 0.1) == learning_rate_share(1.3, 0.1) == pytest.approx(0.1)


def test_it_warms_up_and_never_stands_still() -> None:
    """The first step moves already, and half way of the warm-up it is half of the peak."""
    assert 0 < learning_rate_share(0.0, 0.01, 0.1) < 0.02
    assert learning_rate_share(0.05, 0.01, 0.1) == pytest.approx(0.5, abs=0.02)
    assert learning_rate_share(0.1, 0.01, 0.1) == pytest.approx(1.0)
