"""After training: measure the semantic embedder, fit how its cosines are read, write it into a profile."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from engine.domain import Embeddings
from engine.seams import Calibration
from models.architectures.semantic_color import MEAN, STD
from models.export.logistic import fit_calibration
from models.export.semantic import export_semantic, load_clip
from models.train.clip.data import remeasured
from models.train.clip.evaluation import (
    color_category_queries,
    composed,
    embed_texts,
    facts_for,
    text_pairs,
    text_to_image,
)
from models.train.clip.kinds import LEARNT
from models.train.data.crops import CropRecord, read_cache
from models.train.embedder.calibration import same_look_pairs
from models.train.embedder.evaluation import embed_crops, evaluate_visual
from models.train.embedder.finish import measured_rows

SERVED_SIDE = 208
"""Pixels of a profile's image tower, those that the heads learn from."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model does on held-out crops, and how its cosines are to be read."""

    figures: dict[str, Any]
    by_image: Calibration
    by_text: Calibration


def finish_clip(
    checkpoint: Path, cache: Path, profile: Path | None, data: Path | None = None, side: int = SERVED_SIDE
) -> dict[str, Any]:
    """Measure words against held-out crops, calibrate both ways of reading, and export if a profile is given."""
    import torch

    clip, tokenizer = load_clip(checkpoint)
    measured = measure_clip(clip, tokenizer, cache, data, side)
    figures = {"step": torch.load(checkpoint, weights_only=True)["step"], **measured.figures}
    if profile:
        profile.mkdir(parents=True, exist_ok=True)
        notes = {"trained": "see models/weights/README.md", "step": figures["step"]}
        notes |= {"measured": figures["text_to_image"]}
        figures["fingerprints"] = export_semantic(
            checkpoint, profile, measured.by_image, measured.by_text, side=side, kinds=LEARNT, notes=notes
        )
    return figures


def measure_clip(
    clip: Any, tokenizer: Tokenizer, cache: Path, data: Path | None = None, side: int = SERVED_SIDE
) -> Measured:
    """Words against held-out crops, and pictures against each other; how both cosines are to be read."""
    records, crops = read_cache(cache)
    records = remeasured(records, crops)
    rows = measured_rows(records)
    kept = [records[row] for row in rows]
    images = embed_crops(clip.visual, crops[rows], side, mean=MEAN, std=STD)
    queries = color_category_queries()
    texts = embed_texts(clip, tokenizer, [q.text for q in queries])
    held_out = {
        source: np.flatnonzero([r.split == "val" and r.source in sources and bool(r.colours) for r in kept])
        for source, sources in {"photos": {"ccp", "clothing", "luma"}, "studio": {"studio"}}.items()
    }
    facts = {name: facts_for([kept[i] for i in at]) for name, at in held_out.items()}
    photos = held_out["photos"] if len(held_out["photos"]) else held_out["studio"]
    by_text = fit_calibration(*text_pairs(texts, images[photos], facts_for([kept[i] for i in photos]), queries))
    by_image = fit_calibration(*same_look_pairs(kept, images, photos[:900]))
    figures: dict[str, Any] = {
        "text_to_image": {
            name: text_to_image(texts, images[at], facts[name], queries) for name, at in held_out.items() if len(at)
        },
        "image_to_image": evaluate_visual(kept, images),
        "calibration": {"image": asdict(by_image), "text": asdict(by_text)},
    }
    if data:
        words = _changes(data)
        figures["composed"] = composed_by_source(
            kept, images, data, dict(zip(words, embed_texts(clip, tokenizer, words), strict=True))
        )
    return Measured(figures, by_image, by_text)


def _triplets(data: Path) -> Path:
    return data / "magento_catalog" / "triplets_colour.jsonl"


def _changes(data: Path) -> list[str]:
    return sorted({json.loads(line)["text"] for line in _triplets(data).read_text("utf-8").splitlines()})


def composed_by_source(
    records: list[CropRecord], images: Embeddings, data: Path, words: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """ "The same item in …" over products that training never saw: venia, and luma's held-out ones."""
    out = {}
    for source, split in (("venia", "test"), ("luma", "val")):
        fronts = {
            r.identity: row
            for row, r in enumerate(records)
            if r.source == source and r.split == split and r.view == "front"
        }
        out[source] = composed(fronts, _triplets(data), images, words)
    return out
