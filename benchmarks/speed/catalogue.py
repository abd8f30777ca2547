"""Catalogues of any size to measure with: real embeddings, expanded so that they still look like real ones.

A row is a mixture of one real embedding with some of its nearest neighbours in its supercategory, plus noise drawn
from the covariance of the differences between neighbours, made unit length again. Neighbours and weights are the same
in both spaces, so that paired rows belong together. The noise's amount is fitted: an expansion as large as the sample
must have the sample's median cosine to the nearest neighbour. `likeness` measures how well the rest agrees.

Row i is the same in every size: a catalogue of 10,000 is the beginning of one of a million.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.sample import Sample
from engine.domain import SPACES, Embeddings, Space

VERSION = "1"
"""Raised when the way of expanding changes."""
CHUNK = 8192
"""Rows that one seed makes."""
_NEIGHBOURS = 16
_MIXED = 2
_CONCENTRATION = 0.3
"""Of the mixture's Dirichlet weights: below 1 one embedding dominates, as products cluster around a look."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Embeddings of `n` rows, memory-mapped, and for each row the sample's row that it resembles most.

    Attributes:
        digest: names sample, size and seed.
        anchors: (n,) rows of the sample.
    """

    digest: str
    sample: Sample
    rows: dict[Space, Embeddings]
    anchors: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows from number `start` on, and for each the sample's row that it resembles most."""

    start: int
    rows: dict[Space, Embeddings]
    anchors: NDArray[np.int32]

    @property
    def end(self) -> int:
        """The number of the row after the last."""
        return self.start + len(self.anchors)


class Expander:
    """Draws catalogue rows in chunks; equal seeds draw equal rows."""

    def __init__(self, sample: Sample, *, supercategory: str | None = None, seed: int = 0) -> None:
        self.sample, self.supercategory, self.seed = sample, supercategory, seed
        self.base = sample.gallery(supercategory)
        self._near = self._neighbours()

    @cached_property
    def noise(self) -> dict[Space, float]:
        """By space, how much of the neighbours' differences is added as noise."""
        return {space: self._fit(space) for space in SPACES}

    def chunk(self, number: int) -> tuple[dict[Space, Embeddings], NDArray[np.int32]]:
        """Chunk `number`: CHUNK rows by space, and their anchors in the sample."""
        chosen, weights = self._mixture(number, CHUNK)
        rows = {space: self._mixed(space, chosen, weights, number, self.noise[space]) for space in SPACES}
        return rows, self.base[chosen[:, 0]].astype(np.int32)

    def batches(self, n: int, chunks: int = 1) -> Iterator[Batch]:
        """The first `n` rows, so many chunks at a time."""
        step = CHUNK * chunks
        for start in range(0, n, step):
            count = min(step, n - start)
            rows = {space: np.empty((count, self.sample.rows[space].shape[1]), np.float32) for space in SPACES}
            anchors = np.empty(count, np.int32)
            for at in range(0, count, CHUNK):
                drawn, chosen = self.chunk((start + at) // CHUNK)
                for space in SPACES:
                    rows[space][at : at + CHUNK] = drawn[space][: count - at]
                anchors[at : at + CHUNK] = chosen[: count - at]
            yield Batch(start, rows, anchors)

    def likeness(self) -> dict[Space, dict[str, dict[str, float]]]:
        """Real rows and as many drawn ones beside each other, by space: cosines to neighbours, intrinsic dimension."""
        chosen, weights = self._mixture(-1, len(self.base))
        found: dict[Space, dict[str, dict[str, float]]] = {}
        for space in SPACES:
            drawn = self._mixed(space, chosen, weights, -1, self.noise[space])
            found[space] = {"real": neighbourhood(self.sample.rows[space][self.base]), "drawn": neighbourhood(drawn)}
        return found

    def _neighbours(self) -> NDArray[np.int32]:
        """(n, 1 + neighbours) positions in `base`: each row, then its nearest in the same supercategory."""
        sample, base = self.sample, self.base
        cosines = sum(sample.rows[space][base] @ sample.rows[space][base].T for space in SPACES)
        other = sample.supercategory[base][:, None] != sample.supercategory[base][None]
        cosines = np.where(other, -9.0, cosines)
        np.fill_diagonal(cosines, 9.0)
        return np.argsort(-cosines, axis=1)[:, : 1 + _NEIGHBOURS].astype(np.int32)

    def _mixture(self, number: int, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(n, _MIXED) positions in `base` and their weights, the heaviest first."""
        rng = np.random.default_rng([self.seed, number + 1, 1])
        anchors = rng.integers(len(self.base), size=n)
        others = rng.permuted(np.tile(np.arange(1, self._near.shape[1]), (n, 1)), axis=1)[:, : _MIXED - 1]
        chosen = np.column_stack([self._near[anchors, 0], self._near[anchors[:, None], others]])
        weights = rng.dirichlet([_CONCENTRATION] * _MIXED, size=n).astype(np.float32)
        return chosen, -np.sort(-weights, axis=1)

    def _mixed(
        self, space: Space, chosen: NDArray[np.int32], weights: NDArray[np.float32], number: int, noise: float
    ) -> Embeddings:
        real = self.sample.rows[space][self.base]
        rows = np.einsum("nm,nmd->nd", weights, real[chosen], optimize=True)
        rng = np.random.default_rng([self.seed, number + 1, 2 + SPACES.index(space)])
        basis = self._spread[space]
        rows += noise * (rng.standard_normal((len(rows), len(basis)), np.float32) @ basis)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    @cached_property
    def _spread(self) -> dict[Space, NDArray[np.float32]]:
        """By space a (r, dim) root of the covariance of differences between neighbours."""
        roots: dict[Space, NDArray[np.float32]] = {}
        for space in SPACES:
            real = self.sample.rows[space][self.base]
            differences = (real[:, None] - real[self._near[:, 1:4]]).reshape(-1, real.shape[1])
            values, vectors = np.linalg.eigh(differences.T @ differences / len(differences))
            kept = values > values[-1] * 1e-5
            roots[space] = (vectors[:, kept] * np.sqrt(values[kept])).T.astype(np.float32)
        return roots

    def _fit(self, space: Space) -> float:
        """By halving: the noise at which drawn rows are as near to each other as real ones."""
        wanted = neighbourhood(self.sample.rows[space][self.base])["nearest"]
        chosen, weights = self._mixture(-1, len(self.base))
        low, high = 0.0, 2.0
        for _ in range(10):
            noise = (low + high) / 2
            nearest = neighbourhood(self._mixed(space, chosen, weights, -1, noise))["nearest"]
            low, high = (noise, high) if nearest > wanted else (low, noise)
        return (low + high) / 2


def neighbourhood(rows: Embeddings, k: int = 20) -> dict[str, float]:
    """Median cosines to the first and tenth neighbour, the spread of the first, and the intrinsic dimension.

    Source of the dimension: Levina and Bickel 2004, the maximum likelihood of k neighbours' distances.
    """
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    best = -np.sort(-np.partition(cosines, len(rows) - k - 1, axis=1)[:, -k:], axis=1)
    distances = np.sqrt(np.maximum(2 - 2 * best.astype(np.float64), 1e-9))
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    return {
        "nearest": float(np.median(best[:, 0])),
        "nearest_p10": float(np.quantile(best[:, 0], 0.1)),
        "nearest_p90": float(np.quantile(best[:, 0], 0.9)),
        "tenth": float(np.median(best[:, 9])),
        "dimension": float(1 / np.mean(inverse)),
    }


def load_catalogue(
    sample: Sample, n: int, cache: Path, *, supercategory: str | None = None, seed: int = 0
) -> Catalogue:
    """A catalogue of `n` rows; made the first time (1 M rows: minutes, 5 GB), mapped into memory later."""
    digest = hashlib.sha256(json.dumps([VERSION, sample.digest, supercategory, seed]).encode()).hexdigest()[:16]
    folder = cache / f"catalogue-{digest}-{n}"
    if not (folder / "anchors.npy").exists():
        _write(folder, Expander(sample, supercategory=supercategory, seed=seed), n)
    rows = {space: np.load(folder / f"{space}.npy", mmap_mode="r") for space in SPACES}
    return Catalogue(f"{digest}-{n}", sample, rows, np.load(folder / "anchors.npy"))


def _write(folder: Path, expander: Expander, n: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        space: np.lib.format.open_memmap(
            folder / f"{space}.npy", "w+", np.float32, (n, expander.sample.rows[space].shape[1])
        )
        for space in SPACES
    }
    anchors = np.empty(n, np.int32)
    for batch in expander.batches(n):
        anchors[batch.start : batch.end] = batch.anchors
        for space, file in files.items():
            file[batch.start : batch.end] = batch.rows[space]
    for file in files.values():
        file.flush()
    np.save(folder / "anchors.npy", anchors)  # Last: it says that the others are whole.
