"""How the learning rate goes along a training, of whatever network."""

from __future__ import annotations

import math

_BEGUN = 1e-3
"""A training's first step has made no progress, and must learn something all the same."""


def learning_rate_share(progress: float, floor: float, warm_up: float = 0.0) -> float:
    """What the peak is multiplied by: a linear warm-up, then half a cosine from 1 down to `floor`.

    It is timm's `CosineLRScheduler` with one cycle, but a function of the progress instead of a count of steps: where
    time is short, a training is as far along as its clock says.

    Args:
        progress: of the training, 0 to 1; beyond its end the rate stays at the floor.
        warm_up: share of the training that warms up.
    """
    if progress < warm_up:
        return (progress + _BEGUN) / warm_up
    fallen = min(1.0, max(0.0, (progress - warm_up) / (1 - warm_up)))
    return floor + (1 - floor) * (1 + math.cos(math.pi * fallen)) / 2
