"""Pictures that came in an archive with their feed, put where every worker can read them.

They are stored under their checksums: the same picture in tomorrow's archive has the same address, so that its product
is known for unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.generations.fingerprint import digest
from engine.seams import ObjectStore
from ingest.images.not_fetched import ImageNotFetched
from ingest.images.sources import ImageSources, SourceRules
from ingest.jobs.shared_feed_jobs import UPLOADS

THREADS = 8
_NAMED = 60


class PortablePictures:
    """Called with a reference of the feed, gives one that leads to the object store; others stay as they are."""

    def __init__(self, objects: ObjectStore, bucket: str, feed: str, root: Path) -> None:
        self._objects, self._bucket, self._root = objects, bucket, root.resolve()
        self._prefix = f"{UPLOADS}/pictures/{digest(feed)[:16]}/"
        self._sources = ImageSources(SourceRules(root=root))
        self._keys: dict[Path, str] = {}

    def store(self) -> None:
        """Store every file below the feed's folder that is not stored yet.

        Raises:
            StoreUnavailable: the object store does not answer.
        """
        there = set(self._objects.keys(self._prefix))

        def stored(path: Path) -> tuple[Path, str]:
            key = self._prefix + _name_of(path)
            if key not in there:
                self._objects.put_file(key, path, "application/octet-stream")
            return path, key

        with ThreadPoolExecutor(THREADS, "feed-pictures") as pool:
            self._keys = dict(pool.map(stored, _files(self._root)))

    def __call__(self, reference: str) -> str:
        """The reference by which any worker reads the picture."""
        try:
            key = self._keys.get(self._sources.local_path(reference))
        except ImageNotFetched:
            return reference
        return reference if key is None else f"s3://{self._bucket}/{key}"

    def drop_others(self) -> None:
        """Remove the pictures of earlier archives of this feed, which no product names any more."""
        named = set(self._keys.values())
        self._objects.delete([key for key in self._objects.keys(self._prefix) if key not in named])


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file())


def _name_of(path: Path) -> str:
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    suffix = path.suffix.lower() if path.suffix[1:].isalnum() and path.suffix.isascii() else ""
    return checksum[:_NAMED] + suffix[:8]
