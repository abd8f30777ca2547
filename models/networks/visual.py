"""The embedder of garment crops: DenseNet121, and the image tower of a CLIP alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.domain import Crop, Embeddings
from engine.errors import ContractBroken
from engine.seams import Calibration
from models.manifest import ModelSpec
from models.networks.preprocess import batch_of, unit_rows
from models.runtime import Session

BATCH = 16
"""Crops per call at most: beyond it memory grows and time per crop no longer falls."""
UNCALIBRATED = Calibration(0.5, 0.1)
"""For a model whose cosines nobody measured: similarity 0.5 counts as undecided."""


class VisualEmbedder:
    """Embeds crops with a network that takes normalised pictures and gives (n, dim) `embeddings`.

    Source: Huang et al. 2017, arXiv:1608.06993; as an embedder of looks: arXiv:2008.11638.
    """

    def __init__(self, spec: ModelSpec, session: Session, fingerprint: str, *, batch: int = BATCH) -> None:
        self._spec = spec
        self._session = session
        self._fingerprint = fingerprint
        self._batch = batch
        self._dim = required_dim(spec)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def calibration(self) -> Calibration:
        """How image-to-image cosines are to be read."""
        return self._spec.calibration.get("image", UNCALIBRATED)

    def embed(self, crops: Sequence[Crop]) -> Embeddings:
        """Embed garment crops for nearest-neighbour search.

        Returns:
            (len(crops), dim) float32, rows of unit L2 norm.
        Raises:
            ContractBroken: the model gave something that is no embedding of its dimension.
            ModelUnavailable: the runtime failed.
        """
        rows = np.zeros((len(crops), self._dim), np.float32)
        for start in range(0, len(crops), self._batch):
            rows[start : start + self._batch] = self._forward(crops[start : start + self._batch])
        return unit_rows(rows)

    def _forward(self, crops: Sequence[Crop]) -> Embeddings:
        spec = self._spec
        inputs = {"images": batch_of([crop.pixels for crop in crops], spec)}
        return checked(self._session.run(inputs)["embeddings"], len(crops), spec)


def required_dim(spec: ModelSpec) -> int:
    """The length of the model's embeddings.

    Raises:
        ContractBroken: its manifest does not say.
    """
    if spec.dim is None:
        raise ContractBroken(f"The manifest gives no `dim` for the {spec.role} model; export it again.")
    return spec.dim


def checked(rows: Embeddings, count: int, spec: ModelSpec) -> Embeddings:
    """The rows themselves, if they are what the manifest promises.

    Raises:
        ContractBroken: another shape, or values that are not numbers.
    """
    if rows.shape != (count, spec.dim):
        raise ContractBroken(
            f"The {spec.role} model gave {rows.shape}, not {count} embeddings of {spec.dim}; export it again."
        )
    if not np.isfinite(rows).all():
        raise ContractBroken(f"The {spec.role} model gave values that are not numbers; try the precision f32.")
    return rows
