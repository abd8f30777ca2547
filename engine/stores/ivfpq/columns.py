"""What is known of every row without reading it: alive, whose it is, its price, where its words lie, what finds it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Item
from engine.filters import Condition, FacetCondition, Filter
from engine.stores.ivfpq.journal import Entry
from engine.stores.ivfpq.lookup import Keys, Lookup
from engine.stores.ivfpq.postings import Postings, facet_key, facet_keys, item_key, product_key
from engine.stores.trailer import append_trailer, is_whole
from engine.system.durable import put_in_place
from engine.values import completed

_LEAST = 1024
FACETS_FORM = 3
"""Raised when facets are found by other keys, so that saved ones are derived anew from the rows' words."""


class OlderForm(Exception):
    """Saved columns with other keys, or without them, as former versions wrote them; `learned` is worth keeping."""

    def __init__(self, learned: int) -> None:
        super().__init__("columns of an older form")
        self.learned = learned


@dataclass(frozen=True, slots=True, eq=False)
class NewRows:
    """What is to be known of new rows, besides where their words lie.

    Attributes:
        items, products: (n,) keys; prices: (n,), NaN where there is none.
        values: the keys of every row's facet values, one row after the other; counts: (n,) how many each row has.
        checks: (n,) of the embeddings, as `vectors.checks_of` gives them.
    """

    items: Keys
    products: Keys
    prices: NDArray[np.float64]
    values: Keys
    counts: NDArray[np.int64]
    checks: NDArray[np.uint32]

    @classmethod
    def of(cls, rows: Sequence[Item | Entry], checks: NDArray[np.uint32]) -> NewRows:
        """Of items, or of what the journal holds of them."""
        facets = [facet_keys(completed(row.facets)) for row in rows]
        return cls(
            np.array([item_key(row.item_id) for row in rows], np.uint64),
            np.array([product_key(row.product_id) for row in rows], np.uint64),
            np.array([np.nan if row.price is None else row.price for row in rows], np.float64),
            np.array([key for each in facets for key in each], np.uint64),
            np.array([len(each) for each in facets], np.int64),
            checks,
        )


class Columns:
    """Arrays by row number, growing by doubling: 49 bytes a row, and at most 4 for each facet value.

    One writer. Rows from `n` on are not there yet; arrays that grew are replaced, never changed in size.
    """

    def __init__(self) -> None:
        self.n = 0
        self.dead = 0
        self.live: NDArray[np.bool_] = np.zeros(_LEAST, bool)
        self.prices: NDArray[np.float64] = np.full(_LEAST, np.nan)
        self.offsets: NDArray[np.int64] = np.zeros(_LEAST, np.int64)
        self.lengths: NDArray[np.int32] = np.zeros(_LEAST, np.int32)
        self.item_keys: Keys = np.zeros(_LEAST, np.uint64)
        self.product_keys: Keys = np.zeros(_LEAST, np.uint64)
        self.checks: NDArray[np.uint32] = np.zeros(_LEAST, np.uint32)
        self.items, self.products = Lookup.over(self.item_keys[:0]), Lookup.over(self.product_keys[:0])
        self.postings = Postings.empty()
        self._unfolded = 0

    def extend(
        self,
        offsets: NDArray[np.int64],
        lengths: NDArray[np.int32],
        prices: NDArray[np.float64],
        items: Keys,
        products: Keys,
        checks: NDArray[np.uint32],
    ) -> range:
        """Add living rows that nothing finds yet; returns their numbers."""
        start, end = self.n, self.n + len(offsets)
        self._reserve(end)
        self.offsets[start:end] = offsets
        self.lengths[start:end] = lengths
        self.prices[start:end] = prices
        self.item_keys[start:end] = items
        self.product_keys[start:end] = products
        self.checks[start:end] = checks
        self.live[start:end] = True
        self.n = end
        return range(start, end)

    def find_by(self, rows: range, values: Keys, counts: NDArray[np.int64], fold_rows: int) -> None:
        """Let new rows be found, by the keys of their facet values and by their own."""
        if len(rows) > fold_rows:  # Straight into the sorted arrays: sorting once is quicker than a dictionary.
            each = np.repeat(np.arange(rows.start, rows.stop, dtype=np.int32), counts)
            self.find_all_by(self.postings.joined(values, each))
            return
        ends = np.cumsum(counts).tolist()
        for row, start, end in zip(rows, [0, *ends], ends, strict=False):
            self.items.add(row, int(self.item_keys[row]))
            self.products.add(row, int(self.product_keys[row]))
            self.postings.add(row, values[start:end].tolist())
        self._unfolded += len(rows)
        if self._unfolded > max(fold_rows, self.n // 10):
            self.fold()

    def fold(self) -> None:
        """Move recent keys into sorted arrays: a few bytes instead of some 150 each."""
        if self._unfolded:
            self.postings = self.postings.folded()
            self._look_up()
            self._unfolded = 0

    def freeze(self) -> None:
        """Leave the present postings to whoever looks at them, and go on with a copy."""
        self.fold()
        self.postings = self.postings.forked()

    def find_all_by(self, postings: Postings) -> None:
        """Let every row be found, by these postings and by its own keys."""
        self.postings = postings
        self._look_up()
        self._unfolded = 0

    def _look_up(self) -> None:
        self.items = Lookup.over(self.item_keys[: self.n])
        self.products = Lookup.over(self.product_keys[: self.n])

    def kill(self, rows: NDArray[np.int64]) -> None:
        """Mark living rows dead; whoever looks at the rows now goes on seeing them alive."""
        if len(rows):
            self.live = self.live.copy()
            self.live[rows] = False
            self.dead += len(rows)

    @property
    def resident_bytes(self) -> int:
        """Bytes in memory, without what waits in the dictionaries of recent keys."""
        lookups = self.items.order.nbytes + self.products.order.nbytes
        return sum(array.nbytes for array in self._arrays().values()) + lookups + self.postings.resident_bytes

    def save(self, path: Path, **marks: int) -> None:
        """Write everything with some marks, at once or not at all."""
        self.fold()
        part = path.with_suffix(".part")
        orders = {"items": self.items.order, "products": self.products.order}
        found_by: dict[str, Any] = {**{name: each[: self.n] for name, each in self._arrays().items()}, **orders}
        found_by |= self.postings.arrays() | {"facets_form": np.array(FACETS_FORM)}
        try:
            with part.open("wb") as file:
                np.savez(file, **found_by, names=np.array(list(marks)), values=np.array(list(marks.values()), np.int64))
            append_trailer(part)
            put_in_place(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def load(self, path: Path) -> dict[str, int]:
        """Read what `save` wrote; returns the marks.

        Raises:
            OlderForm: a former version wrote it.
            FileNotFoundError: it is not there.
            Exception: of many kinds, where it is damaged.
        """
        data = path.read_bytes()
        whole = is_whole(data)
        if whole is False:
            raise ValueError("other bytes than were written")
        with np.load(io.BytesIO(data)) as saved:
            arrays = {name: saved[name] for name in saved.files}
        marks = dict(zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True))
        if "item_keys" not in arrays or int(arrays.get("facets_form", 1)) != FACETS_FORM:
            raise OlderForm(marks["learned"])
        if whole is None and "journal" in marks:  # Those of former versions bear no checksum.
            raise ValueError("other bytes than were written")
        arrays.setdefault("checks", np.zeros(len(arrays["live"]), np.uint32))
        self._reserve(len(arrays["live"]))
        columns = ("row_offsets", "lengths", "prices", "item_keys", "product_keys", "checks")
        self.extend(*(arrays.pop(name) for name in columns))
        self.kill(np.flatnonzero(~arrays.pop("live")))
        self.items, self.products = Lookup(arrays["items"]), Lookup(arrays["products"])
        self.postings = Postings.sorted(arrays)
        return marks

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """By the names they are saved under. `row_offsets` were `offsets` once: former versions must not read these."""
        return {
            "live": self.live,
            "prices": self.prices,
            "row_offsets": self.offsets,
            "lengths": self.lengths,
            "item_keys": self.item_keys,
            "product_keys": self.product_keys,
            "checks": self.checks,
        }

    def _reserve(self, wanted: int) -> None:
        capacity = len(self.live)
        if wanted <= capacity:
            return
        more = max(wanted, 2 * capacity) - capacity
        self.live = np.pad(self.live, (0, more))
        self.prices = np.pad(self.prices, (0, more), constant_values=np.nan)
        self.offsets = np.pad(self.offsets, (0, more))
        self.lengths = np.pad(self.lengths, (0, more))
        self.item_keys = np.pad(self.item_keys, (0, more))
        self.product_keys = np.pad(self.product_keys, (0, more))
        self.checks = np.pad(self.checks, (0, more))


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
        postings.mark(facet_key(condition.facet, value), has)
    return ~has if condition.negated else has
