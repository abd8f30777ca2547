"""The shop's own names of kinds, compared with a query's words by what they mean.

A shop that says "sneakers" has what is asked for as "trainers", and no list of ours knows every shop's names. So the
text embedder reads each name of a category once, and a query's words are near to one name or another.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from engine.seams import TextEmbedder
from engine.words.parsed_text import in_english
from engine.words.plain import spelled

MOST = 200
"""Categories that are compared, those that came first."""
MEANT = 0.5
"""From how near on words mean a category: candidates are asked for in it, and hits say so."""
_AT_ONCE = 16
"""Names that one query waits for: embedding one takes some milliseconds. Later queries read the others."""
_SPREAD = 0.08
"""By how much less alike a name is that comes 1/e as near."""
_STRANGE, _SURE = 0.4, 0.6
"""Cosines of the nearest name up to which words mean none of them, and from which on they surely mean one."""
_LEAST = 0.05
_REMEMBERED = 2_000


class CategoryNames:
    """Names and words with their embeddings. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: dict[str, NDArray[np.float32]] = {}
        self._words: LRUCache[str, NDArray[np.float32]] = LRUCache(_REMEMBERED)

    def read(self, texts: TextEmbedder, names: Sequence[str]) -> None:
        """Embed the names now, so that the first queries need not."""
        names = names[:MOST]
        for start in range(0, len(names), _AT_ONCE):
            self._known(texts, names[start : start + _AT_ONCE])

    def near(self, texts: TextEmbedder, names: Sequence[str], words: str) -> tuple[tuple[str, float], ...]:
        """The names that words come near, the nearest first, each with how near: above 0 to 1."""
        rows = self._known(texts, names[:MOST]) if words else {}
        if not rows:
            return ()
        known, cosines = list(rows), np.stack(list(rows.values())) @ self._said(texts, words)
        best = float(cosines.max())
        sure = float(np.clip((best - _STRANGE) / (_SURE - _STRANGE), 0, 1))
        near = sure * np.exp((cosines - best) / _SPREAD)
        order = [at for at in np.argsort(-near, kind="stable").tolist() if near[at] > _LEAST]
        return tuple((known[at], round(float(near[at]), 3)) for at in order)

    def _known(self, texts: TextEmbedder, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The names' embeddings, all but a few of those that are new."""
        with self._lock:
            new = [name for name in names if name not in self._names][:_AT_ONCE]
            if new:
                rows = texts.embed_texts([spelled(in_english(name)) or name for name in new])
                self._names.update(zip(new, rows, strict=True))
            return {name: self._names[name] for name in names if name in self._names}

    def _said(self, texts: TextEmbedder, words: str) -> NDArray[np.float32]:
        with self._lock:
            row = self._words.get(words)
        if row is None:
            row = texts.embed_texts([words])[0]
            with self._lock:
                self._words[words] = row
        return row
