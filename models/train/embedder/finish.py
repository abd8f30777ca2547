"""After training: fit the metric, measure the embedder, fit how its cosines are read, write it into a profile."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.domain import Embeddings
from engine.seams import Calibration
from models.architectures.visual import DIM, MEAN, STD, ServedEmbedder, VisualEmbedder
from models.architectures.visual_color import ColorHistogram
from models.export.logistic import fit_calibration
from models.export.visual import export_visual
from models.train.data.crops import CropRecord, read_cache
from models.train.embedder.batches import SHOPS
from models.train.embedder.cache import TEACHER
from models.train.embedder.calibration import same_product_pairs
from models.train.embedder.evaluation import embed_crops, evaluate_visual
from models.train.embedder.metric import Metric, fit_metric
from models.train.embedder.teacher import unit

SIDE = 80
"""Pixels that the embedder is served with."""
COLOR_DIM = 256
"""Of the embedding's 1024 values, those that tell the colours; the network has the rest."""
METRIC_POWER = 0.25
"""How far directions in which one product's pictures vary are pressed together. More finds a variant from behind a
little more often, and others of its kind less."""
FITTED_ON = 1500
"""Crops of the studio that the metric is fitted on, beside all of the shops'."""


def finish_embedder(checkpoint: Path, cache: Path, profile: Path | None, side: int = SIDE) -> dict[str, Any]:
    """Measure on held-out crops (and the teacher on the same ones), calibrate, and export if a profile is given."""
    state = torch.load(checkpoint, weights_only=True)
    network = VisualEmbedder()
    network.load_state_dict(state["average"])
    records, crops = read_cache(cache)
    served = with_metric(network, records, crops, side)
    rows = measured_rows(records)
    kept = [records[row] for row in rows]
    embeddings = embed_crops(served, crops[rows], side)
    calibration = calibrated(kept, embeddings)
    figures = {
        "step": state["step"],
        "embedder": evaluate_visual(kept, embeddings),
        "teacher": evaluate_visual(kept, unit(np.load(cache / TEACHER)[rows])),
        "calibration": asdict(calibration),
    }
    if profile:
        profile.mkdir(parents=True, exist_ok=True)
        figures["fingerprint"] = export_visual(served, profile, calibration, side=side, notes=_notes(figures))
    return figures


def with_metric(
    network: VisualEmbedder, records: list[CropRecord], crops: NDArray[np.uint8], side: int
) -> ServedEmbedder:
    """The network and its colour histogram, each behind the linear layer that training crops ask for."""
    rows = fitting_rows(records)
    identities = [records[row].identity for row in rows]
    pictures = crops[rows]
    deep = fit_metric(embed_crops(network, pictures, side), identities, DIM - COLOR_DIM, power=METRIC_POWER)
    counted = embed_crops(ColorHistogram(MEAN, STD), pictures, side)
    colour = fit_metric(counted, identities, COLOR_DIM, power=0.5)
    return ServedEmbedder(network, as_linear(deep, DIM - COLOR_DIM), as_linear(colour, COLOR_DIM)).eval()


def as_linear(metric: Metric, outputs: int) -> nn.Linear:
    """The metric as a layer; directions that the features do not have give zeros."""
    inputs, kept = metric.directions.shape
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.zero_()[:kept] = torch.from_numpy(metric.directions.T)
        layer.bias.zero_()[:kept] = torch.from_numpy(-metric.mean @ metric.directions)
    return layer


def fitting_rows(records: list[CropRecord]) -> NDArray[np.int64]:
    """Training crops whose products are seen more than once: every shop's, and enough of the studio's."""
    shops = [i for i, r in enumerate(records) if r.split == "train" and r.source in SHOPS]
    studio = [i for i, r in enumerate(records) if r.split == "train" and r.source == "studio"]
    return np.array(shops + studio[:FITTED_ON], np.int64)


def measured_rows(records: list[CropRecord]) -> NDArray[np.int64]:
    """Every row that a measurement needs: what is held out, the catalogue, and the flat-lays."""
    return np.flatnonzero([not r.cut and (r.split != "train" or r.source in {"luma", "clothing"}) for r in records])


def calibrated(records: list[CropRecord], embeddings: Embeddings) -> Calibration:
    """Same variant against another product of its class, on held-out luma and studio garments."""
    rows = np.flatnonzero([r.split == "val" and r.source in {"luma", "studio"} for r in records])
    return fit_calibration(*same_product_pairs(records, embeddings, rows))


def _notes(figures: dict[str, Any]) -> dict[str, Any]:
    return {"trained": "see models/weights/README.md", "step": figures["step"], "measured": figures["embedder"]}
