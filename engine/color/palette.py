"""What colours a garment has, small enough to keep with each item: a dozen shades with their shares.

A look is kept as a facet, so every store brings it back unchanged, and items of before simply have none.
Two looks are compared as smooth distributions over CIELAB (a normalised kernel of their shades), which
tells variants of one cut apart where embeddings hardly do: docs/adr/0006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.color.naming import ANCHORS, color_shares, garment_pixels, named_colors, to_lab
from engine.domain import Crop

PALETTE_FACET = "~look"
"""The facet that holds a look; `~` keeps it apart from a shop's own attributes."""
NAMES_FACET = "~colors"
"""The facet that holds the names measured on the picture, for candidates of a colour."""

_SHADES = 12
_STEP = 10.0
"""Side of the CIELAB cells whose pixels make one shade."""
_SPREAD = 7.0
"""How far apart, in CIELAB, two shades may lie and still count as much the same."""
_NAME_SPREAD = 8.0
"""How much further than the nearest name's a wanted colour's anchor may lie and still be meant, in the same units."""
_BLANK = "0" * (_SHADES * 8)
"""A look of shades without shares: unknown."""
_HUE = 1.6**0.5
_VIVID = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Shades and shares of some garments, padded with shades of share 0.

    Attributes:
        lab: (n, 12, 3) float32, CIELAB in whole numbers.
        shares: (n, 12) float32; of a garment without a look they are all 0.
    """

    lab: NDArray[np.float32]
    shares: NDArray[np.float32]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,): which garments have a look."""
        return np.asarray(self.shares.any(axis=1), np.bool_)

    def row(self, at: int) -> Palette:
        """One garment's look alone."""
        return Palette(self.lab[at : at + 1], self.shares[at : at + 1])


def palette_of(crop: Crop) -> str | None:
    """A garment's look as its facet's value, or None where there is no garment."""
    inside = garment_pixels(crop.pixels, crop.mask)
    if not len(inside):
        return None
    lab = to_lab(inside)
    cells = np.round(lab / _STEP).astype(np.int64) + 32
    _, cell, counts = np.unique(cells @ np.array([4096, 64, 1]), return_inverse=True, return_counts=True)
    centres = np.stack([np.bincount(cell, lab[:, axis]) / counts for axis in range(3)], axis=1)
    first = np.argsort(-counts, kind="stable")[:_SHADES]
    shares = np.maximum(np.round(255 * counts[first] / len(lab)), 1)
    table = np.zeros((_SHADES, 4), np.uint8)
    table[: len(first)] = np.column_stack([np.round(centres[first]) + np.array([0, 128, 128]), shares])
    return table.tobytes().hex()


def palettes_of(crops: Sequence[Crop]) -> Palette:
    """The looks of a photo's garments, exactly as an item's would be kept."""
    return read_palettes([{PALETTE_FACET: (palette,)} if (palette := palette_of(crop)) else {} for crop in crops])


def measured_facets(crop: Crop) -> dict[str, tuple[str, ...]]:
    """What a picture alone says of a garment's colours, as facets for its item."""
    palette = palette_of(crop)
    return (
        {PALETTE_FACET: (palette,), NAMES_FACET: named_colors(color_shares(crop.pixels, crop.mask))} if palette else {}
    )


def kept_measures(facets: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Of an item's facets those that were measured: new words of the shop leave them as they are."""
    return {name: facets[name] for name in (PALETTE_FACET, NAMES_FACET) if name in facets}


def read_palettes(facets: Sequence[Mapping[str, tuple[str, ...]]]) -> Palette:
    """The looks of some items; one that has none, or something else in its place, stays unknown."""
    texts = [values[0] if (values := each.get(PALETTE_FACET)) else _BLANK for each in facets]
    if not {*map(len, texts)} <= {len(_BLANK)} or not _is_hex("".join(texts), len(texts)):
        texts = [text if len(text) == len(_BLANK) and _is_hex(text) else _BLANK for text in texts]
    table = np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, _SHADES, 4).astype(np.float32)
    lab = table[..., :3] - np.array([0, 128, 128], np.float32)
    return Palette(lab.astype(np.float32), (table[..., 3] / 255).astype(np.float32))


def alike(one: Palette, others: Palette) -> NDArray[np.float32]:
    """(len(others),) 0 to 1: how alike the first look of `one` and each other are; NaN where either is unknown."""
    cross = _overlap(one, others)
    own, each = _overlap(one, one), _overlap(others, others)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(cross / np.sqrt(own * each), np.float32)


def share_of(palettes: Palette, anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) 0 to 1: how much of each garment a person would call by the colour of these anchors; NaN where unknown.

    A shade counts in full where no named colour is nearer than the anchors, and less the nearer another one is.

    Args:
        anchors: (m, 3) CIELAB.
    """
    some = palettes.shares > 0
    shades = palettes.lab[some]
    wanted = _distance(shades, anchors)
    nearest = np.minimum(_distance(shades, _all_anchors()), wanted)
    belongs = np.zeros_like(palettes.shares)
    belongs[some] = np.exp(-((wanted - nearest) ** 2) / (2 * _NAME_SPREAD**2))
    with np.errstate(invalid="ignore"):
        return np.asarray((palettes.shares * belongs).sum(axis=1) / palettes.shares.sum(axis=1), np.float32)


def _overlap(one: Palette, other: Palette) -> NDArray[np.float32]:
    """(n,) sum over pairs of shades, 1 for equal ones of full share, falling with their distance.

    Shades come first and garments last, since NumPy is quick along long axes alone. No matrix products: these are too
    small for BLAS's threads, which it wakes all the same.
    """
    mine, theirs = (np.ascontiguousarray(look.lab.transpose(2, 1, 0)) for look in (one, other))
    near = np.zeros((1, 1, 1), np.float32)
    for axis in range(3):
        apart = mine[axis][:, None] - theirs[axis]
        near = near + np.multiply(apart, apart, out=apart)
    near *= np.float32(-0.5 / _SPREAD**2)
    np.exp(near, out=near)
    near *= np.sqrt(one.shares).T[:, None]
    near *= np.sqrt(other.shares).T
    return np.asarray(near.sum(axis=(0, 1)), np.float32)


def _distance(shades: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(shades,): distance to the nearest anchor, measured as `engine.color.naming` does; one product of matrices."""
    light = np.where(np.hypot(shades[:, 1], shades[:, 2]) > _VIVID, 0.25, 1.0).astype(np.float32)
    hues, theirs = shades[:, 1:] * _HUE, anchors[:, 1:] * _HUE
    columns = np.stack([light * shades[:, 0], light, *hues.T, np.ones_like(light)])
    factors = np.column_stack([-2 * anchors[:, 0], anchors[:, 0] ** 2, -2 * theirs, (theirs**2).sum(axis=1)])
    nearest = (factors.astype(np.float32) @ columns).min(axis=0)
    squared = nearest + light * shades[:, 0] ** 2 + (hues**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float32)


@cache
def _all_anchors() -> NDArray[np.float32]:
    return to_lab(np.array([rgb for rows in ANCHORS.values() for rgb in rows], np.uint8))


def _is_hex(text: str, looks: int = 1) -> bool:
    try:
        return len(bytes.fromhex(text)) == looks * _SHADES * 4
    except ValueError:
        return False
