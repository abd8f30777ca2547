"""What Milvus Lite's files say of themselves, read without opening them: Lite takes a collection whose manifest is
lost for an empty one, and removes its files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEAL = "records.seal.json"
TEXT_NAMES = frozenset({"LOCK"})
FIRST_LOG = "wal/wal_data_000001.arrow"
"""Lite removes it when the first manifest is written."""
_MAGIC = b"PAR1"
_NO_MANIFEST: dict[str, Any] = {"partitions": {}}


def problems_of_collection(folder: Path) -> list[str]:
    """What is wrong with a collection's files, in words."""
    try:
        return list(_problems(folder))
    except OSError as error:
        return [f"{error.filename or folder} cannot be read ({error.strerror})"]


def _problems(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"the folder {folder} is missing"
        return
    if _document(folder / "schema.json") is None:
        yield f"{folder / 'schema.json'} is missing or damaged"
    manifest = folder / "manifest.json"
    kept = sorted(folder.glob("partitions/*/*/*.parquet"))
    listed = _document(manifest)
    if listed is None:
        begun = (folder / FIRST_LOG).exists()  # The first manifest was still to be written: the log holds every row.
        if (kept and not begun) or manifest.exists() or (folder / "manifest.json.prev").exists():
            yield f"{manifest} is missing or damaged"
            return
        listed = _NO_MANIFEST
    for name in _named(folder, listed):
        if said := _problem_of_parquet(name):
            yield said


def _named(folder: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """The files that a manifest names."""
    for partition, contents in manifest.get("partitions", {}).items():
        for each in (*contents.get("data_files", ()), *contents.get("delta_files", ())):
            yield folder / "partitions" / partition / each


def _problem_of_parquet(path: Path) -> str | None:
    """A Parquet file begins and ends with four letters."""
    try:
        with path.open("rb") as file:
            begins = file.read(4)
            file.seek(-4, 2)
            ends = file.read(4)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return None if begins == ends == _MAGIC else f"{path} is damaged"


def _document(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
