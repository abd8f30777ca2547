"""What model profiles there are, and whether their files are whole and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from engine.errors import ThatLookError
from models.manifest import MANIFEST, ROLES, Manifest, ModelSpec, Role, load_manifest
from models.registry import profile_folder, profiles, verified
from models.runtime import RuntimeOptions, open_session


class Entry(msgspec.Struct, frozen=True):
    """One model of one profile."""

    profile: str
    role: str
    architecture: str
    file: str
    size_bytes: int | None
    dim: int | None
    input_size: tuple[int, int]
    classes: list[str]
    fingerprint: str


class Check(msgspec.Struct, frozen=True):
    """What verification says of one model."""

    profile: str
    role: str
    ok: bool
    message: str


def inventory(home: Path) -> list[Entry]:
    """Every model of every profile that is here.

    Raises:
        ModelUnavailable: a manifest that cannot be read.
    """
    return [
        _entry(profile, profile_folder(profile, home), manifest, role)
        for profile in profiles(home)
        for manifest in (load_manifest(profile_folder(profile, home)),)
        for role in manifest.models
    ]


def _entry(profile: str, folder: Path, manifest: Manifest, role: Role) -> Entry:
    spec = manifest.models[role]
    path = folder / spec.file
    return Entry(
        profile,
        role,
        spec.architecture,
        spec.file,
        path.stat().st_size if path.is_file() else None,
        spec.dim,
        spec.input_size,
        list(spec.classes),
        manifest.fingerprints.get(role, ""),
    )


def verify_profiles(home: Path, profile: str | None, options: RuntimeOptions) -> list[Check]:
    """Check one profile, or all: every role is there, its fingerprint holds, and it runs on an empty input."""
    return [check for name in ([profile] if profile else profiles(home)) for check in _verify(name, home, options)]


def _verify(profile: str, home: Path, options: RuntimeOptions) -> list[Check]:
    try:
        folder = profile_folder(profile, home)
        manifest = load_manifest(folder)
    except ThatLookError as error:
        return [Check(profile, MANIFEST, ok=False, message=error.message)]
    return [_verify_role(profile, folder, manifest, role, options) for role in ROLES]


def _verify_role(profile: str, folder: Path, manifest: Manifest, role: Role, options: RuntimeOptions) -> Check:
    try:
        mark = verified(folder, manifest, role)
        spec = manifest.require(role)
        outputs = open_session(folder / spec.file, options).run(empty_input(spec))
    except ThatLookError as error:
        return Check(profile, role, ok=False, message=error.message)
    shapes = ", ".join(f"{name} {'x'.join(map(str, array.shape))}" for name, array in outputs.items())
    return Check(profile, role, ok=True, message=f"{mark[:12]}, gives {shapes}")


def empty_input(spec: ModelSpec) -> dict[str, NDArray[Any]]:
    """One black picture, or one text without tokens."""
    if spec.role == "semantic_text":
        return {"tokens": np.zeros((1, spec.context_length or 1), np.int64)}
    return {"images": np.zeros((1, 3, *spec.input_size), np.float32)}


def inventory_table(entries: list[Entry]) -> Table:
    """Models for people to read."""
    table = Table("profile", "role", "architecture", "file", "MB", "dim", "input", "fingerprint")
    for e in entries:
        size = "missing" if e.size_bytes is None else f"{e.size_bytes / 1e6:.1f}"
        shape = "x".join(map(str, e.input_size)) if any(e.input_size) else ""
        dim = str(e.dim) if e.dim else ""
        table.add_row(e.profile, e.role, e.architecture, e.file, size, dim, shape, e.fingerprint[:12])
    return table


def verify_table(checks: list[Check]) -> Table:
    """Checks for people to read."""
    table = Table("profile", "model", "state", "detail")
    for check in checks:
        table.add_row(check.profile, check.role, "ok" if check.ok else "broken", check.message)
    return table
