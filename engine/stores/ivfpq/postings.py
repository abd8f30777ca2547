"""Which rows have a facet's value: 64-bit keys → row numbers in sorted arrays, or bits; a dictionary of recent ones.

A key is a BLAKE2b of the value; that two values of ten million share one has a probability of about 3e-6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import PALETTE_FACET

_DENSE = 32
"""A row number takes 32 bits."""


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


def facet_keys(facets: Mapping[str, Collection[str]]) -> list[int]:
    """The keys of a row's values. A colour look is read and never asked for, so it gets none."""
    return [
        facet_key(facet, value)
        for facet, each in facets.items()
        if facet != PALETTE_FACET
        for value in (dict.fromkeys(each) if len(each) > 1 else each)
    ]


class Postings:
    """Keys → the rows that have them. One writer; readers see whatever was added before they look.

    A value that more than one row in 32 has is kept as a bit for every row, which is smaller there and quicker to read.
    """

    def __init__(self, keys: NDArray[np.uint64], rows: NDArray[np.int32]) -> None:
        """Take pairs; sorting them is quick where they lie in a few sorted runs, as `pairs` gives them.

        Args:
            keys, rows: (n,) each; the pair at i says that row `rows[i]` has `keys[i]`. The rows of one key ascend.
        """
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        values, counts = keys[starts], np.diff(np.append(starts, len(keys)))
        covered = int(rows.max()) + 1 if len(rows) else 0
        dense = counts > max(covered // _DENSE, 1)
        self.dense_keys, self.bits = values[dense], _bits(rows, starts[dense], counts[dense], covered)
        self.keys, self._rows = values[~dense], rows[np.repeat(~dense, counts)]
        small = len(rows) < 1 << 32
        begins = np.append(0, np.cumsum(counts[~dense]))
        self._starts: NDArray[np.integer[Any]] = begins.astype(np.uint32 if small else np.int64)
        self._recent: dict[int, list[int]] = {}

    @classmethod
    def sorted(cls, arrays: Mapping[str, NDArray[Any]]) -> Postings:
        """What `arrays` gave, without sorting it again: that takes seconds for a large catalogue."""
        postings = cls.empty()
        postings.keys, postings._starts, postings._rows = arrays["keys"], arrays["starts"], arrays["rows"]
        postings.dense_keys, postings.bits = arrays["dense_keys"], arrays["bits"]
        return postings

    @classmethod
    def empty(cls) -> Postings:
        """Postings without rows."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.int32))

    def add(self, row: int, keys: Iterable[int]) -> None:
        """Let a new row, greater than all before, be found by these keys."""
        for key in keys:
            self._recent.setdefault(key, []).append(row)

    def has(self, key: int) -> bool:
        """Whether any row has, or had, a key."""
        return key in self._recent or any(_place(keys, key) is not None for keys in (self.keys, self.dense_keys))

    def mark(self, key: int, has: NDArray[np.bool_]) -> None:
        """Set those of the first rows that have a key, as many as `has` is long."""
        if (at := _place(self.dense_keys, key)) is not None:
            bits = np.unpackbits(self.bits[at], count=min(8 * self.bits.shape[1], len(has)), bitorder="little")
            has[: len(bits)] |= bits.view(np.bool_)
        elif (at := _place(self.keys, key)) is not None:
            rows = self._rows[self._starts[at] : self._starts[at + 1]]
            has[rows[rows < len(has)]] = True
        for row in self._recent.get(key, ()):
            if row < len(has):
                has[row] = True

    def pairs(self) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """All pairs of key and row, for remaking."""
        dense = [np.flatnonzero(np.unpackbits(bits, bitorder="little")) for bits in self.bits]
        recent = list(self._recent.values())
        keys: list[NDArray[np.uint64]] = [
            np.repeat(self.keys, np.diff(self._starts)),
            np.repeat(self.dense_keys, [len(rows) for rows in dense]),
            np.repeat(np.array(list(self._recent), np.uint64), [len(rows) for rows in recent]),
        ]
        rows: list[NDArray[Any]] = [self._rows, *dense, np.fromiter(chain.from_iterable(recent), np.int32)]
        return np.concatenate(keys), np.concatenate(rows).astype(np.int32)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the arrays, without what waits in the dictionary."""
        return sum(array.nbytes for array in (self.keys, self._starts, self._rows, self.dense_keys, self.bits))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, as `sorted` takes it, for saving."""
        folded = self.folded()
        return {
            "keys": folded.keys,
            "starts": folded._starts,
            "rows": folded._rows,
            "dense_keys": folded.dense_keys,
            "bits": folded.bits,
        }

    def folded(self) -> Postings:
        """The same with nothing left in the dictionary."""
        return Postings(*self.pairs()) if self._recent else self

    def forked(self) -> Postings:
        """The same, to go on adding to while a reader keeps this one as it is."""
        fork = copy(self)
        fork._recent = {key: rows.copy() for key, rows in self._recent.items()}
        return fork

    def joined(self, keys: NDArray[np.uint64], rows: NDArray[np.int32]) -> Postings:
        """These and more pairs, of rows greater than all before."""
        own_keys, own_rows = self.pairs()
        return Postings(np.concatenate([own_keys, keys]), np.concatenate([own_rows, rows]))

    def renumbered(self, numbers: NDArray[np.int32]) -> Postings:
        """The same for rows under other numbers; -1 leaves a row out."""
        keys, rows = self.pairs()
        renamed = numbers[rows]
        kept = renamed >= 0
        return Postings(keys[kept], renamed[kept])


def _bits(
    rows: NDArray[np.int32], starts: NDArray[np.int64], counts: NDArray[np.int64], covered: int
) -> NDArray[np.uint8]:
    """(values, covered / 8) bits: which of the first `covered` rows have each value."""
    bits = np.zeros((len(starts), (covered + 7) // 8), np.uint8)
    for n, (start, count) in enumerate(zip(starts.tolist(), counts.tolist(), strict=True)):
        has = np.zeros(covered, bool)
        has[rows[start : start + count]] = True
        bits[n] = np.packbits(has, bitorder="little")
    return bits


def _place(keys: NDArray[np.uint64], key: int) -> int | None:
    """Where a key lies among sorted ones."""
    wanted = np.uint64(key)
    at = int(np.searchsorted(keys, wanted))
    return at if at < len(keys) and keys[at] == wanted else None
