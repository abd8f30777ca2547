"""What every case of `thatlook bench recall` works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.catalogue import CHUNK, Expander
from benchmarks.speed.home import ItemMaker
from benchmarks.speed.run import BenchSettings, dataset_hash
from benchmarks.speed.sample import Sample, load_sample
from engine.domain import SPACES, Embeddings, Item, Space
from engine.retrieval.search import Calibrations
from models.bootstrap import build_pipeline
from models.settings import read_settings

SUPERCATEGORY = "upper_wear"
"""All rows lie in one supercategory: the hardest case for an index, as neighbours are of one kind."""
FILTERS: dict[float, tuple[str, int]] = {
    1.0: ("", 1),
    0.5: ("attributes.half=0", 2),
    0.1: ("attributes.tenth=0", 10),
    0.01: ("attributes.hundredth=0", 100),
    0.001: ("attributes.thousandth=0", 1000),
}
"""Share of matching rows → the filter that selects it, and which rows those are: every so many-th."""
TIE = 1e-6
_EXPANDABLE = 40
"""Products from which others are drawn: their nearest neighbours are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every case works with."""

    sample: Sample
    expander: Expander
    calibrations: Calibrations
    queries: dict[Space, Embeddings]

    @property
    def dataset(self) -> str:
        """Names the rows, whatever their number."""
        return dataset_hash(self.sample.digest, SUPERCATEGORY, str(self.expander.seed))

    def items(self, anchors: Sequence[int], start: int) -> list[Item]:
        """The items of rows from `start` on, one for each of the sample's rows that they resemble."""
        return ItemMaker(self.sample, supercategory=SUPERCATEGORY).items(anchors, start)

    def more_queries(self, n: int) -> dict[Space, Embeddings]:
        """So many queries: the held-out products' embeddings, expanded as a catalogue's are; or these repeated."""
        if len(self.queries["visual"]) < _EXPANDABLE:
            return {space: np.resize(rows, (n, rows.shape[1])) for space, rows in self.queries.items()}
        held_out = Expander(replace(self.sample, query=~self.sample.query), supercategory=SUPERCATEGORY)
        (batch,) = held_out.batches(n, chunks=-(-n // CHUNK))
        return {space: np.ascontiguousarray(rows) for space, rows in batch.rows.items()}


def gather(settings: BenchSettings) -> Material:
    """The sample of the profile's models, and its held-out products as queries."""
    pipeline, calibrations = build_pipeline(read_settings({"home": settings.work, "profile": settings.profile}))
    products = 120 if settings.size == "tiny" else 1200
    sample = load_sample(pipeline, settings.work / "cache", products=products, seed=settings.seed)
    chosen = sample.queries(SUPERCATEGORY)
    queries = {space: np.ascontiguousarray(sample.rows[space][chosen]) for space in SPACES}
    return Material(sample, Expander(sample, supercategory=SUPERCATEGORY), calibrations, queries)
