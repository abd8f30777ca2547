"""Looks at an installation as an operator would, and says what is wrong and what to do."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

from engine.errors import HomeInUse, ThatLookError
from engine.generations.record import Generations, read_generations
from ingest.repair import repair_home
from models.bootstrap import ADDRESS, LEDGER, build_pipeline, hold_home, open_ledger, open_objects, open_store
from models.examination import examine_catalogue
from models.settings import Settings

MIN_FREE_BYTES = 1 << 30
SERVER_ANSWERS_WITHIN_S = 120.0
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
    }
    for part, look in looks.items():
        yield _looked(part, partial(look, settings))
    yield from _catalogue(settings)


def tried_servers(settings: Settings) -> Iterator[Finding]:
    """What is counted on, tried on the servers that the settings name, with rows and pictures of its own."""
    if not settings.milvus_uri and not settings.s3_endpoint:
        yield Finding("servers", True, "the settings name none; THATLOOK_MILVUS_URI and THATLOOK_S3_ENDPOINT would")
    if settings.milvus_uri:
        yield from _tried_milvus(settings)
    if settings.s3_endpoint:
        yield _looked("s3", partial(_tried_objects, settings))


def _tried_milvus(settings: Settings) -> Iterator[Finding]:
    from engine.stores.milvus.store import MilvusStore
    from engine.stores.milvus.trial import try_server

    try:
        store = open_store(settings)
    except ThatLookError as error:
        yield Finding("milvus", False, error.message)
        return
    try:
        if isinstance(store, MilvusStore):
            yield from (Finding(f"milvus {each.part}", each.well, each.detail) for each in try_server(store))
    except ThatLookError as error:
        yield Finding("milvus", False, error.message)
    finally:
        store.close()


def _tried_objects(settings: Settings) -> str:
    objects, key, data = open_objects(settings), f"trial/{uuid4().hex}", b"a picture that is none"
    try:
        objects.put(key, data, "application/octet-stream")
        if objects.get(key) != data or not objects.exists(key):
            raise ThatLookError("What was stored does not come back.")
        objects.delete([key])
        if objects.exists(key):
            raise ThatLookError("What was deleted is still there.")
    finally:
        objects.close()
    return f"{settings.s3_endpoint} stores, gives back and deletes"


def repaired(settings: Settings) -> Iterator[Finding]:
    """Mend a home, and say what was done."""
    yield _looked("repair", lambda: "; ".join(repair_home(settings)) or "nothing to mend")


def compared_deeply(settings: Settings, *, repair: bool) -> Iterator[Finding]:
    """Compare ledger, rows and pictures in both directions, page by page; with `repair` put right what differs."""

    def compare() -> str:
        from ingest.scale.deep_comparison import compare_all

        found, right = compare_all(settings, repair=repair)
        if not found:
            return "ledger, rows and pictures agree"
        if repair:
            return "; ".join(f"{n:,} × {kind}" for kind, n in right.items()) + ": put right, or queued for the workers"
        some = ", ".join(f"{n:,} × {kind}" for kind, n in found.kinds.items())
        raise ThatLookError(f"{some}, such as {found.first}; `thatlook doctor --deep --repair` puts it right.")

    def compare_generations() -> str:
        from ingest.scale.generation_drift import compared

        found, count = compared(settings, repair=repair)
        if found and not repair:
            raise ThatLookError(f"{'; '.join(found)}. `thatlook doctor --deep --repair` puts it right.")
        return "; ".join(f"{said}: put right" for said in found) or f"{count} beside the one that serves, all as noted"

    yield _looked("comparison", compare)
    yield _looked("generations", compare_generations)


def _looked(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, look())
    except ThatLookError as error:
        return Finding(part, False, error.message)
    except Exception as error:  # A doctor who collapses helps nobody.
        return Finding(part, False, f"{type(error).__name__}: {error}")


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
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    if free < MIN_FREE_BYTES:
        raise ThatLookError(f"{settings.home} has {free / 1e9:.1f} GB free; make room for 1 GB at least.")
    return f"{settings.home}, {free / 1e9:.0f} GB free"


def _models(settings: Settings) -> str:
    generations = _generations(settings)
    settings = settings.model_copy(update={"profile": generations.profile(settings.profile)})
    pipeline, _ = build_pipeline(settings, [each.profile for each in generations.known])
    pipeline.warm_up()
    return f"profile {settings.profile}: visual {pipeline.visual.dim}-d, semantic {pipeline.semantic.dim}-d, all answer"


def _generations(settings: Settings) -> Generations:
    """The generations of the catalogue, where it can be read at present."""
    if not settings.is_shared and not (settings.ledger_url or (settings.home / LEDGER).exists()):
        return Generations()
    try:
        with (
            nullcontext() if settings.is_shared else hold_home(settings.home),
            closing(open_ledger(settings)) as ledger,
        ):
            return read_generations(ledger)
    except ThatLookError:  # Told of where the ledger is looked at, or by the server that holds the home.
        return Generations()


def _catalogue(settings: Settings) -> Iterator[Finding]:
    """What the catalogue is kept in: compared with its checksums here, or by the server that holds the home."""
    if settings.is_shared:
        yield from _compared(settings)
        return
    try:
        with hold_home(settings.home):
            yield from _compared(settings)
    except HomeInUse as error:
        yield _looked("server", partial(_ask_server, settings, error))
    except ThatLookError as error:
        yield Finding("home", False, error.message)


def _compared(settings: Settings) -> Iterator[Finding]:
    seen = {"vectors": _count_rows, "ledger": _count_products, "pictures": _pictures}
    try:
        objects = open_objects(settings)
    except ThatLookError as error:
        yield Finding("pictures", False, error.message)
        return
    file = None if settings.ledger_url else settings.home / LEDGER
    try:
        problems = examine_catalogue(file, partial(open_ledger, settings), partial(open_store, settings), objects)
    finally:
        objects.close()
    for part, look in seen.items():
        if said := problems.get(part):
            yield Finding(part, False, "; ".join(said))
        else:
            yield _looked(part, partial(look, settings))


def _ask_server(settings: Settings, error: HomeInUse) -> str:
    """What the server that holds the home says of it, having compared everything itself."""
    try:
        address = (settings.home / ADDRESS).read_text().strip()
        with urlopen(f"{address}/readyz?deep=true", timeout=SERVER_ANSWERS_WITHIN_S) as answer:
            json.load(answer)
    except HTTPError as told:
        waiting = json.load(told).get("waiting_for", {})
        raise ThatLookError("; ".join(f"{part}: {said}" for part, said in waiting.items()) or str(told)) from None
    except (OSError, ValueError):
        raise error from None
    return f"{address} holds this home, and says that all is well"


def _count_rows(settings: Settings) -> str:
    store = open_store(settings)
    try:
        names = store.collections()
        rows = sum(store.count(name) for name in names)
        return f"{settings.milvus_uri or 'embedded'}: {len(names)} collections, {rows:,} rows"
    finally:
        store.close()


def _count_products(settings: Settings) -> str:
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
