"""Embeddings in a file of float32 rows: written with `pwrite`, read through a memory map."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from engine.domain import Embeddings

_GROW = 1.5
_LEAST = 1024


class VectorFile:
    """A growing matrix on disk. One writer, any readers.

    Rows are not written through the map: a full disk would then kill the process rather than raise.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self.dim = dim
        self._width = 4 * dim
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._reserve(max(_LEAST, os.fstat(self._fd).st_size // self._width))

    def write(self, start: int, rows: Embeddings) -> None:
        """Write rows from number `start` on.

        Raises:
            OSError: the disk is full, say.
        """
        if not len(rows):
            return
        if start + len(rows) > len(self._map):
            self._reserve(max(start + len(rows), int(len(self._map) * _GROW)))
        data = memoryview(np.ascontiguousarray(rows, np.float32).data).cast("B")
        offset = start * self._width
        while data:
            written = os.pwrite(self._fd, data, offset)
            data, offset = data[written:], offset + written

    @property
    def rows(self) -> Embeddings:
        """All rows as a matrix that lies in the file; those never written are zeros."""
        return self._map

    def trim(self, n: int) -> None:
        """Cut the file after n rows and have it on disk, before closing."""
        os.ftruncate(self._fd, n * self._width)
        os.fsync(self._fd)

    def _reserve(self, capacity: int) -> None:
        os.ftruncate(self._fd, capacity * self._width)
        mapped = mmap.mmap(self._fd, capacity * self._width, prot=mmap.PROT_READ)
        self._map: Embeddings = np.frombuffer(mapped, np.float32).reshape(capacity, self.dim)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)
