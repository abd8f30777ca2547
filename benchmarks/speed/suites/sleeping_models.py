"""Models that take their time and nothing else: so that what is measured is everything around them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from engine.domain import Crop, Embeddings, Garment, GateReport, Person, Pixels, Scene, Space
from engine.taxonomy import Taxonomy, load_taxonomy

DIMS: dict[Space, int] = {"visual": 1024, "semantic": 512}


class SleepingModels:
    """Implements `ingest.run.dependencies.ImageAnalysis`: every look takes `look_s`, every picture shows one shirt."""

    def __init__(self, look_s: float = 0.0) -> None:
        self._look_s = look_s
        self.looks = 0

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes and supercategories."""
        return load_taxonomy()

    def scene(self, image: Pixels) -> Scene:
        """One person in a shirt, after a while."""
        self.looks += 1
        time.sleep(self._look_s)
        height, width = image.shape[:2]
        mask = np.ones((height, width), bool)
        shirt = Garment("upper_wear", "upper_wear", 0.9, (0, 0, width, height), mask)
        return Scene((shirt,), (Person((0, 0, width, height), 0.9),))

    def garments(self, image: Pixels, scene: Scene | None = None) -> tuple[Garment, ...]:
        """The shirt."""
        return (scene or self.scene(image)).garments

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:  # noqa: ARG002
        """A picture to keep."""
        return GateReport(1, "front", True, True, "Full-shot and front-facing.")

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        """Directions that follow from the pixels."""
        return {
            space: np.stack([direction(crop.pixels.tobytes(), dim) for crop in crops]) for space, dim in DIMS.items()
        }


def direction(seed: bytes, dim: int) -> Embeddings:
    """(dim,) of unit length, always the same for a seed."""
    numbers = np.random.default_rng(list(hashlib.sha256(seed).digest())).normal(size=dim).astype(np.float32)
    return numbers / np.linalg.norm(numbers)
