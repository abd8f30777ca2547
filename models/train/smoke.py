"""Runs of under a minute on generated pictures, which show that training learns. Not for use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.train.clip.training import ClipConfig, train_clip
from models.train.embedder.cache import build_cache
from models.train.embedder.training import EmbedderConfig, train_embedder

OUTFITS = 8


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """The mean loss of the first steps and of the last."""

    first: float
    last: float


def smoke_embedder(folder: Path, steps: int = 40) -> SmokeResult:
    """Train the visual embedder on a few generated garments."""
    build_cache(folder / "cache", None, OUTFITS)
    config = EmbedderConfig(
        folder / "cache", folder / "visual", steps=steps, identities=8, growth=((0.0, 32),), rate=1e-3
    )
    return _watched(lambda report: train_embedder(config, report))


def smoke_clip(folder: Path, steps: int = 30) -> SmokeResult:
    """Train the semantic embedder on a few generated garments with their captions."""
    build_cache(folder / "cache", None, OUTFITS)
    config = ClipConfig(
        folder / "cache", folder / "clip", steps=steps, garments=16, repeated=6, pairs=0, bank=400, side=64, layers=1
    )
    return _watched(lambda report: train_clip(config, report))


def _watched(train: Callable[[Callable[[int, dict[str, float]], None]], Path]) -> SmokeResult:
    totals: list[float] = []
    train(lambda _, losses: totals.append(losses["total"]))
    share = max(1, len(totals) // 5)
    return SmokeResult(float(np.mean(totals[:share])), float(np.mean(totals[-share:])))
