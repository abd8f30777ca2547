"""What ingest works with, and the fingerprint of it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from engine.domain import Crop, Embeddings, Garment, GateReport, Pixels, Scene, Space
from engine.generations.fingerprint import digest
from engine.generations.names import FIRST
from engine.seams import Ledger, ObjectStore, VectorStore
from engine.taxonomy import Taxonomy
from engine.vision.gate import Policy
from engine.vision.images import DEFAULT_LIMITS, ImageLimits
from ingest.images.sources import SourceRules

if TYPE_CHECKING:
    from engine.ledger.work import SharedWork

INDEX_VERSION = "1"
"""Raised when choosing, cutting or storing changes, so that catalogues are looked at anew."""
NAMED_BY_PICTURE = "named by the picture, with learnt kinds"
"""In place of the class of a product whose words name none: changed when pictures are named in another way."""
FACETS_VERSION = "4"
"""Raised when other facets come of the same words, so that the next run writes them, without looking at a picture."""
API_FEED = "api"
"""The feed of products that are written one by one."""


class ImageAnalysis(Protocol):
    """The models as one; `engine.vision.pipeline.VisionPipeline` is the real one."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes and supercategories."""
        ...

    def scene(self, image: Pixels) -> Scene:
        """Garment pieces and people, as detected."""
        ...

    def garments(self, image: Pixels, scene: Scene | None = None) -> tuple[Garment, ...]:
        """The main person's garments, pieces joined."""
        ...

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:
        """View and coverage."""
        ...

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        """Both embeddings of every crop."""
        ...


def utc_now() -> datetime:
    """The moment by which sales are judged."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class IngestDependencies:
    """The parts of one ingest; `fingerprint` names the models (see `models_fingerprint`), `now` tells the time.

    After a change of models `fingerprint` goes on naming the former ones in content hashes; `models` is today's own.

    `work` is the queue by which several machines share the work; None where one process does all of it. `generation`
    is the one that `store` shows and whose models `pipeline` has. `views` is how many pictures of a product are indexed
    at most.
    """

    pipeline: ImageAnalysis
    store: VectorStore
    objects: ObjectStore
    ledger: Ledger
    fingerprint: str
    sources: SourceRules = field(default_factory=SourceRules)
    limits: ImageLimits = DEFAULT_LIMITS
    threads: int = 4
    work: SharedWork | None = None
    now: Callable[[], datetime] = utc_now
    generation: int = FIRST
    views: int = 1
    models: str = ""


def content_hash(
    parts: IngestDependencies, policy: Policy, wanted: str | None, stamps: Sequence[tuple[str, str]]
) -> str:
    """Names what the stored embeddings were made from: pictures, class, policy, models, how many pictures at most."""
    views = [f"{parts.views} views"] if parts.views > 1 else []
    named = (text for pair in stamps for text in pair)
    return digest(INDEX_VERSION, parts.fingerprint, policy, wanted or NAMED_BY_PICTURE, *views, *named)
