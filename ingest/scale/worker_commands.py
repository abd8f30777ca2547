"""The command `worker`: doing the work that `thatlook ingest` and the API have queued."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import click

from engine.errors import Unavailable
from engine.ledger.work import SharedWork
from engine.system.printing import say
from engine.system.stopping import draining
from engine.system.version import version_of_package
from engine.vision.gate import Policy
from ingest.bootstrap import LiveDependencies, feed_limits, open_live_ingest, shared_feed_jobs, watch_rules
from ingest.intake import Intake
from ingest.jobs.accepting import FeedRules
from ingest.jobs.watching import looking
from ingest.run.dependencies import IngestDependencies
from ingest.scale.worker_health import ALIVE_S, Health, answering
from ingest.scale.worker_metrics import WorkerMetrics
from models.bootstrap import JOBS
from models.settings import Settings, read_settings

if TYPE_CHECKING:
    from engine.ledger.queue_worker import Lanes

AWAY_S = (1.0, 30.0)
MODELS = ("segmenter", "pose", "visual", "semantic")
LOOK_S = 0.5


@click.command()
@click.option("--once", is_flag=True, help="Do what waits now, then end.")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds between looks.")
@click.option("--health", is_flag=True, help="Say whether the worker of this machine is in touch with the queue.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve /healthz, /readyz, /metrics here.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address to serve them at.")
@click.pass_obj
def worker(
    options: dict[str, Any], once: bool, every: float, health: bool, metrics_port: int | None, metrics_host: str
) -> None:
    """Index what `thatlook ingest` and the API have queued. Run as many as there are machines.

    SIGTERM ends it in order: what is under way is written, the rest waits for the next one.
    """
    if health:
        _tell_health()
        return
    settings, stopping, metrics = read_settings(options), Event(), WorkerMetrics()
    healthy = Health(metrics.registry, stopping)
    with ExitStack() as stack:
        stack.enter_context(draining(stopping))
        if port := metrics_port or settings.metrics_port:
            stack.enter_context(answering(healthy, metrics.registry, metrics_host, port, settings.drain_s))
        live = _opened(settings, stopping, stack)
        if live is None:
            return
        parts = live()
        metrics.opened(parts.work, version_of_package(), _fingerprints(parts))
        healthy.opened()
        if parts.work is not None:
            _work(settings, live, parts.work, stopping, once, (metrics, healthy))
        else:
            _look_now_and_then(parts, settings.policy, stopping, once, every, healthy)


def _opened(settings: Settings, stopping: Event, stack: ExitStack) -> LiveDependencies | None:
    """The parts; while servers are away, they are waited for. None where the worker is to stop before that."""
    wait_s = AWAY_S[0]
    while not stopping.is_set():
        try:
            return stack.enter_context(open_live_ingest(settings))
        except Unavailable as error:
            if not settings.is_shared:
                raise
            say(f"thatlook: {error.message} Trying again in {wait_s:g} s.")
        stopping.wait(wait_s)
        wait_s = min(2 * wait_s, AWAY_S[1])
    return None


def _work(
    settings: Settings,
    live: LiveDependencies,
    work: SharedWork,
    stopping: Event,
    once: bool,
    signals: tuple[WorkerMetrics, Health],
) -> None:
    """Take jobs from the queue until told to stop, or with `once` until none waits."""
    from engine.ledger import queue_worker
    from ingest.scale.chores import Chores, doing_chores
    from models.generations.live import watching as watching_generations

    metrics, parts = signals[0], live()
    lanes = _lanes(settings, live, work, stopping, signals)
    chores = Chores(parts, work, settings.policy, metrics.drift, live)
    with watching_generations(live.live), ExitStack() as stack:
        if once:
            chores.once()
            Thread(target=_stop_when_done, args=[work, stopping], daemon=True).start()
        else:
            say("This worker takes jobs from the queue; Ctrl-C or SIGTERM ends it in order.")
            stack.enter_context(_watching(settings, parts, work))
            stack.enter_context(doing_chores(chores, Event()))
        queue_worker.work(work.dsn, lanes, stopping)
    say(f"{metrics.products} products settled")


def _lanes(
    settings: Settings,
    live: LiveDependencies,
    work: SharedWork,
    stopping: Event,
    signals: tuple[WorkerMetrics, Health],
) -> Lanes:
    """Who does the jobs of which lane, and what is told every few seconds while they do."""
    from engine.ledger.queue_worker import Claim, Lanes
    from ingest.generations.orders import BUILD, BuildWorker
    from ingest.generations.swap import builder_of
    from ingest.jobs.shared_feed_jobs import LANE as READ_FEED
    from ingest.queue.work_orders import FEED, PRODUCTS
    from ingest.scale.feed_reader import FeedReader
    from ingest.scale.job_worker import JobWorker

    (metrics, health), parts, alive = signals, live(), _alive_file()
    jobs = JobWorker(parts, stopping, metrics.settled, live)
    builds = BuildWorker(work, lambda number: builder_of(live.live, live.of, number, settings.policy))
    rules = FeedRules(settings.policy, feed_limits(settings))
    feeds = FeedReader(parts, work, rules, settings.s3_bucket, settings.home / JOBS, stopping, live)

    def do(claim: Claim) -> None:
        {READ_FEED: feeds.do, BUILD: builds.do}.get(claim.lane, jobs.do)(claim)

    def beat() -> None:
        alive.touch()
        metrics.paused(jobs.paused is not None)
        health.beat(jobs.paused or "")

    return Lanes((PRODUCTS, FEED, READ_FEED, BUILD), do, beat)


@contextmanager
def _watching(settings: Settings, parts: IngestDependencies, work: SharedWork) -> Iterator[None]:
    """Look after the feed that the settings name, if they name one; of all workers one does."""
    rules = watch_rules(settings)
    if rules is None:
        yield
        return
    from ingest.jobs.shared_watching import SharedFeedWatch

    with looking(SharedFeedWatch(shared_feed_jobs(parts, work, settings), rules, parts.ledger, work)):
        yield


def _stop_when_done(work: SharedWork, stopping: Event) -> None:
    """Ask for an end when nothing waits or is under way any more, in any worker; later tries are not waited for."""
    while not stopping.wait(LOOK_S):
        with suppress(Unavailable):
            if not work.ready():
                stopping.set()


def _fingerprints(parts: IngestDependencies) -> dict[str, str]:
    return {name: str(getattr(getattr(parts.pipeline, name, None), "fingerprint", ""))[:12] for name in MODELS}


def _look_now_and_then(
    parts: IngestDependencies, policy: Policy, stopping: Event, once: bool, every: float, health: Health
) -> None:
    """Without a queue: what the API has taken on waits in the ledger."""
    intake = Intake(parts, policy)
    Thread(target=_stop_when_told, args=[intake, stopping], daemon=True).start()
    while not stopping.is_set():
        health.beat()
        if settled := intake.work_once():
            say(f"{settled} products settled")
        if once:
            return
        stopping.wait(every)


def _stop_when_told(intake: Intake, stopping: Event) -> None:
    """Have what is looked at already written, and the rest left pending, when the worker is told to end."""
    stopping.wait()
    intake.close()


def _alive_file() -> Path:
    return Path(tempfile.gettempdir()) / "thatlook-worker.alive"


def _tell_health() -> None:
    try:
        age_s = time.time() - _alive_file().stat().st_mtime
    except OSError:
        age_s = float("inf")
    if age_s > ALIVE_S:
        say("thatlook: no worker of this machine is in touch with the queue.")
        sys.exit(1)
