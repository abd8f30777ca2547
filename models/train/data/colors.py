"""The colours of training crops: the serving side's namer (`engine.color.naming`), on pixels and mask.

The names are the training captions' words, and the truth that text searches are measured against,
so training and search can never disagree on what navy is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.color.naming import (
    ANCHORS,
    COLOR_NAMES,
    color_shares,
    garment_pixels,
    name_pixels,
    named_colors,
    to_lab,
)
from engine.domain import Pixels

__all__ = ["ANCHORS", "COLOR_NAMES", "colors_of", "name_pixels", "sampled_shares", "to_lab"]


def sampled_shares(pixels: Pixels, mask: NDArray[np.bool_], sample: int = 1500) -> dict[str, float]:
    """The share of each colour among some of the pixels under the mask, largest first; empty for an empty mask."""
    some = garment_pixels(pixels, mask, sample * 4)[:, None]
    return color_shares(some, np.ones(some.shape[:2], bool))


def colors_of(pixels: Pixels, mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """One or two names, the main colour first."""
    return named_colors(sampled_shares(pixels, mask))
