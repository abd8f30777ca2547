"""Embeddings of whole collections are brought into memory where all have room there, from the first search on.

So a photo that nobody has sent before asks each collection once, too: it needs no cosine of the server's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from math import inf
from threading import Lock

from engine.filters import EVERYTHING
from engine.stores.milvus.reads import MilvusReads
from engine.stores.milvus.refill import Refill
from engine.stores.milvus.vectors import LASTS_S


class WarmUp:
    """Of one store. Safe to call from several threads."""

    def __init__(self, reads: MilvusReads, refill: Refill, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads, self._refill, self._clock = reads, refill, clock
        self._begun: dict[str, float] = {}
        self._bytes: dict[str, int] = {}
        self._lock = Lock()

    def __call__(self, names: Collection[str]) -> None:
        """Have these collections fetched behind the searches, each as often as its embeddings grow old."""
        now = self._clock()
        for name in names:
            known = self._reads.known.get(name)
            if known is None or not known.has_stamps or now - self._begun.get(name, -inf) < LASTS_S:
                continue
            row_bytes = self._reads.vectors.bytes_of_row(known.spec.dim)
            if self._has_room(name, self._reads.about(name, EVERYTHING) * row_bytes, now):
                self._refill.want_all(name)

    def _has_room(self, name: str, needed: int, now: float) -> bool:
        """Whether so many bytes find room beside those of the others that are fetched; not asked again for a while."""
        with self._lock:
            self._begun[name] = now
            lasting = (other for other, begun in self._begun.items() if other != name and now - begun < LASTS_S)
            fits = needed + sum(self._bytes.get(other, 0) for other in lasting) <= self._reads.vectors.limit_bytes
            self._bytes[name] = needed if fits else 0
            return fits
