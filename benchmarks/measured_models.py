"""The models that a measurement looks with: those of any profile's folder."""

from __future__ import annotations

from pathlib import Path

from engine.retrieval.search import Calibrations
from engine.taxonomy import load_taxonomy
from engine.vision.pipeline import VisionPipeline
from models.registry import STARTER, WEIGHTS, load_folder
from models.runtime import RuntimeOptions

SHIPPED = WEIGHTS / STARTER


def open_profile(folder: Path = SHIPPED, threads: int | None = None) -> tuple[VisionPipeline, Calibrations]:
    """A profile's models as one thing that looks at pictures, and how their cosines are to be read.

    Raises:
        ModelUnavailable, ModelMismatch: a model is missing or is not the registered one.
    """
    taxonomy = load_taxonomy()
    models = load_folder(folder, options=RuntimeOptions(threads=threads), taxonomy=taxonomy)
    return models.pipeline(taxonomy), models.calibrations
