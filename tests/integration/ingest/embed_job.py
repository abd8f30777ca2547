"""A driver of an embedding job whose models read what is drawn; a program of its own, so that it can be killed.

Started as `python -m tests.integration.ingest.embed_job FEED PLACE IMAGES PAUSE_S`; each part takes at least so long.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from engine.domain import Crop, Embeddings, Space
from engine.objects.folder import FolderObjectStore
from engine.stores.exact import ExactStore
from ingest.bulk.job import Cluster, embed_parts, part_feed
from ingest.bulk.part_embedder import EmbedJob, Opened, empty_ledger
from ingest.bulk.place import open_place
from ingest.run.dependencies import IngestDependencies
from models.settings import Settings
from tests.fixtures.catalogue import FakePipeline


class SlowPipeline(FakePipeline):
    """Takes its time for each batch, so that there is a moment to be killed in."""

    def __init__(self, pause_s: float) -> None:
        super().__init__()
        self._pause_s = pause_s

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        time.sleep(self._pause_s)
        return super().embed(crops)


def opened(images: Path, pause_s: float, job: EmbedJob) -> Opened:
    """An actor's parts; it leaves its process's number in the place's folder `actors`."""
    actors = Path(job.place) / "actors"
    actors.mkdir(parents=True, exist_ok=True)
    (actors / str(os.getpid())).touch()
    pipeline = SlowPipeline(pause_s)
    parts = IngestDependencies(pipeline, ExactStore(), FolderObjectStore(images), empty_ledger(), "fake", threads=2)
    return parts, open_place(job.place, job.settings)


def main() -> None:
    """Run the job and print its summary."""
    feed, place, images, pause_s = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])
    job = EmbedJob(Settings(home=feed.parent / "home"), place, feed.name, "prefer", str(feed.parent))
    where, taxonomy = open_place(place, job.settings), FakePipeline().taxonomy
    manifest = part_feed(feed, where, job, "fake", taxonomy)
    summary = embed_parts(job, where, manifest, Cluster(actors=2, cpus=0.5), opened=partial(opened, images, pause_s))
    sys.stdout.write(json.dumps(asdict(summary)) + "\n")


if __name__ == "__main__":
    main()
