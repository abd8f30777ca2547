"""Embeddings in a file of float32 rows: written with `pwrite`, read through a memory map, each with a checksum."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings

_GROW = 1.5
_LEAST = 1024
_CHUNK = 4096


class VectorFile:
    """A growing matrix on disk. One writer, any readers. Opening writes nothing.

    Rows are not written through the map: a full disk would then kill the process rather than raise.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self.dim = dim
        self._width = 4 * dim
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._map_rows(os.fstat(self._fd).st_size // self._width)

    def write(self, start: int, rows: Embeddings) -> None:
        """Write rows from number `start` on.

        Raises:
            OSError: the disk is full, say.
        """
        if not len(rows):
            return
        if start + len(rows) > len(self._map):
            self._reserve(max(start + len(rows), int(len(self._map) * _GROW), _LEAST))
        data = memoryview(np.ascontiguousarray(rows, np.float32).data).cast("B")
        offset = start * self._width
        while data:
            written = os.pwrite(self._fd, data, offset)
            data, offset = data[written:], offset + written

    @property
    def rows(self) -> Embeddings:
        """All rows as a matrix that lies in the file; those never written are zeros."""
        return self._map

    def damaged(
        self, checks: NDArray[np.uint32], live: NDArray[np.bool_], cancelled: Callable[[], bool] = lambda: False
    ) -> NDArray[np.int64]:
        """The living rows among the first `len(checks)` whose bytes do not have the checksums that they were written
        with; those that the file lacks are among them.
        """
        there = os.fstat(self._fd).st_size // self._width  # Reading a map behind its file's end kills the process.
        rows = self._map[:there]
        bad = np.arange(len(checks)) >= len(rows)
        for start in range(0, min(len(checks), len(rows)), _CHUNK):
            if cancelled():
                break
            part = checks_of(rows[start : min(start + _CHUNK, len(checks))])
            bad[start : start + len(part)] = part != checks[start : start + len(part)]
        return np.flatnonzero(bad & live)

    def trim(self, n: int) -> None:
        """Cut the file after n rows, before closing."""
        if os.fstat(self._fd).st_size > n * self._width:
            os.ftruncate(self._fd, n * self._width)
            os.fsync(self._fd)

    def is_at(self, path: Path) -> bool:
        """Whether this is still the file that lies there."""
        return is_open_file(self._fd, path)

    def sync(self) -> None:
        """Have everything on disk."""
        os.fsync(self._fd)

    def _reserve(self, capacity: int) -> None:
        os.ftruncate(self._fd, capacity * self._width)
        self._map_rows(capacity)

    def _map_rows(self, capacity: int) -> None:
        if not capacity:
            self._map: Embeddings = np.empty((0, self.dim), np.float32)
            return
        mapped = mmap.mmap(self._fd, capacity * self._width, prot=mmap.PROT_READ)
        self._map = np.frombuffer(mapped, np.float32).reshape(capacity, self.dim)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)


def is_open_file(fd: int, path: Path) -> bool:
    """Whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def checks_of(rows: Embeddings) -> NDArray[np.uint32]:
    """(n,) the CRC-32 of each row's bytes: 5 GB/s on one thread."""
    crc32 = zlib.crc32
    return np.fromiter((crc32(row) for row in np.ascontiguousarray(rows, "<f4")), np.uint32, len(rows))
