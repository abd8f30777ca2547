"""Looks at an installation as an operator would, and says what is wrong and what to do."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from engine.errors import ThatLookError
from models.bootstrap import Settings, build_seer, hold_home, open_ledger, open_objects, open_store

MIN_FREE_BYTES = 1 << 30
PACKAGES = ("openvino", "onnxruntime", "faiss-cpu", "pymilvus", "milvus-lite", "litestar")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what was seen or what to do."""

    part: str
    well: bool
    detail: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Every part in turn; a part that fails is a finding, never an exception."""
    looks: dict[str, Callable[[Settings], str]] = {
        "machine": _machine,
        "packages": _packages,
        "home": _home,
        "models": _models,
        "vectors": _vectors,
        "ledger": _ledger,
        "pictures": _pictures,
    }
    for part, look in looks.items():
        try:
            yield Finding(part, True, look(settings))
        except ThatLookError as error:
            yield Finding(part, False, error.message)
        except Exception as error:  # A doctor who collapses helps nobody.
            yield Finding(part, False, f"{type(error).__name__}: {error}")


def _machine(_: Settings) -> str:
    return f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}"


def _packages(_: Settings) -> str:
    def installed(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            raise ThatLookError(f"{name} is not installed; install the core requirements again.") from None

    return ", ".join(installed(name) for name in PACKAGES)


def _home(settings: Settings) -> str:
    with hold_home(settings.home):
        free = shutil.disk_usage(settings.home).free
    if free < MIN_FREE_BYTES:
        raise ThatLookError(f"{settings.home} has {free / 1e9:.1f} GB free; make room for 1 GB at least.")
    return f"{settings.home}, {free / 1e9:.0f} GB free"


def _models(settings: Settings) -> str:
    seer, _ = build_seer(settings)
    seer.warm_up()
    return f"profile {settings.profile}: visual {seer.visual.dim}-d, semantic {seer.semantic.dim}-d, all answer"


def _vectors(settings: Settings) -> str:
    if settings.milvus_uri is None:
        with hold_home(settings.home):
            return _count_rows(settings)
    return _count_rows(settings)


def _count_rows(settings: Settings) -> str:
    store = open_store(settings)
    try:
        names = store.collections()
        rows = sum(store.count(name) for name in names)
        return f"{settings.milvus_uri or 'embedded'}: {len(names)} collections, {rows:,} rows"
    finally:
        store.close()


def _ledger(settings: Settings) -> str:
    ledger = open_ledger(settings)
    try:
        counts = ledger.counts()
        return ", ".join(f"{n:,} {state}" for state, n in counts.items()) or "no products yet"
    finally:
        ledger.close()


def _pictures(settings: Settings) -> str:
    objects = open_objects(settings)
    try:
        objects.exists("probe")
        return f"{settings.s3_endpoint or 'folder'} answers"
    finally:
        objects.close()
