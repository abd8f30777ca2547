"""After training: measure the visual embedder, fit how its cosines are read, write it into a profile."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from engine.seams import Calibration
from models.export.visual import export_visual
from models.train.embedder_cache import TEACHER
from models.train.embedder_calibration import fit_calibration, same_product_pairs
from models.train.embedder_data import CropRecord, read_cache
from models.train.embedder_eval import embed_crops, evaluate_visual
from models.train.embedder_teacher import unit

SIDE = 112
"""Pixels that the embedder is served with: the best of 96, 112, 128 and 144 after a run that ends at 88."""


def finish_embedder(checkpoint: Path, cache: Path, profile: Path | None, side: int = SIDE) -> dict[str, Any]:
    """Measure on held-out crops (and the teacher on the same ones), calibrate, and export if a profile is given."""
    import torch

    from models.architectures.visual import VisualEmbedder

    state = torch.load(checkpoint, weights_only=True)
    model = VisualEmbedder()
    model.load_state_dict(state["average"])
    records, crops = read_cache(cache)
    rows = measured_rows(records)
    embeddings = embed_crops(model, crops[rows], side)
    kept = [records[row] for row in rows]
    calibration = calibrated(kept, embeddings)
    figures = {
        "step": state["step"],
        "embedder": evaluate_visual(kept, embeddings),
        "teacher": evaluate_visual(kept, unit(np.load(cache / TEACHER)[rows])),
        "calibration": asdict(calibration),
    }
    if profile:
        profile.mkdir(parents=True, exist_ok=True)
        figures["fingerprint"] = export_visual(checkpoint, profile, calibration, side=side, notes=_notes(figures))
    return figures


def measured_rows(records: list[CropRecord]) -> NDArray[np.int64]:
    """Every row that a measurement needs: what is held out, the catalogue, and the flat-lays."""
    return np.flatnonzero([r.split != "train" or r.source in {"luma", "clothing"} for r in records])


def calibrated(records: list[CropRecord], embeddings: Embeddings) -> Calibration:
    """Same variant against another product of its class, on held-out luma and studio garments."""
    rows = np.flatnonzero([r.split == "val" and r.source in {"luma", "studio"} for r in records])
    return fit_calibration(*same_product_pairs(records, embeddings, rows))


def _notes(figures: dict[str, Any]) -> dict[str, Any]:
    return {"trained": "see models/weights/README.md", "step": figures["step"], "measured": figures["embedder"]}
