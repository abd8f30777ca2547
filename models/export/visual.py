"""The visual embedder's way out: network → ONNX with half-size weights → the profile's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.seams import Calibration
from models.export.onnx_file import check_parity, export_module, store_half, store_int8
from models.manifest import ModelSpec, register

FILE = "visual.onnx"
ARCHITECTURE = "densenet121 and colour histogram"
TOLERANCE = 0.02
"""Of the outputs' range: what rounding weights to 11 bits may change."""


def export_visual(
    network: Any,
    folder: Path,
    calibration: Calibration,
    *,
    side: int = 80,
    notes: Mapping[str, Any] | None = None,
) -> str:
    """Write `visual.onnx` (`images` (n, 3, side, side) → `embeddings` (n, 1024)) and register it.

    Args:
        network: a `models.architectures.visual.ServedEmbedder`.
    Returns:
        the fingerprint.
    """
    import torch

    from models.architectures.visual import DIM, MEAN, STD

    generator = torch.Generator().manual_seed(0)
    sample = {"images": torch.randn(2, 3, side, side, generator=generator).clamp(-2, 2)}
    path = folder / FILE
    export_module(network, sample, ["embeddings"], path, {"role": "visual", "architecture": ARCHITECTURE})
    store_int8(path)
    store_half(path)
    check_parity(network, path, sample, TOLERANCE)
    return register(
        folder,
        ModelSpec(
            role="visual",
            file=FILE,
            architecture=ARCHITECTURE,
            input_size=(side, side),
            mean=MEAN,
            std=STD,
            resize="pad_square",
            pad_value=255,
            dim=DIM,
            calibration={"image": calibration},
            notes=dict(notes or {}),
        ),
    )
