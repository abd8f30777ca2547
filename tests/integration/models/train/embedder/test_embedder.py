"""Crops, views and batches that the embedders learn from, and how their cosines are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.domain import Garment
from engine.vision.crops import cut
from models.export.logistic import fit_calibration
from models.train.data.crops import CropRecord, masked, read_cache, square_crop, studio_foreground, write_cache
from models.train.embedder.augment import Augmentation, augmented
from models.train.embedder.batches import IdentityBatches
from models.train.embedder.evaluation import hit_rates
from models.train.splits import is_validation


def _record(identity: str, product: str, label: str) -> CropRecord:
    return CropRecord("test", "train", product, identity, label, "thing", "front", ("red",))


RECORDS = [
    _record(f"p{product}-{variant}", f"p{product}", ("upper_wear", "lower_wear")[product % 2])
    for product in range(12)
    for variant in range(1 + product % 3)
    for _ in range(1 + product % 2)
]


def test_triplet_batches_never_mix_identities() -> None:
    """Two rows of a batch have the same number exactly if they show the same variant; each comes twice."""
    batches = IdentityBatches(RECORDS, range(len(RECORDS)), identities=8, variant_share=0.5)
    for seed in range(40):
        rows, codes = batches.draw(np.random.default_rng(seed))
        identities = [RECORDS[row].identity for row in rows]
        for a, one in enumerate(identities):
            for b, other in enumerate(identities):
                assert (codes[a] == codes[b]) == (one == other)
        assert set(Counter(identities).values()) == {2}
        assert len(rows) == 16


def test_batches_hold_only_the_rows_given() -> None:
    """Held-out rows never come into a batch."""
    kept = [i for i, r in enumerate(RECORDS) if not is_validation(r.product, 3)]
    batches = IdentityBatches(RECORDS, kept, identities=6)
    rng = np.random.default_rng(0)
    assert {int(row) for _ in range(50) for row in batches.draw(rng)[0]} <= set(kept)


def test_variants_of_one_product_meet_as_negatives() -> None:
    """Some batch holds two colour variants of one product: the hardest negatives there are."""
    batches = IdentityBatches(RECORDS, range(len(RECORDS)), identities=6, variant_share=0.4)
    rows, _ = batches.draw(np.random.default_rng(0))
    products = Counter(product for product, _ in {(RECORDS[r].product, RECORDS[r].identity) for r in rows})
    assert max(products.values()) >= 2


def test_square_crop_is_the_engines_cut() -> None:
    """Training sees what serving will: `engine.vision.crops.cut`, padded to a square with white."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, (80, 60, 3), np.uint8)
    mask = np.zeros((80, 60), bool)
    mask[10:60, 20:45] = True
    mask[10:20, 20:30] = False
    garment = Garment("dress", "full_body", 1.0, (20, 10, 45, 60), mask[10:60, 20:45])
    served = cut(image, garment).pixels
    side = max(served.shape[:2])
    ours = masked(square_crop(image, mask, size=side))
    left = (side - served.shape[1] + 1) // 2
    window = ours[:, left : left + served.shape[1]]
    assert np.abs(window.astype(int) - served).max() <= 1


def test_a_view_keeps_garment_and_white() -> None:
    """A masked view shows nothing but the garment's colour and white, however it is warped."""
    crop = np.zeros((64, 64, 4), np.uint8)
    crop[..., 1] = 255  # A green wall behind the garment, which must never be seen.
    crop[16:48, 16:48] = (180, 20, 20, 255)
    how = Augmentation(bare_share=0, rough_mask_share=0, soft_share=0, noise=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        view = augmented(crop, 48, rng, how).astype(int)
        assert (
            view[..., 1] - view[..., 0]
        ).max() <= 64  # The rim of a warped mask may blend; the wall itself would give 255.
        assert (view[..., 0] - view[..., 1]).max() > 60


def test_a_white_studio_is_not_the_garment() -> None:
    """White that is joined to the border goes; a white stripe inside the garment stays."""
    image = np.full((40, 40, 3), 250, np.uint8)
    image[10:30, 10:30] = (30, 60, 120)
    image[15:20, 12:28] = 255
    inside = studio_foreground(image)
    assert inside[10:30, 10:30].all()
    assert inside.sum() == 400


def test_cache_round_trip(tmp_path: Path) -> None:
    """Records and crops come back as they were written."""
    crop = np.arange(8 * 8 * 4, dtype=np.uint8).reshape(8, 8, 4)
    assert write_cache(tmp_path, [(RECORDS[0], crop), (RECORDS[1], crop)]) == 2
    records, crops = read_cache(tmp_path)
    assert records == RECORDS[:2]
    assert (crops[1] == crop).all()


def test_calibration_finds_the_logistic() -> None:
    """The midpoint lies where matches and misses are as likely, the scale is that of the mixture."""
    rng = np.random.default_rng(0)
    cosines = rng.uniform(0, 1, 20_000).astype(np.float32)
    matches = rng.random(20_000) < 1 / (1 + np.exp(-(cosines - 0.5) / 0.07))
    found = fit_calibration(cosines, matches)
    assert found.midpoint == pytest.approx(0.5, abs=0.02)
    assert found.scale == pytest.approx(0.07, abs=0.01)


def test_hit_rates_count_any_relevant_row() -> None:
    """A query counts once, by its best relevant row; one without any does not count."""
    gallery = np.eye(3, dtype=np.float32)
    queries = np.array([[1, 0.1, 0], [0.1, 1, 0], [0, 0, 1]], np.float32)
    relevant = np.array([[True, False, False], [True, False, True], [False, False, False]])
    assert hit_rates(queries, gallery, relevant, (1, 2)) == {"queries": 2, "hit_rate_at_1": 0.5, "hit_rate_at_2": 1.0}
