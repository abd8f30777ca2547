"""The composition root that every program shares: settings → the parts. Importing this module builds nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout
from pydantic import SecretStr

from engine.domain import CollectionSpec
from engine.errors import HomeInUse, ModelUnavailable, QueryRejected
from engine.feedback.events import EventBook
from engine.generations.record import Generations, read_generations
from engine.keys import KeyBook
from engine.retrieval.search import Calibrations, Searcher
from engine.seams import Ledger, ObjectStore, VectorStore
from engine.service import ThatLook
from engine.system.cpus import available_cpus
from engine.system.own_exit import OwnExit
from engine.system.refusals import refusal
from engine.taxonomy import load_taxonomy
from engine.vision.photo_analysis import ResultCache
from engine.vision.pipeline import VisionPipeline
from engine.words.vocabulary import Vocabulary
from models.agreement import Embedded, check_agreement
from models.compiled import drop_damaged, seal_of
from models.manifest import MANIFEST
from models.registry import load_models, profile_folder
from models.runtime import RuntimeOptions
from models.settings import Settings

if TYPE_CHECKING:
    from engine.stores.lite.store import LiteStore
    from engine.stores.milvus.connection import MilvusOptions

T = TypeVar("T")
LEDGER = "ledger.sqlite"
KEYS = "keys.sqlite"
EVENTS = "events.sqlite"
ADDRESS = "address"
"""Where in a home a server says at which address it can be asked."""
JOBS = "jobs"
"""Where in a home feed jobs lie."""
CONTROL = "control.json"
"""Where a server leaves its address and a token for its owner's own programs, readable by the owner alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the programs are made of."""

    settings: Settings
    store: VectorStore
    objects: ObjectStore
    ledger: Ledger
    pipeline: VisionPipeline
    thatlook: ThatLook
    generations: Generations = field(default_factory=Generations)
    result_cache: ResultCache | None = None

    @property
    def generation(self) -> int:
        """The one that `store` shows, and whose models these are."""
        return self.generations.serving


def build_pipeline(settings: Settings, beside: Collection[str] = ()) -> tuple[VisionPipeline, Calibrations]:
    """The models of the profile, ready to look at pictures, and how their cosines are to be read.

    Args:
        beside: other profiles that are in use, whose compiled models are left where they are.
    Raises:
        ModelUnavailable: a model file is missing or broken.
    """
    taxonomy = load_taxonomy(settings.taxonomy)
    models = load_models(
        settings.profile,
        home=settings.home,
        options=RuntimeOptions(
            runtime=settings.runtime,
            threads=settings.threads or _granted_threads(),
            streams=settings.streams,
            cache_dir=_model_cache(settings, beside),
        ),
        taxonomy=taxonomy,
    )
    return models.pipeline(taxonomy), models.calibrations


@contextmanager
def open_parts(
    settings: Settings, *, warm: bool = False, repairing: bool = False, replacing: bool = False
) -> Iterator[Parts]:
    """Build every part, and let go of all of them in the end.

    Args:
        warm: load the models and open every index now, instead of when they are first asked.
        repairing: take stores that do not agree; whoever asks for them mends that.
        replacing: take collections of other models: whoever asks for them makes others, and searches nothing.
    Raises:
        HomeInUse: another process works on this home.
        HomeDamaged: what is kept is not what was written, or does not belong together.
        ModelMismatch: the home was made by other models.
        StoreUnavailable, ModelUnavailable: something is not there.
    """
    with OwnExit() as stack:
        if not settings.is_shared:
            stack.enter_context(hold_home(settings.home))
        if settings.otel:
            stack.enter_context(_traced())
        ledger = open_ledger(settings)
        stack.callback(ledger.close)
        generations = read_generations(ledger)
        settings = settings.model_copy(update={"profile": generations.profile(settings.profile)})
        pipeline, calibrations = build_pipeline(settings, [each.profile for each in generations.known])
        warmed = stack.enter_context(_beside(pipeline.warm_up)) if warm else None
        specs = [] if replacing else pipeline.collection_specs()
        stores = open_stores(settings, ledger, specs, warm=warm, repairing=repairing)
        objects, store = stack.enter_context(stores)
        vocabulary = Vocabulary(ledger.terms)
        if warm:
            vocabulary.read()
        result_cache = ResultCache(settings.photo_memory_bytes) if settings.photo_memory_bytes else None
        thatlook = ThatLook(
            pipeline,
            Searcher(store, ledger, calibrations),
            settings.image_limits,
            result_cache.of(generations.serving) if result_cache else None,
            objects,
            vocabulary=vocabulary,
        )
        if warmed:
            warmed.result()
            if names := vocabulary.categories():
                # Two hundred take three seconds of a core: nobody waits, and a query reads what it meets first.
                stack.enter_context(_beside(partial(thatlook.categories.read, pipeline.texts, names)))
        yield Parts(settings, store, objects, ledger, pipeline, thatlook, generations, result_cache)


def _traced() -> AbstractContextManager[None]:
    """Tells OpenTelemetry of everything this process does; before the first connection to a store is made.

    Raises:
        QueryRejected: its packages are not installed.
    """
    try:
        from engine.telemetry.otel import exporting
    except ImportError as error:
        raise QueryRejected(
            f"THATLOOK_OTEL is set, and {error.name} is not installed: pip install 'thatlook[otel]'."
        ) from error
    return exporting("thatlook")


@contextmanager
def open_stores(
    settings: Settings,
    ledger: Ledger,
    specs: Sequence[CollectionSpec],
    *,
    warm: bool = False,
    repairing: bool = False,
) -> Iterator[tuple[ObjectStore, VectorStore]]:
    """Open what a catalogue is kept in beside its ledger, and let go of it in the end.

    Args:
        specs: collections that there must be in the generation that serves.
        warm: open every index now.
        repairing: take stores that do not agree.
    Raises:
        HomeDamaged: what is kept is not what was written, or does not belong together.
        ModelMismatch: the home was made by other models.
        StoreUnavailable: something is not there.
    """
    with OwnExit() as stack:
        objects = open_objects(settings)
        stack.callback(objects.close)
        store = open_serving_store(settings, ledger)
        stack.callback(store.close)
        for spec in specs:
            store.ensure(spec)
        if not repairing:
            check_agreement(store, ledger)
        if warm and isinstance(store, Embedded):
            store.open_all()
        yield objects, store


@contextmanager
def _beside(work: Callable[[], T]) -> Iterator[Future[T]]:
    """Work on a thread of its own, which is gone when the work is done, and before the end in any case."""
    with ThreadPoolExecutor(1, thread_name_prefix="start") as pool:
        future = pool.submit(work)
        pool.shutdown(wait=False)
        yield future


def _granted_threads() -> int | None:
    """Threads for each model where a container grants fewer processors than it shows; None leaves it to the runtime."""
    cpus = available_cpus()
    return cpus if cpus < (os.cpu_count() or 1) else None


def _model_cache(settings: Settings, beside: Collection[str] = ()) -> Path | None:
    """Where compiled models are kept, those of other weights removed; None where they are not to be, or cannot be."""
    if not settings.model_cache:
        return None
    cache, kept = settings.home / "cache" / "models", set[Path]()
    for profile in beside:
        with suppress(OSError, ModelUnavailable):
            kept.add(_cache_folder(cache, profile, settings.home))
    try:
        folder = _cache_folder(cache, settings.profile, settings.home)
        folder.mkdir(parents=True, exist_ok=True)
        for other in cache.iterdir():
            if other.is_dir() and other not in (folder, *kept):
                shutil.rmtree(other, ignore_errors=True)
                seal_of(other).unlink(missing_ok=True)
        drop_damaged(folder)
    except OSError:
        return None  # A home that cannot be written, or a profile that is not there, is told of where it is needed.
    return folder


def _cache_folder(cache: Path, profile: str, home: Path) -> Path:
    made_of = (profile_folder(profile, home) / MANIFEST).read_bytes()
    return cache / hashlib.sha256(made_of).hexdigest()[:16]


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Keep a home for this process alone: Milvus Lite loses rows under two writers.

    Raises:
        HomeInUse: another process holds it.
        StoreUnavailable: the folder cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / "lock", thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        holder = _holder(home)
        raise HomeInUse(
            f"The home {home} is in use by another thatlook process{holder}. Ask that server over HTTP, "
            "stop it first, or choose another home with --home."
        ) from None
    except OSError as error:
        raise refusal(error, f"The home {home} cannot be used", home) from error
    with OwnExit() as stack:
        stack.callback(lock.release)
        with suppress(OSError):  # It only names the holder to others; a full disk must not keep anybody from searching.
            (home / "pid").write_text(str(os.getpid()))
        stack.callback(_unlink, home / "pid")
        yield


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _holder(home: Path) -> str:
    try:
        return f" (pid {int((home / 'pid').read_text())})"
    except (OSError, ValueError):
        return ""


def open_serving_store(settings: Settings, ledger: Ledger) -> VectorStore:
    """The vector store as it answers at present: the collections of the generation that serves."""
    from engine.stores.generations import view_of

    return view_of(open_store(settings), read_generations(ledger).serving)


def open_store(settings: Settings) -> VectorStore:
    """The vector store that the settings name, with every generation in it: a Milvus server, or the embedded one."""
    if settings.milvus_uri:
        from engine.stores.milvus.store import MilvusStore

        return MilvusStore(settings.milvus_uri, _secret(settings.milvus_token), milvus_options(settings))
    return open_embedded_store(settings)


def milvus_options(settings: Settings) -> MilvusOptions:
    """What the settings say of a Milvus server."""
    from engine.stores.milvus.connection import MilvusOptions

    groups = (each.strip() for each in settings.milvus_resource_groups.split(","))
    return MilvusOptions(
        search_timeout_s=settings.milvus_search_timeout_s,
        load_s=settings.milvus_load_s,
        shards=settings.milvus_shards,
        replicas=settings.milvus_replicas,
        resource_groups=tuple(each for each in groups if each),
        consistency=settings.milvus_consistency,
        warm_up=settings.milvus_warm_up,
        index=settings.milvus_index,
        cache_bytes=settings.milvus_cache_bytes,
        vectors_bytes=settings.milvus_vectors_bytes,
    )


def open_embedded_store(settings: Settings) -> LiteStore:
    """The store in the home, whatever server the settings name."""
    from engine.stores.lite.store import LiteStore

    return LiteStore(settings.home / "vectors")


def open_objects(settings: Settings) -> ObjectStore:
    """The object store that the settings name: S3, or a folder in the home."""
    if settings.s3_endpoint:
        from engine.objects.s3 import S3ObjectStore

        return S3ObjectStore(
            settings.s3_endpoint,
            access_key=_secret(settings.s3_access_key),
            secret_key=_secret(settings.s3_secret_key),
            bucket=settings.s3_bucket,
            secure=settings.s3_secure,
        )
    from engine.objects.folder import FolderObjectStore

    return FolderObjectStore(settings.home / "images")


def open_ledger(settings: Settings) -> Ledger:
    """The ledger that the settings name: any SQLAlchemy URL, or SQLite in the home."""
    from engine.ledger.sql import SqlLedger

    return SqlLedger(settings.ledger_url or f"sqlite:///{settings.home / LEDGER}")


def open_events(settings: Settings) -> EventBook:
    """Where queries and events are kept: beside a ledger in PostgreSQL, or in a file of the home."""
    from engine.ledger.events import SqlEvents

    return SqlEvents(_beside_the_ledger(settings, EVENTS))


def events_are_kept(settings: Settings) -> bool:
    """Whether there may be queries and events: they are switched on, or were."""
    shared = settings.ledger_url is not None and not settings.ledger_url.startswith("sqlite")
    return settings.events or shared or (settings.home / EVENTS).exists()


def open_keys(settings: Settings) -> KeyBook:
    """Where keys are kept: beside a ledger in PostgreSQL, or in a file of the home, also while it is held."""
    from engine.ledger.keys import SqlKeys

    return SqlKeys(_beside_the_ledger(settings, KEYS))


def _beside_the_ledger(settings: Settings, name: str) -> str:
    """The address of a database: the ledger's where that is in PostgreSQL, else a file of the home."""
    if settings.ledger_url and not settings.ledger_url.startswith("sqlite"):
        return settings.ledger_url
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, f"The home {settings.home} cannot be used", settings.home) from error
    return f"sqlite:///{settings.home / name}"


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
