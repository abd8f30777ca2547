"""Milvus Lite's files are on the disk before anything says that they are.

Lite flushes its manifest to the disk, but neither its log nor the Parquet files that a manifest names: what was
acknowledged would survive a kill, and not a power cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

from engine.system.durable import flush_file, flush_folder

if TYPE_CHECKING:
    from milvus_lite.storage.manifest import Manifest

_WRAPPED = "_thatlook_flushes"


class LogFlusher:
    """Flushes the logs of collections, as far as they grew since the last time. One write to a collection at a time."""

    def __init__(self) -> None:
        self._sizes: dict[Path, int] = {}

    def flush(self, collection: Path) -> None:
        """Have everything on the disk that was appended.

        Raises:
            OSError: the disk refuses.
        """
        folder = collection / "wal"
        before = {path for path in self._sizes if path.parent == folder}
        there = {path: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}
        for path, size in there.items():
            if self._sizes.get(path) != size:
                flush_file(path)
        if there.keys() - before:
            flush_folder(folder)
        for path in before - there.keys():
            del self._sizes[path]
        self._sizes |= there


def flush_before_manifests() -> None:
    """From now on, no manifest is written before the Parquet files that it names are on the disk."""
    from milvus_lite.storage.manifest import Manifest

    save = Manifest.save
    if hasattr(save, _WRAPPED):
        return
    flushed: dict[str, set[Path]] = {}

    @wraps(save)
    def save_flushed(manifest: Manifest) -> None:
        named = set(_named(manifest))
        new = [path for path in named - flushed.get(manifest.data_dir, set()) if path.exists()]
        for path in new:
            flush_file(path)
        for folder in {path.parent for path in new}:
            flush_folder(folder)
        flushed[manifest.data_dir] = named
        save(manifest)

    setattr(save_flushed, _WRAPPED, True)
    Manifest.save = save_flushed


def _named(manifest: Manifest) -> Iterator[Path]:
    for files in (manifest.get_all_data_files(), manifest.get_all_delta_files()):
        for partition, names in files.items():
            for name in names:
                yield Path(manifest.data_dir, "partitions", partition, name)
