"""A profile gets the starter's models for what it lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

from models.manifest import MANIFEST, Manifest, Role, load_manifest, register


def borrow_segmenter(folder: Path, starter: Path) -> bool:
    """Copy the starter's segmenter into a profile that has none; says whether it did."""
    return bool(_borrow(folder, starter, ("segmenter",)))


def borrow_missing(folder: Path, starter: Path) -> tuple[Role, ...]:
    """Copy the starter's segmenter, pose and visual model where a profile has none; says which."""
    return _borrow(folder, starter, ("segmenter", "pose", "visual"))


def _borrow(folder: Path, starter: Path, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    present = load_manifest(folder) if (folder / MANIFEST).exists() else Manifest(folder.name)
    if not (starter / MANIFEST).exists():
        return ()
    there = load_manifest(starter).models
    taken = tuple(role for role in roles if role not in present.models and role in there)
    for role in taken:
        shutil.copyfile(starter / there[role].file, folder / there[role].file)
        register(folder, there[role])
    return taken
