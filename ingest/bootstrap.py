"""The composition root of ingest: the shared parts as ingest works with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from engine.errors import QueryRejected, StoreUnavailable
from engine.generations.fingerprint import models_fingerprint
from engine.jobs import WatchedFeed
from engine.objects.folder import FolderObjectStore
from engine.objects.s3_settings import S3Settings
from engine.products.links import is_address
from engine.remote import RemoteLimits
from engine.system.durable import PART
from ingest.images.sources import SourceRules
from ingest.jobs.accepting import FeedRules
from ingest.jobs.feed_jobs import HomeFeedJobs
from ingest.jobs.watching import FeedWatch, HomeMemory, WatchRules, looking, seconds_of
from ingest.options import currency_code, shop_address
from ingest.run.dependencies import ImageAnalysis, IngestDependencies
from models.bootstrap import JOBS, Parts, open_parts
from models.settings import Settings

if TYPE_CHECKING:
    from engine.generations.record import Generation
    from engine.ledger.work import SharedWork
    from ingest.jobs.shared_feed_jobs import SharedFeedJobs
    from models.generations.live import LiveParts


@contextmanager
def open_ingest(settings: Settings, *, repairing: bool = False) -> Iterator[IngestDependencies]:
    """Build the parts of an ingest, and let go of all of them in the end.

    Args:
        repairing: take stores that do not agree.
    Raises:
        HomeInUse, ModelMismatch, StoreUnavailable, ModelUnavailable: as `models.bootstrap.open_parts`.
    """
    with open_parts(settings, repairing=repairing) as parts:
        tidy(parts)
        yield ingest_dependencies(parts)


@contextmanager
def open_live_ingest(settings: Settings) -> Iterator[LiveDependencies]:
    """The same for a program that goes on while the catalogue changes to other models.

    Raises:
        HomeInUse, ModelMismatch, StoreUnavailable, ModelUnavailable: as `models.bootstrap.open_parts`.
    """
    from models.generations.live import LiveParts

    with open_parts(settings) as parts:
        tidy(parts)
        yield LiveDependencies(LiveParts(parts, warm=False))


def tidy(parts: Parts) -> None:
    """Clear away what killed processes left in a home that is ours alone: runs without an end, half written files."""
    if parts.settings.is_shared:
        return
    with suppress(StoreUnavailable, OSError):  # A full disk, say; it is in nobody's way.
        if parts.settings.ledger_url is None:
            parts.ledger.end_cut_off_runs()
        if isinstance(parts.objects, FolderObjectStore):
            parts.objects.tidy()
        for left in (*parts.settings.home.glob(f"*{PART}"), *parts.settings.home.glob(f"vectors/*{PART}")):
            left.unlink(missing_ok=True)


def ingest_dependencies(parts: Parts) -> IngestDependencies:
    """Parts that a program has open already, as ingest works with them."""
    settings, models = parts.settings, models_fingerprint(parts.pipeline)
    return IngestDependencies(
        pipeline=parts.pipeline,
        store=parts.store,
        objects=parts.objects,
        ledger=parts.ledger,
        fingerprint=parts.generations.content_name(models),
        sources=source_rules(settings),
        limits=settings.image_limits,
        work=shared_work(parts),
        generation=parts.generation,
        views=settings.views,
        models=models,
    )


class LiveDependencies:
    """The parts of the generation that serves, or of another one, as ingest works with them.

    Each call gives one generation's, whole: whoever works with what it gives is told by `GenerationChanged` when
    another one serves, and asks again.
    """

    def __init__(self, live: LiveParts, wrapped: Callable[[ImageAnalysis], ImageAnalysis] = lambda models: models):
        self.live, self._wrapped = live, wrapped

    def __call__(self) -> IngestDependencies:
        """Of the one that serves."""
        return self._made(self.live.current)

    def of(self, generation: Generation) -> IngestDependencies:
        """Of any, its models loaded now if they are not yet.

        Raises:
            ModelUnavailable, ModelMismatch: its models are not there.
        """
        return self._made(self.live.of(generation))

    def _made(self, parts: Parts) -> IngestDependencies:
        made = ingest_dependencies(parts)
        return replace(made, pipeline=self._wrapped(made.pipeline))


def source_rules(settings: Settings) -> SourceRules:
    """What ingest may read, by the settings."""
    return SourceRules(
        allow_private_hosts=settings.allow_private_hosts, max_bytes=settings.max_image_bytes, s3=_s3(settings)
    )


def shared_work(parts: Parts) -> SharedWork | None:
    """The queue of a catalogue that lies in servers; None where one process does all the work."""
    if not parts.settings.is_shared:
        return None
    from engine.ledger.sql import SqlLedger

    return parts.ledger.work() if isinstance(parts.ledger, SqlLedger) and parts.ledger.has_queue else None


def feed_limits(settings: Settings) -> RemoteLimits:
    """What a feed behind an address may cost, and where it may lie."""
    limits = RemoteLimits(max_bytes=settings.max_feed_bytes, timeout_s=3600.0)
    if settings.allow_private_hosts:
        return replace(limits, ports=frozenset(), allowed=lambda _: True)
    return limits


@contextmanager
def watching(settings: Settings, jobs: HomeFeedJobs) -> Iterator[None]:
    """Fetch the feed that the settings name now and then, if they name one.

    Raises:
        QueryRejected: settings that cannot be.
    """
    rules = watch_rules(settings)
    if rules is None:
        yield
        return

    def show(feed: WatchedFeed) -> None:
        jobs.watched_feed = feed

    watch = FeedWatch(jobs, rules, HomeMemory(jobs.folder, show))
    show(watch.feed)
    with looking(watch):
        yield


def watch_rules(settings: Settings) -> WatchRules | None:
    """The feed that the settings name, if they name one.

    Raises:
        QueryRejected: settings that cannot be.
    """
    if settings.feed_url is None:
        return None
    url = settings.feed_url.get_secret_value()
    if not is_address(url):
        raise QueryRejected("THATLOOK_FEED_URL is no http(s) address.")
    return WatchRules(
        url=url,
        every_s=seconds_of(settings.feed_every),
        limits=feed_limits(settings),
        prune=settings.feed_prune,
        name=settings.feed_name,
        shop_url=_checked("THATLOOK_FEED_SHOP_URL", settings.feed_shop_url, shop_address),
        currency=_checked("THATLOOK_FEED_CURRENCY", settings.feed_currency, currency_code),
    )


def _checked(name: str, value: str | None, check: Callable[[str], str]) -> str | None:
    """A setting as the feed's reader takes it; what it refuses is refused at the start, by the setting's name."""
    try:
        return None if value is None else check(value)
    except QueryRejected as error:
        raise QueryRejected(f"{name} cannot be used: {error.message}") from error


def shared_feed_jobs(parts: IngestDependencies, work: SharedWork, settings: Settings) -> SharedFeedJobs:
    """Feed jobs of a catalogue in servers, as the API and a watch take them on.

    Raises:
        StoreUnavailable: the home, where uploads lie for a moment, cannot be written.
    """
    from ingest.jobs.shared_feed_jobs import SharedFeedJobs

    rules = FeedRules(settings.policy, feed_limits(settings))
    return SharedFeedJobs(work.feeds, parts.ledger, parts.objects, settings.home / JOBS, rules)


def _s3(settings: Settings) -> S3Settings | None:
    """The S3 that `s3://bucket/key` in a feed means: the configured one."""
    if not settings.s3_endpoint:
        return None
    access, secret = (_text(settings.s3_access_key), _text(settings.s3_secret_key))
    return S3Settings(settings.s3_endpoint, access, secret, secure=settings.s3_secure)


def _text(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None
