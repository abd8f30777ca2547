"""Finding rows by a key that every row has one of, its item's or its product's, for 4 bytes a row besides the keys.

The keys lie in the rows' own order, so that a row's key is read without reading its words: rows are told apart, grouped
and matched with their collections by arrays of keys.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint64]
"""(n,) 64-bit keys by row number."""


class Lookup:
    """Row numbers in the order of their keys, and a small dictionary of recent ones.

    One writer; readers see whatever was added before they look. The keys themselves are the caller's, so that they can
    grow without this.
    """

    def __init__(self, order: NDArray[np.int32]) -> None:
        """Take rows in the order of their keys, those of equal keys ascending, as `over` sorts them."""
        self.order = order
        self._recent: dict[int, list[int]] = {}

    @classmethod
    def over(cls, keys: Keys) -> Lookup:
        """The lookup of these rows."""
        return cls(np.argsort(keys, kind="stable").astype(np.int32))

    def add(self, row: int, key: int) -> None:
        """Let a new row, greater than all before, be found."""
        self._recent.setdefault(key, []).append(row)

    def rows_of(self, keys: Keys, key: int) -> NDArray[np.int64]:
        """The rows that have a key, ascending."""
        wanted = np.array([key], np.uint64)
        start, end = int(self._place(keys, wanted, "left")[0]), int(self._place(keys, wanted, "right")[0])
        return np.append(self.order[start:end], self._recent.get(key, ())).astype(np.int64)

    def newest_of(self, keys: Keys, wanted: Keys) -> NDArray[np.int64]:
        """The greatest row of each wanted key, -1 where there is none."""
        newest = np.full(len(wanted), -1, np.int64)
        if len(self.order):
            at = self._place(keys, wanted, "right") - 1
            last = self.order[at]
            found = (at >= 0) & (keys[last] == wanted)
            newest[found] = last[found]
        if self._recent:
            for n, key in enumerate(wanted.tolist()):
                if recent := self._recent.get(key):
                    newest[n] = recent[-1]
        return newest

    def _place(self, keys: Keys, wanted: Keys, side: Literal["left", "right"]) -> NDArray[np.int64]:
        return np.searchsorted(keys[: len(self.order)], wanted, side, self.order)
