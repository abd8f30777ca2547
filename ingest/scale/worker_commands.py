"""The commands `worker` and `queue`: doing the work that is queued, and seeing how it stands."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click
from rich.table import Table

from engine.errors import QueryRejected, Unavailable
from engine.ledger.work import SharedWork
from engine.seams import IngestState, Ledger
from engine.system.console import plain_console
from engine.system.printing import print_json, say
from engine.system.stopping import draining
from engine.vision.gate import Policy
from ingest.bootstrap import LiveDependencies, feed_limits, open_live_ingest, shared_feed_jobs, watch_rules
from ingest.intake import Intake
from ingest.jobs.accepting import FeedRules
from ingest.jobs.watching import looking
from ingest.queue.taken_on import pending, replace_all
from ingest.queue.work_orders import jobs_of
from ingest.run.dependencies import IngestDependencies
from ingest.scale.worker_health import ALIVE_S, Health, answering
from ingest.scale.worker_metrics import WorkerMetrics
from ingest.upkeep.pruning import folder_of
from models.bootstrap import JOBS, open_ledger
from models.settings import Settings, read_settings

AWAY_S = (1.0, 30.0)
MODELS = ("segmenter", "pose", "visual", "semantic")
SHOWN = 20
LOOK_S = 0.5
_PAGE = 500


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
    settings, stopping = read_settings(options), Event()
    told = WorkerMetrics()
    health_told = Health(told.registry, stopping)
    with ExitStack() as stack:
        stack.enter_context(draining(stopping))
        if port := metrics_port or settings.metrics_port:
            stack.enter_context(answering(health_told, told.registry, metrics_host, port, settings.drain_s))
        live = _opened(settings, stopping, stack)
        if live is None:
            return
        parts = live()
        told.opened(parts.work, _version(), _fingerprints(parts))
        health_told.opened()
        if parts.work is not None:
            _work(settings, live, parts.work, stopping, once, (told, health_told))
        else:
            _look_now_and_then(parts, settings.policy, stopping, once, every, health_told)


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
    from engine.ledger import queue_worker
    from ingest.generations.orders import BUILD, BuildWorker
    from ingest.generations.swap import builder_of
    from ingest.jobs.shared_feed_jobs import LANE as READ_FEED
    from ingest.queue.work_orders import FEED, PRODUCTS
    from ingest.scale.chores import Chores, doing_chores
    from ingest.scale.feed_reader import FeedReader
    from ingest.scale.job_worker import JobWorker
    from models.generations.live import watching as watching_generations

    (told, health), parts = signals, live()
    jobs = JobWorker(parts, stopping, told.settled, live)
    builds = BuildWorker(work, lambda number: builder_of(live.live, live.of, number, settings.policy))
    alive = _alive_file()

    def beat() -> None:
        alive.touch()
        told.paused(jobs.paused is not None)
        health.beat(jobs.paused or "")

    chores = Chores(parts, work, settings.policy, told.drift, live)
    chores_end = Event()
    rules = FeedRules(settings.policy, feed_limits(settings))
    feeds = FeedReader(parts, work, rules, settings.s3_bucket, settings.home / JOBS, stopping, live)

    def do(claim: queue_worker.Claim) -> None:
        {READ_FEED: feeds.do, BUILD: builds.do}.get(claim.lane, jobs.do)(claim)

    lanes = queue_worker.Lanes((PRODUCTS, FEED, READ_FEED, BUILD), do, beat)
    if once:
        chores.once()
        Thread(target=_stop_when_done, args=[work, stopping], daemon=True).start()
        with watching_generations(live.live):
            queue_worker.work(work.dsn, lanes, stopping)
    else:
        say("This worker takes jobs from the queue; Ctrl-C or SIGTERM ends it in order.")
        with watching_generations(live.live), _watching(settings, parts, work), doing_chores(chores, chores_end):
            queue_worker.work(work.dsn, lanes, stopping)
    say(f"{told.products} products settled")


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


def _version() -> str:
    try:
        return version("thatlook")
    except PackageNotFoundError:
        return "0"


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


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """How the work for the workers stands.

    What waits, what is under way, what was given up and why.
    """
    if context.invoked_subcommand:
        return
    with _shared(context.obj) as (ledger, work):
        lanes, counts, reasons = work.lanes(30.0), ledger.counts(), ledger.failure_counts()
    if as_json:
        products = {state.value: n for state, n in counts.items()}
        print_json({"lanes": [asdict(lane) for lane in lanes], "products": products, "failed": dict(reasons)})
        return
    console = plain_console()
    table = Table("lane", "waiting", "under way", "lost", "given up", "oldest", box=None)
    for lane in lanes:
        numbers = (lane.queued, lane.picked, lane.stale, lane.dead)
        table.add_row(lane.lane, *map(str, numbers), f"{lane.oldest_s:.0f} s")
    console.print(table if lanes else "No job waits.")
    console.print(" · ".join(f"{n:,} {state.value}" for state, n in counts.items()), markup=False)
    failed = Table("reason", "products", title="Failed; `thatlook queue retry` tries them again")
    for reason, n in list(reasons.items())[:SHOWN]:
        failed.add_row(reason, str(n))
    if reasons:
        console.print(failed)


@queue.command()
@click.argument("product_ids", nargs=-1)
@click.option("--reason", help="Only products whose reason has this in it.")
@click.pass_obj
def retry(options: dict[str, Any], product_ids: tuple[str, ...], reason: str | None) -> None:
    """Try products that failed again, all or those named, and jobs that were given up."""
    settings = read_settings(options)
    with _shared(options) as (ledger, work):
        tried = sum(_again(ledger, settings.policy, some) for some in _failed(ledger, product_ids, reason))
        jobs = work.revive() if not (product_ids or reason) else 0
    say(f"{tried:,} products and {jobs:,} jobs are queued again.")


def _failed(ledger: Ledger, product_ids: tuple[str, ...], reason: str | None) -> Iterator[list[str]]:
    after: str | None = None
    while page := ledger.page(state=IngestState.FAILED, after=after, limit=_PAGE):
        after = page[-1].product.product_id
        yield [
            entry.product.product_id
            for entry in page
            if (not product_ids or entry.product.product_id in product_ids)
            and (reason is None or reason.casefold() in (entry.reason or "").casefold())
        ]


def _again(ledger: Ledger, policy: Policy, product_ids: list[str]) -> int:
    made = {}

    def anew(product_id: str, old: Any) -> Any:
        if old is None or old.state is not IngestState.FAILED:
            return None
        made[product_id] = pending(old.product, old.feed, old)
        return made[product_id]

    def jobs(written: frozenset[str]) -> Any:
        return jobs_of([made[i] for i in sorted(written)], policy, lambda feed: folder_of(ledger, feed))

    replace_all(ledger, product_ids, anew, jobs)
    return len(made)


@contextmanager
def _shared(options: dict[str, Any]) -> Iterator[tuple[Ledger, SharedWork]]:
    """The ledger with its queue.

    Raises:
        QueryRejected: the settings name no PostgreSQL.
    """
    from engine.ledger.sql import SqlLedger

    settings = read_settings(options)
    if settings.ledger_url is None:
        raise QueryRejected("THATLOOK_LEDGER_URL names no PostgreSQL; only there is a queue, for several workers.")
    ledger = open_ledger(settings)
    try:
        if not isinstance(ledger, SqlLedger) or not ledger.has_queue:
            raise QueryRejected("THATLOOK_LEDGER_URL names no PostgreSQL; only there is a queue, for several workers.")
        yield ledger, ledger.work()
    finally:
        ledger.close()
