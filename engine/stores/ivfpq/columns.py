"""What is known of every row without reading it: alive or dead, price, where its words lie, what finds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.filters import Condition, FacetCondition, Filter
from engine.stores.ivfpq.postings import Postings, facet_key

_LEAST = 1024


class Columns:
    """Arrays by row number, growing by doubling. About 40 bytes a row, and 4 for each further facet value.

    One writer. Rows from `n` on are not there yet; arrays that grew are replaced, never changed in size.
    """

    def __init__(self) -> None:
        self.n = 0
        self.dead = 0
        self.live: NDArray[np.bool_] = np.zeros(_LEAST, bool)
        self.prices: NDArray[np.float64] = np.full(_LEAST, np.nan)
        self.offsets: NDArray[np.int64] = np.zeros(_LEAST, np.int64)
        self.lengths: NDArray[np.int32] = np.zeros(_LEAST, np.int32)
        self.postings = Postings.empty()
        self._unfolded = 0

    def extend(
        self,
        offsets: NDArray[np.int64],
        lengths: NDArray[np.int32],
        prices: NDArray[np.float64],
    ) -> range:
        """Add living rows that nothing finds yet; returns their numbers."""
        start, end = self.n, self.n + len(offsets)
        self._reserve(end)
        self.offsets[start:end] = offsets
        self.lengths[start:end] = lengths
        self.prices[start:end] = prices
        self.live[start:end] = True
        self.n = end
        return range(start, end)

    def find_by(self, rows: range, keys: Sequence[list[int]], fold_rows: int) -> None:
        """Let new rows be found by their keys."""
        for row, each in zip(rows, keys, strict=True):
            self.postings.add(row, each)
        self._unfolded += len(rows)
        if self._unfolded > max(fold_rows, self.n // 10):
            self.fold()

    def fold(self) -> None:
        """Move recent keys into sorted arrays: 10 instead of some 150 bytes each."""
        self.postings = self.postings.folded()
        self._unfolded = 0

    def freeze(self) -> None:
        """Leave the present postings to whoever looks at them, and go on with a copy."""
        self.fold()
        self.postings = self.postings.forked()

    def kill(self, rows: NDArray[np.int64]) -> None:
        """Mark living rows dead; whoever looks at the rows now goes on seeing them alive."""
        if len(rows):
            self.live = self.live.copy()
            self.live[rows] = False
            self.dead += len(rows)

    @property
    def resident_bytes(self) -> int:
        """Bytes in memory, without what waits in the dictionary of recent keys."""
        arrays = (self.live, self.prices, self.offsets, self.lengths, *self.postings.sealed)
        return sum(array.nbytes for array in arrays)

    def save(self, path: Path, **marks: int) -> None:
        """Write everything with some marks, at once or not at all."""
        part = path.with_suffix(".part")
        found_by: dict[str, Any] = self.postings.arrays()
        with part.open("wb") as file:
            np.savez(
                file,
                live=self.live[: self.n],
                prices=self.prices[: self.n],
                offsets=self.offsets[: self.n],
                lengths=self.lengths[: self.n],
                **found_by,
                names=np.array(list(marks)),
                values=np.array(list(marks.values()), np.int64),
            )
        part.replace(path)

    def load(self, path: Path) -> dict[str, int]:
        """Read what `save` wrote; returns the marks.

        Raises:
            OSError, ValueError, KeyError: it is not there, or damaged.
        """
        with np.load(path) as saved:
            arrays = {name: saved[name] for name in saved.files}
        self._reserve(len(arrays["live"]))
        self.extend(arrays.pop("offsets"), arrays.pop("lengths"), arrays.pop("prices"))
        self.kill(np.flatnonzero(~arrays.pop("live")))
        if "starts" in arrays:
            self.postings = Postings.sorted(arrays["keys"], arrays["starts"], arrays["rows"])
        else:  # Written before the sorted form was kept.
            self.postings = Postings(arrays["keys"], arrays["rows"])
        return dict(zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True))

    def _reserve(self, wanted: int) -> None:
        capacity = len(self.live)
        if wanted <= capacity:
            return
        more = max(wanted, 2 * capacity) - capacity
        self.live = np.pad(self.live, (0, more))
        self.prices = np.pad(self.prices, (0, more), constant_values=np.nan)
        self.offsets = np.pad(self.offsets, (0, more))
        self.lengths = np.pad(self.lengths, (0, more))


def matching(
    where: Filter, live: NDArray[np.bool_], prices: NDArray[np.float64], postings: Postings
) -> NDArray[np.bool_]:
    """Which rows are alive and match, as `Filter.matches` would say row by row."""
    allowed = live.copy()
    for condition in where.conditions:
        allowed &= _holds(condition, len(live), prices, postings)
    return allowed


def _holds(condition: Condition, n: int, prices: NDArray[np.float64], postings: Postings) -> NDArray[np.bool_]:
    if not isinstance(condition, FacetCondition):
        within: NDArray[np.bool_] = (prices >= condition.minimum) & (prices <= condition.maximum)
        return within
    has = np.zeros(n, bool)
    for value in condition.values:
        rows = postings.rows_of(facet_key(condition.facet, value))
        has[rows[rows < n]] = True
    return ~has if condition.negated else has
