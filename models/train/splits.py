"""What is held out from training, and for what: every rule in this one place.

Where a data set says itself what is for measuring, that holds. Elsewhere a hash of a name decides, never chance, so
that the sides are the same on every machine and stay so however a set grows; what belongs together (the pictures of
one product, of one person) has one name and so lies on one side.

| data | kept for measuring | rule |
|---|---|---|
| CCP's street photos | its own `val` | `CcpFolder.split` |
| … for choices between recipes | one training photo in fourteen | `is_for_tuning` |
| Luma, for embedders, fusion and segmenter | one product in four | `is_luma_validation` |
| Luma, for the pose model and the gate | one product in five | `is_held_out` |
| … for choices between pose recipes | one product in four | `is_for_facing` |
| Venia and other shops of that catalogue | all of it | `magento_split` |
| flat-lays of the Clothing Dataset | its own column, else one in ten | `is_left_out` |
| drawn catalogues | one group in ten | `is_validation(group, 10)` |
| shop pictures without a person | one product in six | `is_shop_validation` |
| published data sets of others | their own split, else one group in ten | `split_of` |
| photos that a person has labelled | a share that the caller names | `hash_share` |
| words | other names of a kind that no caption says | `synonyms.HELD_OUT` |
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

Split = Literal["train", "val"]
TUNING_ONE_IN = 14
"""CCP: training photos of which one is kept for choices."""
VALIDATION_ONE_IN = 10
"""Data sets of others: groups of which one validates."""


def is_validation(key: str, one_in: int = 4) -> bool:
    """The rule for data without a split of its own: md5(key) mod `one_in` is 0."""
    return _digest(key) % one_in == 0


def hash_share(name: str) -> float:
    """A name's place in [0, 1): names below a share s are that share of all."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


def split_of(group: str) -> Split:
    """The side of a group of photos in a data set that does not say so itself."""
    return "val" if is_validation(group, VALIDATION_ONE_IN) else "train"


def is_for_tuning(photo_id: str) -> bool:
    """Whether a training photo of CCP is kept out of training for choices."""
    return is_validation(f"tune/{photo_id}", TUNING_ONE_IN)


def is_luma_validation(product_id: str) -> bool:
    """Whether embedders, fusion and segmenter are measured on this product of Luma and never see it."""
    return is_validation(f"luma/{product_id}")


def is_held_out(product_id: str) -> bool:
    """Whether the pose model and the gate are measured on this product and never see it."""
    return is_validation(product_id, 5)


def is_for_facing(product_id: str) -> bool:
    """Whether a product of Luma can be held back from all pose training, to choose between recipes."""
    return is_validation(f"facing/{product_id}", 4)


def is_shop_validation(shop: str, product_id: str) -> bool:
    """Whether a shop's product is left out of the pictures of products alone."""
    return is_validation(f"{shop}/{product_id}", 6)


def magento_split(row: Mapping[str, Any]) -> str:
    """The split of a row of `products.jsonl`: all that is not Luma's is only ever measured with."""
    if row["source"] != "luma":
        return "test"
    return "val" if is_luma_validation(row["product_id"]) else "train"


def is_left_out(row: Mapping[str, str]) -> bool:
    """Whether a flat-lay (a row of the Clothing Dataset's `images.csv`) is never trained on, by any model."""
    own = row["split_small"]
    return own in {"validation", "test"} if own else is_validation(row["image"], 10)


def _digest(key: str) -> int:
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
