"""The models for work in the background of a server: a search that comes is not kept waiting for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.domain import SPACES, Crop, Embeddings, Garment, GateReport, Pixels, Scene, Space
from engine.taxonomy import Taxonomy
from engine.traffic import Traffic
from ingest.run.dependencies import ImageAnalysis

FEW = 4
"""Crops that are embedded at a time: so long a search waits at most."""


class GivingWay:
    """Implements `ImageAnalysis`: asks the models when no search is under way, or after a short wait."""

    def __init__(self, inner: ImageAnalysis, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes and supercategories."""
        return self._inner.taxonomy

    def scene(self, image: Pixels) -> Scene:
        """Garment pieces and people, as detected."""
        self._traffic.give_way()
        return self._inner.scene(image)

    def garments(self, image: Pixels, scene: Scene | None = None) -> tuple[Garment, ...]:
        """The main person's garments, pieces joined."""
        return self._inner.garments(image, scene)

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:
        """View and coverage."""
        self._traffic.give_way()
        return self._inner.gate(image, scene)

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        """Both embeddings of every crop, a few at a time."""
        done: list[dict[Space, Embeddings]] = []
        for start in range(0, len(crops), FEW):
            self._traffic.give_way()
            done.append(self._inner.embed(crops[start : start + FEW]))
        if len(done) < 2:
            return done[0] if done else self._inner.embed(crops)
        return {space: np.concatenate([each[space] for each in done]) for space in SPACES}
