"""The composition root of the server: the shared parts, and the intake that works in the background.

The one place where `api` meets `ingest`: an embedded home is held by one process, so that
process takes products in as well as answering.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from api.http.hosts import hosts_of, origins_of
from api.http.ports import Ports
from api.keys.access import Keys
from api.services import Limits, Services
from engine.domain import Space
from engine.errors import HomeDamaged, QueryRejected, ThatLookError
from engine.feedback.recorder import Recorder
from engine.generations.record import read_generations
from engine.jobs import FeedJobs
from engine.remote import RemoteLimits
from engine.seams import VectorStore
from engine.system.cpus import available_cpus
from engine.traffic import Traffic
from ingest.bootstrap import LiveDependencies, feed_limits, shared_feed_jobs, tidy, watching
from ingest.intake import Intake, running_intake
from ingest.jobs.accepting import FeedRules
from ingest.jobs.feed_jobs import running_feeds
from ingest.jobs.giving_way import GivingWay
from ingest.scale.queued_intake import QueuedIntake
from ingest.upkeep.backup import back_up, no_writes
from models.agreement import Embedded, Loaded
from models.bootstrap import EVENTS, JOBS, KEYS, LEDGER, Parts, open_events, open_keys, open_parts
from models.examination import examine_open
from models.generations.live import LiveParts
from models.generations.live import watching as watching_generations
from models.generations.searches import LiveFingerprints, LiveSearches
from models.settings import Settings

if TYPE_CHECKING:
    from ingest.generations.runner import SwapRunner

Unit: TypeAlias = Literal["second", "minute", "hour", "day"]


def limits_of(settings: Settings) -> Limits:
    """The settings as limits of the API."""
    return Limits(
        max_image_bytes=settings.max_image_bytes,
        deadline_s=settings.budget_s,
        upload_s=settings.upload_s,
        upload_memory_bytes=max(settings.upload_memory_bytes, 3 * settings.max_image_bytes),
        allowed_hosts=hosts_of(settings.host, settings.allowed_hosts),
        search_threads=available_cpus(),
        image_urls=settings.allow_image_urls,
        rate=_rate_of(settings.rate_limit),
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        concurrent=settings.concurrent_requests,
        origins=origins_of(settings.cors_origins),
        mcp=settings.mcp or settings.ucp,
        ucp=settings.ucp,
        ports=Ports(settings.catalogue_port, settings.metrics_port),
        max_feed_bytes=settings.max_feed_bytes,
        remote=RemoteLimits(max_bytes=settings.max_image_bytes),
    )


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Build the services and let go of them in the end; loading and closing run off the event loop.

    Raises:
        HomeInUse, ModelMismatch, StoreUnavailable, ModelUnavailable: as `models.bootstrap.open_parts`.
    """
    opened = _services(settings)
    services = await asyncio.to_thread(opened.__enter__)
    try:
        yield services
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    traffic = Traffic()
    with (
        open_parts(settings, warm=True) as parts,
        _live(parts) as live,
        _taking_in(live, traffic) as (intake, feeds),
        _changing(live, intake, traffic) as generations,
        _keys(settings) as keys,
        _feedback(settings) as feedback,
    ):
        yield Services(
            thatlook=LiveSearches(live),
            ledger=parts.ledger,
            objects=parts.objects,
            intake=intake,
            ready=_readiness(live, intake),
            changing=_changing_told(live),
            generations=generations,
            result_cache=parts.result_cache,
            examine=_examination(live),
            keys=keys,
            feeds=feeds,
            traffic=traffic,
            feedback=feedback,
            embeddings=_embeddings_of(live),
            back_up=_backup_of(settings.home, intake)
            if isinstance(intake, Intake) and not settings.is_shared
            else None,
            models=LiveFingerprints(live),
        )


@contextmanager
def _keys(settings: Settings) -> Iterator[Keys | None]:
    """What callers' keys are checked by; None where none are asked for."""
    if not settings.keys_required:
        yield None
        return
    book = open_keys(settings)
    try:
        yield Keys(book)
    finally:
        book.close()


@contextmanager
def _feedback(settings: Settings) -> Iterator[Recorder | None]:
    """What keeps queries and events; None unless that is switched on."""
    if not settings.events:
        yield None
        return
    recorder = Recorder(open_events(settings), settings.events_days, settings.events_most)
    try:
        yield recorder
    finally:
        recorder.close()


def check_keys(settings: Settings) -> None:
    """Refuse to be reached by other machines while nobody has a key, unless that is said in so many words.

    Raises:
        QueryRejected: keys are asked for and there are none.
    """
    if not settings.keys_required:
        return
    book, now = open_keys(settings), datetime.now(UTC)
    try:
        if any(key.is_active(now) for key in book.all_keys()):
            return
    finally:
        book.close()
    raise QueryRejected(
        f"Other machines may reach {settings.host}, and there is no key yet. Make one with `thatlook keys create NAME "
        "--scope search`, or, where something before this server decides who may ask it, serve with --without-keys "
        "(THATLOOK_REQUIRE_KEYS=false)."
    )


def _rate_of(text: str | None) -> tuple[Unit, int] | None:
    """ "600/minute" → ("minute", 600)."""
    if text is None:
        return None
    number, _, unit = text.partition("/")
    return cast(Unit, unit), int(number)


@contextmanager
def _live(parts: Parts) -> Iterator[LiveParts]:
    """The parts, changed to those of another generation when that comes to serve: other machines may bring it."""
    live = LiveParts(parts)
    if not parts.settings.is_shared:
        yield live
        return
    with watching_generations(live):
        yield live


@contextmanager
def _taking_in(live: LiveParts, traffic: Traffic) -> Iterator[tuple[Intake | QueuedIntake, FeedJobs | None]]:
    """At scale products wait in the shared ledger for `thatlook worker`; embedded, this process indexes them."""
    tidy(live.current)
    current, settings = LiveDependencies(live), live.current.settings
    work = current()
    if work.work is not None:
        yield QueuedIntake(work, settings.policy, current), shared_feed_jobs(work, work.work, settings)
        return
    if settings.is_shared:
        yield Intake(work, settings.policy, current), None
        return
    current = LiveDependencies(live, lambda models: GivingWay(models, traffic))
    with running_intake(current(), settings.policy, current) as intake:
        rules = FeedRules(settings.policy, feed_limits(settings))
        folder = settings.home / JOBS
        feeding = running_feeds(current(), folder, intake.writer, rules, lambda: intake.writer)
        with feeding as feeds, watching(settings, feeds):
            yield intake, feeds


def _embeddings_of(live: LiveParts) -> Callable[[str, Space], tuple[VectorStore, int]]:
    """Finds a collection's store and dimension."""

    def collection(supercategory: str, space: Space) -> tuple[VectorStore, int]:
        parts = live.current
        parts.pipeline.taxonomy.require_supercategory(supercategory)
        return parts.store, (parts.pipeline.visual if space == "visual" else parts.pipeline.semantic).dim

    return collection


@contextmanager
def _changing(live: LiveParts, intake: Intake | QueuedIntake, traffic: Traffic) -> Iterator[SwapRunner | None]:
    """Changes of generations in this process, where it holds the home; at scale they are commands of their own."""
    settings = live.current.settings
    if settings.is_shared or not isinstance(intake, Intake):
        yield None
        return
    from ingest.generations.runner import running_swaps  # With the database's library, which takes a while.
    from ingest.generations.swap import Swap

    current = LiveDependencies(live, lambda models: GivingWay(models, traffic))
    with running_swaps(Swap(live, current.of, settings.policy, intake.writer.paused)) as runner:
        yield runner


def _changing_told(live: LiveParts) -> Callable[[], str | None]:
    """Which generation is being built or loaded, in words, for whoever watches the server."""

    def told() -> str | None:
        answers = f"Generation {live.current.generation} answers"
        if live.loading:
            return f"{answers}; {live.loading}."
        with suppress(ThatLookError):  # The ledger's own entry says so.
            if (coming := read_generations(live.current.ledger).next) is not None:
                return f"{answers}; generation {coming.number}, with the models of {coming.profile}, is {coming.state}."
        return None

    return told


def _backup_of(home: Path, intake: Intake) -> Callable[[Path], tuple[int, int, str]]:
    """Copies the home while it is served: searches go on, writers wait for the last part of it."""

    @contextmanager
    def quiet() -> Iterator[None]:
        with intake.writer.paused(), no_writes(home / LEDGER), no_writes(home / KEYS), no_writes(home / EVENTS):
            yield

    def copy(target: Path) -> tuple[int, int, str]:
        done = back_up(home, target, quiet)
        return done.files, done.size_bytes, done.created

    return copy


def _readiness(live: LiveParts, intake: Intake | QueuedIntake) -> Callable[[], Mapping[str, str]]:
    """Asks every part that can be away."""

    def unready() -> Mapping[str, str]:
        parts = live.current
        looks: dict[str, Callable[[], object]] = {
            "vectors": partial(_usable, parts.store),
            "ledger": lambda: parts.ledger.get_setting("probe"),
            "pictures": lambda: parts.objects.exists("probe"),
        }
        unready = {name: reason for name, look in looks.items() if (reason := _failure(look))}
        if problem := intake.problem():
            unready["intake"] = problem
        return unready

    return unready


def _usable(store: VectorStore) -> None:
    """Whether searches can be answered, and rightly.

    Raises:
        HomeDamaged: an index is not what was written, and could not be mended.
        StoreUnavailable: the server does not answer, or has a collection not loaded.
    """
    if isinstance(store, Loaded):
        store.check_loaded()
    elif not isinstance(store, Embedded):
        store.collections()
    elif said := store.damage():
        raise HomeDamaged(said)


def _examination(live: LiveParts) -> Callable[[], Mapping[str, str]]:
    """Compares everything with what was written; one at a time, for all who asked before it began."""
    lock = Lock()
    began, told = -inf, dict[str, str]()
    settings = live.current.settings
    file = None if settings.ledger_url else settings.home / LEDGER

    def examine() -> Mapping[str, str]:
        nonlocal began, told
        asked = monotonic()
        with lock:
            if began < asked:
                parts = live.current
                now, found = monotonic(), examine_open(file, parts.ledger, parts.store, parts.objects)
                began, told = now, {part: "; ".join(said) for part, said in found.items()}
            return told

    return examine


def _failure(look: Callable[[], object]) -> str | None:
    try:
        look()
    except ThatLookError as error:
        return error.message
    return None
