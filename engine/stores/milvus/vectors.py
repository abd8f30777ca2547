"""Embeddings of rows seen lately, two bytes a number, kept in this process: they give cosines without a question.

Every row carries a hash of its item's embeddings, those of all collections that were written with it. An embedding is
kept under the hash of the very row it was read from; so what is kept can never be out of date: other embeddings have
another hash, in each of the paired rows.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from engine.seams import CollectionChange

LASTS_S = 3600.0
"""How long an embedding is kept; nothing depends on it but what somebody changes past `MilvusStore.change`."""
_OVERHEAD = 250
"""Bytes of one entry beside its numbers, about."""
_STEPS = 32_767
_SCALE = 2
"""Numbers of two bytes in front of each kept row: a float32, which one step stands for."""


def pair_hashes(changes: Sequence[CollectionChange]) -> dict[str, str]:
    """item_id → a hash of the item's embeddings in all collections that are written together."""
    digests: dict[str, blake2b] = {}
    for change in sorted(changes, key=lambda each: each.name):
        rows = () if change.embeddings is None else change.embeddings
        last = {item.item_id: row for item, row in zip(change.items, rows, strict=False)}
        for item_id, row in last.items():
            digest = digests.setdefault(item_id, blake2b(digest_size=9))
            digest.update(np.ascontiguousarray(row, np.float32).tobytes())
    return {item_id: b64encode(digest.digest()).decode() for item_id, digest in digests.items()}


class Vectors:
    """Embeddings by collection and hash in so many bytes; those that came first go first."""

    def __init__(
        self, limit_bytes: int, *, lasts_s: float = LASTS_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit_bytes, self._lasts_s, self._clock = limit_bytes, lasts_s, clock
        self._kept: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._bytes = 0
        self._lock = Lock()

    @property
    def is_on(self) -> bool:
        """Whether anything may be kept."""
        return self.limit_bytes > 0

    @staticmethod
    def bytes_of_row(dim: int) -> int:
        """What one row takes, about."""
        return 2 * (_SCALE + dim) + _OVERHEAD

    def has(self, name: str, pair_hash: str) -> bool:
        """Whether a row of a collection is kept."""
        return (name, pair_hash) in self._kept

    def cosines(
        self, name: str, hashes: Sequence[str], queries: Embeddings
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which rows of a collection are kept, and the cosines of these alone, (kept rows, queries).

        They are off by 2e-5 at most with the starter's models: a row's numbers are told in steps of its greatest one's
        32,767th part.
        """
        self._forget_old()
        found = [self._kept.get((name, each)) for each in hashes]
        there = np.array([each is not None for each in found], bool)
        packed = b"".join(each[1] for each in found if each is not None)
        rows = np.frombuffer(packed, np.int16).reshape(-1, _SCALE + queries.shape[1])
        scales = np.ascontiguousarray(rows[:, :_SCALE]).view(np.float32)
        return there, np.asarray((rows[:, _SCALE:].astype(np.float32) @ queries.T) * scales, np.float32)

    def keep(self, name: str, hashes: Sequence[str], embeddings: Embeddings) -> None:
        """Remember rows of a collection under their hashes."""
        if not len(embeddings):
            return
        scales = (np.abs(embeddings).max(axis=1, keepdims=True) / _STEPS).astype(np.float32)
        steps = np.rint(embeddings / np.where(scales, scales, 1)).astype(np.int16)
        rows, now = np.concatenate([scales.view(np.int16), steps], axis=1), self._clock()
        with self._lock:
            for each, row in zip(hashes, rows, strict=True):
                self._drop((name, each))
                self._kept[name, each] = (now, row.tobytes())
                self._bytes += row.nbytes + _OVERHEAD
            while self._bytes > self.limit_bytes:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept, self._bytes = {}, 0

    def _forget_old(self) -> None:
        before = self._clock() - self._lasts_s
        with self._lock:
            while (first := next(iter(self._kept), None)) is not None and self._kept[first][0] < before:
                self._drop(first)

    def _drop(self, key: tuple[str, str]) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._bytes -= len(kept[1]) + _OVERHEAD
