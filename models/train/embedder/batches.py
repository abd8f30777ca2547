"""Batches for metric learning: every identity twice, colour variants side by side as hard negatives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.train.data.crops import CropRecord

VIEWS_PER_IDENTITY = 2
SHOPS = frozenset({"luma"})
"""Sources with photographed products in several views."""
TURNED = 0.8
"""How often the second view is from another side, where there is one."""


class IdentityBatches:
    """Draws rows of the cache: `identities` identities a batch, two views each.

    Half of a batch comes from one class of the taxonomy, since searches run within one. A share
    of the identities are variants of products that have several, drawn two by two: the same cut in
    another colour is the hardest negative there is. Another share are products of a shop that are photographed from
    several sides: there are few of them, and they are what the embedder is for. Views of one identity come from
    different sides mostly.
    """

    def __init__(
        self,
        records: Sequence[CropRecord],
        rows: Sequence[int],
        identities: int,
        variant_share: float = 0.2,
        shop_share: float = 0.2,
    ) -> None:
        self._identities = identities
        self._pairs = max(0, round(identities * variant_share / 2))
        self._shop = round(identities * shop_share)
        self._views_of = [record.view for record in records]
        self._rows: dict[str, list[int]] = defaultdict(list)
        sides: dict[str, set[str]] = defaultdict(set)
        by_product: dict[str, set[str]] = defaultdict(set)
        by_label: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            record = records[row]
            self._rows[record.identity].append(row)
            by_product[record.product].add(record.identity)
            by_label[record.label].add(record.identity)
            if record.source in SHOPS:
                sides[record.identity].add(record.view)
        self._variants = [sorted(v) for _, v in sorted(by_product.items()) if len(v) > 1]
        self._labels = [np.array(sorted(v)) for _, v in sorted(by_label.items())]
        self._turned = sorted(identity for identity, seen in sides.items() if len(seen) > 1)
        self._everything = np.array(sorted(self._rows))
        self._code = {identity: code for code, identity in enumerate(self._everything)}

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the cache and a number for each row's identity, both (2 × identities,)."""
        chosen = self._chosen(rng)
        rows = [row for identity in chosen for row in self._views(self._rows[identity], rng)]
        codes = [self._code[identity] for identity in chosen for _ in range(VIEWS_PER_IDENTITY)]
        return np.array(rows, np.int64), np.array(codes, np.int64)

    def _chosen(self, rng: np.random.Generator) -> list[str]:
        chosen: dict[str, None] = {}
        if self._variants:
            for index in rng.integers(len(self._variants), size=self._pairs):
                chosen.update(dict.fromkeys(rng.choice(self._variants[index], 2, replace=False).tolist()))
        if self._turned:
            chosen.update(
                dict.fromkeys(rng.choice(self._turned, min(self._shop, len(self._turned)), replace=False).tolist())
            )
        sizes = np.array([len(v) for v in self._labels], float) ** 0.5
        of_class = self._labels[rng.choice(len(self._labels), p=sizes / sizes.sum())]
        wanted = max(0, self._identities - len(chosen)) // 2
        chosen.update(dict.fromkeys(rng.choice(of_class, min(wanted, len(of_class)), replace=False).tolist()))
        rest = rng.choice(self._everything, min(len(self._everything), 2 * self._identities), replace=False)
        for identity in rest.tolist():
            if len(chosen) >= self._identities:
                break
            chosen[identity] = None
        return list(chosen)[: self._identities]

    def _views(self, rows: list[int], rng: np.random.Generator) -> list[int]:
        first = int(rng.choice(rows))
        others = [row for row in rows if row != first] or [first]
        turned = [row for row in others if self._views_of[row] != self._views_of[first]]
        return [first, int(rng.choice(turned if turned and rng.random() < TURNED else others))]
