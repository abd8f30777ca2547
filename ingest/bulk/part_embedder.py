"""One part of a feed through the models, on whatever machine: pictures into the object store, the rest into Parquet."""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain import Product
from engine.errors import StoreUnavailable
from engine.generations.fingerprint import models_fingerprint
from engine.ledger.sql import SqlLedger
from engine.stores.exact import ExactStore
from engine.vision.gate import Policy
from ingest.bootstrap import source_rules
from ingest.bulk.outcomes import encode_outcomes
from ingest.bulk.place import Place, open_place, products_name, rows_name
from ingest.images.sources import ImageSources
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import diff_products
from ingest.run.row_changes import at_once
from ingest.run.stage_runner import stage_runner
from ingest.run.stages import Outcome
from ingest.run.writer import Writer
from models.bootstrap import build_pipeline, open_objects

if TYPE_CHECKING:
    from models.settings import Settings

_log = logging.getLogger(__name__)
PAUSE_S = 5.0
"""Between tries while the object store is away."""


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """What every machine has to know of a job."""

    settings: Settings
    place: str
    feed: str
    policy: Policy
    root: str


Opened = tuple[IngestDependencies, Place]


def open_embedding(job: EmbedJob) -> Opened:
    """The models and the object store; no catalogue is asked, so each product counts as new."""
    pipeline, _ = build_pipeline(job.settings)
    parts = IngestDependencies(
        pipeline=pipeline,
        store=ExactStore(),
        objects=open_objects(job.settings),
        ledger=empty_ledger(),
        fingerprint=models_fingerprint(pipeline),
        sources=source_rules(job.settings),
        limits=job.settings.image_limits,
    )
    return parts, open_place(job.place, job.settings)


def empty_ledger() -> SqlLedger:
    """A ledger that knows no product."""
    return SqlLedger(f"sqlite:///{tempfile.mkdtemp(prefix='thatlook-embed-')}/ledger.db")


class PartEmbedder:
    """An actor: holds the models, and does one part after the other."""

    def __init__(self, job: EmbedJob, opened: Callable[[EmbedJob], Opened] = open_embedding) -> None:
        self._job = job
        self._parts, self._place = opened(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the parts of a batch; a part is done when its Parquet file is there.

        Args:
            batch: `part`, their numbers.
        Returns:
            `part`, and `counts`, states with their numbers as JSON.
        """
        counts = [msgspec.json.encode(self._embedded(int(part))).decode() for part in batch["part"]]
        return {"part": list(batch["part"]), "counts": counts}

    def _embedded(self, part: int) -> dict[str, int]:
        lines = self._place.read(products_name(part)).splitlines()
        products = [msgspec.json.decode(line, type=Product) for line in lines]
        while True:
            try:
                outcomes = self._outcomes(products)
                self._place.write(rows_name(part), encode_outcomes(outcomes))
            except StoreUnavailable as error:  # S3 is away, say; the job waits for it.
                _log.warning("Part %d waits: %s", part, error.message)
                time.sleep(PAUSE_S)
            else:
                return dict(Counter(outcome.state.value for outcome in outcomes))

    def _outcomes(self, products: Sequence[Product]) -> list[Outcome]:
        found: dict[str, Outcome] = {}

        def written(outcome: Outcome) -> None:
            found[outcome.diff.product.product_id] = outcome

        sources = ImageSources(replace(self._parts.sources, root=Path(self._job.root)), Event())
        with stage_runner(self._parts, sources, _Pictures(self._parts), self._job.policy, written) as runner:
            runner.take(diff_products(self._parts, sources, products, self._job.feed, self._job.policy, runner.pool))
            runner.finish()
        return [found[product.product_id] for product in products]


class _Pictures(Writer):
    """Stands where the catalogue's writer stands: stores the pictures, and nothing else."""

    def commit(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Put the pictures."""
        pictures = [picture for outcome in outcomes for picture in outcome.pictures]
        at_once(lambda picture: self.parts.objects.put(*picture, "image/jpeg"), pictures)
        return list(outcomes)
