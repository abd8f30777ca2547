"""The visual embedder's way out: checkpoint → ONNX with half-size weights → the profile's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.seams import Calibration
from models.export.onnx_file import check_parity, export_module, store_half
from models.manifest import ModelSpec, register

FILE = "visual.onnx"
TOLERANCE = 0.02
"""Of the outputs' range: what rounding weights to 11 bits may change."""


def export_visual(
    checkpoint: Path,
    folder: Path,
    calibration: Calibration,
    *,
    side: int = 160,
    notes: Mapping[str, Any] | None = None,
) -> str:
    """Write `visual.onnx` (`images` (n, 3, side, side) → `embeddings` (n, 1024)) and register it.

    Returns:
        the fingerprint.
    """
    import torch

    from models.architectures.visual import DIM, MEAN, STD, VisualEmbedder

    model = VisualEmbedder()
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    generator = torch.Generator().manual_seed(0)
    sample = {"images": torch.randn(2, 3, side, side, generator=generator)}
    path = folder / FILE
    export_module(model, sample, ["embeddings"], path, {"role": "visual", "architecture": "densenet121"})
    store_half(path)
    check_parity(model, path, sample, TOLERANCE)
    return register(
        folder,
        ModelSpec(
            role="visual",
            file=FILE,
            architecture="densenet121",
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
