"""Which rows have a value: 64-bit keys → row numbers, as sorted arrays with a small dictionary of recent ones.

One structure serves everything that is looked up: facet values, a product's rows, an item's row. A key is a
BLAKE2b of the value; that two values of ten million share one has a probability of about 3e-6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.color_look import LOOK_FACET
from engine.domain import Item


def key_of(kind: str, name: str, value: str) -> int:
    """The key of a value; `kind` and `name` keep items, products and facets apart."""
    text = f"{kind}{len(name)}:{name}{value}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def item_key(item_id: str) -> int:
    """The key of one row."""
    return key_of("i", "", item_id)


def product_key(product_id: str) -> int:
    """The key of a product's rows."""
    return key_of("p", "", product_id)


@lru_cache(1 << 16)
def facet_key(facet: str, value: str) -> int:
    """The key of the rows that have a facet's value."""
    return key_of("f", facet, value)


def keys_of(item_id: str, product_id: str, facets: Mapping[str, Iterable[str]]) -> list[int]:
    """Every key that finds a row. A colour look is read and never asked for, so it gets none."""
    asked = {facet: each for facet, each in facets.items() if facet != LOOK_FACET}
    values = [facet_key(facet, value) for facet, each in asked.items() for value in dict.fromkeys(each)]
    return [item_key(item_id), product_key(product_id), *values]


def keys_of_item(item: Item) -> list[int]:
    """Every key that finds an item's row."""
    return keys_of(item.item_id, item.product_id, item.facets)


class Postings:
    """Keys → ascending row numbers. One writer; readers see whatever was added before they look."""

    def __init__(self, keys: NDArray[np.uint64], rows: NDArray[np.int32]) -> None:
        """Take pairs in any order.

        Args:
            keys, rows: (n,) each; the pair at i says that row `rows[i]` has `keys[i]`.
        """
        order = np.lexsort((rows, keys))
        self._rows = rows[order]
        self.keys, starts = np.unique(keys[order], return_index=True)
        small = len(rows) < 1 << 32
        self._starts: NDArray[np.integer[Any]] = np.append(starts, len(rows)).astype(np.uint32 if small else np.int64)
        self._recent: dict[int, list[int]] = {}

    @classmethod
    def sorted(cls, keys: NDArray[np.uint64], starts: NDArray[np.integer[Any]], rows: NDArray[np.int32]) -> Postings:
        """What `arrays` gave, without sorting it again: that takes seconds for a large catalogue."""
        postings = cls.empty()
        postings.keys, postings._starts, postings._rows = keys, starts, rows
        return postings

    @classmethod
    def empty(cls) -> Postings:
        """Postings without rows."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.int32))

    def add(self, row: int, keys: Iterable[int]) -> None:
        """Let a new row, greater than all before, be found by these keys."""
        for key in keys:
            self._recent.setdefault(key, []).append(row)

    def rows_of(self, key: int) -> NDArray[np.int32]:
        """The rows that have a key, ascending."""
        wanted = np.uint64(key)
        at = int(np.searchsorted(self.keys, wanted))
        found = at < len(self.keys) and self.keys[at] == wanted
        sealed = self._rows[self._starts[at] : self._starts[at + 1]] if found else self._rows[:0]
        recent = self._recent.get(key)
        return np.concatenate([sealed, np.array(recent, np.int32)]) if recent else sealed

    def newest_of(self, keys: list[int]) -> NDArray[np.int64]:
        """The greatest row of each key, -1 where there is none."""
        newest = np.full(len(keys), -1, np.int64)
        if len(self.keys):
            wanted = np.array(keys, np.uint64)
            at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            found = self.keys[at] == wanted
            newest[found] = self._rows[self._starts[at[found] + 1] - 1]
        for n, key in enumerate(keys):
            if recent := self._recent.get(key):
                newest[n] = recent[-1]
        return newest

    def pairs(self) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """All pairs of key and row, for saving and remaking."""
        keys = np.repeat(self.keys, np.diff(self._starts))
        recent = [(key, row) for key, rows in self._recent.items() for row in rows]
        if not recent:
            return keys, self._rows
        more_keys = np.array([key for key, _ in recent], np.uint64)
        return np.concatenate([keys, more_keys]), np.append(self._rows, np.array([r for _, r in recent], np.int32))

    @property
    def sealed(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """The sorted arrays, without what is recent."""
        return self.keys, self._starts, self._rows

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, by the names that `sorted` takes, for saving."""
        return dict(zip(("keys", "starts", "rows"), self.folded().sealed, strict=True))

    def folded(self) -> Postings:
        """The same with nothing left in the dictionary."""
        return Postings(*self.pairs()) if self._recent else self

    def forked(self) -> Postings:
        """The same, to go on adding to while a reader keeps this one as it is."""
        fork = copy(self)
        fork._recent = {key: rows.copy() for key, rows in self._recent.items()}
        return fork

    def renumbered(self, numbers: NDArray[np.int32]) -> Postings:
        """The same for rows under other numbers; -1 leaves a row out."""
        keys, rows = self.pairs()
        renamed = numbers[rows]
        kept = renamed >= 0
        return Postings(keys[kept], renamed[kept])
