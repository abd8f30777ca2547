"""A profile that has no segmenter of its own gets the starter's."""

from __future__ import annotations

import shutil
from pathlib import Path

from models.manifest import MANIFEST, Manifest, load_manifest, register


def borrow_segmenter(folder: Path, starter: Path) -> bool:
    """Copy the starter's segmenter into a profile that has none; says whether it did."""
    present = load_manifest(folder) if (folder / MANIFEST).exists() else Manifest(folder.name)
    if "segmenter" in present.models or not (starter / MANIFEST).exists():
        return False
    spec = load_manifest(starter).models.get("segmenter")
    if spec is None:
        return False
    shutil.copyfile(starter / spec.file, folder / spec.file)
    register(folder, spec)
    return True
