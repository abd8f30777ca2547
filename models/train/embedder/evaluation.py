"""How well embeddings find again what they should: the same variant from behind, the same class from the street."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.domain import Embeddings
from models.architectures.visual import MEAN, STD
from models.train.data.crops import CropRecord, masked
from models.train.embedder.teacher import unit
from models.train.embedder.training import pixels_to_input

RANKS = (1, 5, 10)


@torch.no_grad()
def embed_crops(
    network: nn.Module,
    crops: NDArray[np.uint8],
    size: int,
    batch: int = 32,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> Embeddings:
    """(n, S, S, 4) cached crops, masked → (n, dim), rows of unit L2 norm."""
    network.eval()
    rows = []
    for start in range(0, len(crops), batch):
        pictures = masked(np.asarray(crops[start : start + batch]))
        resized = np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures])
        rows.append(network(pixels_to_input(resized, mean, std)).float().numpy())
    return unit(np.concatenate(rows))


def hit_rates(
    queries: Embeddings, gallery: Embeddings, relevant: NDArray[np.bool_], ranks: Sequence[int] = RANKS
) -> dict[str, float]:
    """hit_rate_at_k: the share of queries with any relevant gallery row among the k nearest.

    Args:
        relevant: (queries, gallery); queries without a relevant row do not count.
    """
    answerable = relevant.any(1)
    order = np.argsort(-(queries[answerable] @ gallery.T), axis=1, kind="stable")
    hits = np.take_along_axis(relevant[answerable], order, 1)
    return {"queries": int(answerable.sum())} | {f"hit_rate_at_{k}": float(hits[:, :k].any(1).mean()) for k in ranks}


def back_to_front(
    records: Sequence[CropRecord], embeddings: Embeddings, sources: Sequence[str] = ("luma", "venia")
) -> dict[str, dict[str, float]]:
    """Backs of held-out products among the fronts of all of them: the exact variant, by source."""
    fronts = np.flatnonzero([r.source in sources and r.view == "front" for r in records])
    identities = np.array([r.identity for r in records])
    out: dict[str, dict[str, float]] = {"gallery": {"fronts": len(fronts)}}
    for source in sources:
        backs = np.flatnonzero([r.source == source and r.view == "back" and r.split != "train" for r in records])
        relevant = np.asarray(identities[backs][:, None] == identities[fronts][None], np.bool_)
        if relevant.any():
            out[source] = hit_rates(embeddings[backs], embeddings[fronts], relevant)
    return out


def neighbours_agree(
    records: Sequence[CropRecord],
    embeddings: Embeddings,
    queries: NDArray[np.int64],
    gallery: NDArray[np.int64],
    of: Callable[[CropRecord], str] = lambda r: r.label,
    k: int = 5,
) -> dict[str, float]:
    """How often the nearest k share a query's class: of the first, of all k, and by majority."""
    order = np.argsort(-(embeddings[queries] @ embeddings[gallery].T), axis=1)[:, :k]
    truth = [of(records[q]) for q in queries]
    found = [[of(records[gallery[g]]) for g in row] for row in order]
    majority = [Counter(row).most_common(1)[0][0] for row in found]
    return {
        "queries": len(queries),
        "at_1": float(np.mean([row[0] == t for row, t in zip(found, truth, strict=True)])),
        f"precision_at_{k}": float(np.mean([np.mean([f == t for f in r]) for r, t in zip(found, truth, strict=True)])),
        "majority": float(np.mean([m == t for m, t in zip(majority, truth, strict=True)])),
    }


def street_to_shop(records: Sequence[CropRecord], embeddings: Embeddings) -> dict[str, float]:
    """CCP val garments among flat-lays and luma fronts: does the neighbours' class agree?"""
    queries = np.flatnonzero([r.source == "ccp" and r.split == "val" and r.label != "" for r in records])
    gallery = np.flatnonzero(
        [(r.source == "clothing" or (r.source == "luma" and r.view == "front")) and r.label != "" for r in records]
    )
    return neighbours_agree(records, embeddings, queries, gallery)


def evaluate_visual(records: Sequence[CropRecord], embeddings: Embeddings) -> Mapping[str, Mapping[str, object]]:
    """All figures of the model card for one set of embeddings over the cache's rows."""
    return {"back_to_front": back_to_front(records, embeddings), "street_to_shop": street_to_shop(records, embeddings)}
