"""The CLIP's training rows: crops of the cache, what is known of them, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.train.clip.captions import SHADES, Facts, facts_of
from models.train.data.colors import colors_of, sampled_shares
from models.train.data.crops import CropRecord, read_cache

PLAIN_SHARE = 0.85
"""A garment this much of one colour is plain; below PATTERNED_SHARE it is patterned."""
PATTERNED_SHARE = 0.5
GENERATED_SHARE = 0.25
"""How often a generated crop is drawn, against a photographed one."""
MEASURED = {"ccp", "clothing"}
"""Sources whose colours are measured on the pixels; the others' shops say them."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedCrops:
    """The training rows: pictures, what is known of them, and how often each is drawn."""

    records: Sequence[CropRecord]
    crops: NDArray[np.uint8]
    rows: NDArray[np.int64]
    odds: NDArray[np.float64]
    plain: Sequence[bool | None]


def open_crops(cache: Path) -> CaptionedCrops:
    """Read the cache; rare colours and kinds are drawn more often than they occur."""
    records, crops = read_cache(cache)
    records = remeasured(records, crops)
    rows = np.flatnonzero([r.split == "train" and bool(r.colours) for r in records])
    odds = balance([records[row].colours[0] for row in rows]) * balance([records[row].category for row in rows])
    odds *= np.where([records[row].source == "studio" for row in rows], GENERATED_SHARE, 1.0)
    plain = [plainness(crop) for crop in crops]
    return CaptionedCrops(records, crops, rows, odds / odds.sum(), plain)


def facts_in(crops: CaptionedCrops, row: int, dye: str = "") -> Facts:
    """What is known of a crop, as photographed or in the colour or shade that it is dyed in."""
    record, plain = crops.records[row], crops.plain[row]
    if dye in SHADES:
        return facts_of(record, (), plain=plain, shade=dye)
    return facts_of(record, [dye] if dye else None, plain=plain)


def remeasured(records: Sequence[CropRecord], crops: NDArray[np.uint8]) -> list[CropRecord]:
    """Records with their colours as `colors_of` names them today: a cache may be older than the names."""
    return [
        replace(record, colours=colors_of(crop[..., :3], crop[..., 3] > 200)) if record.source in MEASURED else record
        for record, crop in zip(records, crops, strict=True)
    ]


def balance(names: Sequence[str]) -> NDArray[np.float64]:
    """One weight per row, by the inverse root of how many share its name."""
    _, back, counts = np.unique(names, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / np.sqrt(counts[back]), np.float64)


def plainness(crop: NDArray[np.uint8]) -> bool | None:
    """Whether the garment is of one colour; None where it is hard to say."""
    shares = sampled_shares(crop[..., :3], crop[..., 3] > 200, sample=400)
    top = next(iter(shares.values()), 0.0)
    return True if top >= PLAIN_SHARE else False if top < PATTERNED_SHARE else None
