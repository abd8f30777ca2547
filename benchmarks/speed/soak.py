"""`thatlook bench soak`: a server under steady load for minutes, and whether it stays as it was.

How much the server can do is measured first (as many patient clients as searches run at once); then photos, no two
alike, come in an open loop at a share of that. Told are the errors, the latency, and how its own memory grows: the
median of the slopes between all pairs of readings (Theil 1950, Sen 1968), which single jumps do not move. With `--feed`
the server takes a feed meanwhile, and the load goes on until that has ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.load import Bodies, Client, Sample, arrivals, closed_loop, open_loop
from benchmarks.speed.server import HOST, Running, serving
from benchmarks.speed.soak_feed import FeedTaken, take_feed
from engine.errors import QueryRejected
from engine.system.cpus import available_cpus
from engine.system.options import JSON
from engine.system.printing import print_json, say
from models.settings import read_settings

MOST_PHOTOS = 200
PHOTO_MEMORY_BYTES = 2 * 1024 * 1024
"""What is remembered of photos has a bound; here one that is reached while warming up, and not after an hour."""
WARM_UP = 0.2
"""This share of the time counts for errors, and not for memory: buffers and caches fill."""
_READ_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of it.

    Attributes:
        capacity_s, rate_s: requests a second, at most and sent.
        shed: answers of 503, given at once because others are under way: the machine can do less than it could before.
        errors: all others that were no 200.
        statuses: of both, counted; 0 where there was no answer.
        memory_mb: the server's own memory (not mapped from files) when the warm-up was over, and in the end.
        slope_mb_h: how it grows, a MiB an hour.
        feed: what became of the feed that was taken meanwhile, if any.
    """

    minutes: float
    capacity_s: float
    rate_s: float
    requests: int
    errors: int
    shed: int
    statuses: dict[int, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    memory_mb: tuple[float, float]
    slope_mb_h: float
    feed: FeedTaken | None = None


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=10.0, show_default=True, help="How long.")
@click.option("--load", type=click.FloatRange(0.01, 1.0), default=0.5, show_default=True, help="Share of capacity.")
@click.option(
    "--most-growth",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Memory may grow by so many MiB an hour.",
)
@click.option(
    "--most-shed",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of requests that may be turned away (503).",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of photos; by default those of the home.",
)
@click.option(
    "--feed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A feed that the server takes in meanwhile.",
)
@click.option("--seed", default=7, show_default=True, help="Seed of the moments at which photos come.")
@JSON
@click.pass_obj
def soak(
    options: dict[str, Any],
    minutes: float,
    load: float,
    most_growth: float,
    most_shed: float,
    photos: Path | None,
    feed: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Serve the home under steady load, and see that nothing fails and memory does not grow.

    Exit status 1 where an answer failed, more than --most-shed were turned away, or memory grew by more than
    --most-growth. With --feed memory is told, not judged, and products that failed count as errors.
    """
    settings = read_settings(options)
    folder = photos or settings.home / "images"
    offered = photos_in(folder)
    log = settings.home / "soak.log"
    open_to_us = {"THATLOOK_REQUIRE_KEYS": "false", "THATLOOK_PHOTO_MEMORY_BYTES": str(PHOTO_MEMORY_BYTES)}
    with serving(settings.home, log, profile=settings.profile, environment=open_to_us) as server:
        taking = partial(take_feed, settings.home, settings.profile, feed) if feed else None
        answered = asyncio.run(_answered(server, offered))
        if not answered:
            raise QueryRejected(f"No photo below {folder} is answered; name a folder with --photos.")
        if left_out := len(offered) - len(answered):
            say(f"{left_out} of {len(offered)} photos are left out: no garment is found in them.")
        found = asyncio.run(_measure(server, Bodies(answered), minutes, load, seed, say, taking))
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(told(found))
    turned_away = found.shed > most_shed * found.requests
    grown = found.feed is None and found.slope_mb_h > most_growth
    lost = found.feed is not None and found.feed.failed > 0
    sys.exit(1 if found.errors or turned_away or grown or lost else 0)


def photos_in(folder: Path) -> list[bytes]:
    """JPEG photos below a folder, at most two hundred.

    Raises:
        QueryRejected: there are none.
    """
    found = [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))[:MOST_PHOTOS]]
    photos = [data for data in found if data[:2] == b"\xff\xd8"]
    if not photos:
        raise QueryRejected(f"There are no JPEG photos below {folder}; name a folder with --photos.")
    return photos


async def _answered(server: Running, photos: Sequence[bytes]) -> list[bytes]:
    """The photos but for those that show no garment (422): these say nothing about the server."""
    client = Client(HOST, server.port)
    try:
        statuses = [(await client.post(photo, time.perf_counter())).status for photo in photos]
    finally:
        await client.close()
    return [photo for photo, status in zip(photos, statuses, strict=True) if status != 422]


async def _measure(
    server: Running,
    bodies: Bodies,
    minutes: float,
    load: float,
    seed: int,
    tell: Callable[[str], object],
    taking: Callable[[], Awaitable[FeedTaken]] | None = None,
) -> Soak:
    client = Client(HOST, server.port)

    async def ask(body: bytes, meant: float) -> Sample:
        return replace(await client.post(body, meant), body=b"", stages="")

    probe_s = min(10.0, 12 * minutes)
    await closed_loop(ask, bodies, clients=1, seconds=probe_s, n=5)
    answers, seconds = await closed_loop(ask, bodies, clients=available_cpus(), seconds=probe_s, n=1_000_000)
    capacity = sum(each.status == 200 for each in answers) / seconds
    rate = max(0.2, load * capacity)
    tell(f"{capacity:.1f} answers a second at most; {rate:.1f} a second for {minutes:g} minutes.")
    readings: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch(server, readings))
    taken = asyncio.ensure_future(taking()) if taking else None
    start = time.perf_counter()
    samples = await open_loop(ask, bodies, arrivals("poisson", rate, 60 * minutes, seed))
    while taken and not taken.done():
        seed += 1
        samples += await open_loop(ask, bodies, arrivals("poisson", rate, min(30.0, 60 * minutes), seed))
    took = round((time.perf_counter() - start) / 60, 2) if taken else minutes
    watching.cancel()
    await client.close()
    found = summary(samples, readings, took, capacity, rate)
    return replace(found, feed=await taken) if taken else found


async def _watch(server: Running, readings: list[tuple[float, float]]) -> None:
    """Note the server's own memory: seconds and MiB."""
    start = time.perf_counter()
    while True:
        readings.append((time.perf_counter() - start, server.memory_bytes()[1] / 2**20))
        await asyncio.sleep(_READ_EVERY_S)


def summary(
    samples: Sequence[Sample], readings: Sequence[tuple[float, float]], minutes: float, capacity: float, rate: float
) -> Soak:
    """What the samples and readings come to."""
    failed = Counter(each.status for each in samples if each.status != 200)
    latency = [each.latency_ms for each in samples if each.status == 200] or [0.0]
    p50, p95, p99 = (round(float(value), 1) for value in np.percentile(latency, (50, 95, 99)))
    kept = np.array([row for row in readings if row[0] >= WARM_UP * 60 * minutes] or readings, dtype=float)
    memory = round(float(kept[0, 1]), 1), round(float(kept[-1, 1]), 1)
    return Soak(
        minutes, round(capacity, 2), round(rate, 2), len(samples), sum(failed.values()) - failed[503], failed[503],
        {status: n for status, n in failed.items() if n}, p50, p95, p99, memory, round(3600 * slope_of(kept), 2),
    )  # fmt: skip


def slope_of(rows: NDArray[np.float64]) -> float:
    """The median slope between all pairs of (x, y) rows; 0 where there are fewer than two."""
    first, second = np.triu_indices(len(rows), 1)
    if not len(first):
        return 0.0
    return float(np.median((rows[second, 1] - rows[first, 1]) / (rows[second, 0] - rows[first, 0])))


def told(found: Soak) -> str:
    """The result in a few lines."""
    others = [f"{n} × {status or 'no answer'}" for status, n in found.statuses.items() if status != 503]
    feed = found.feed
    took = f"\nfeed: {feed.products} products in {feed.seconds:g} s, {feed.failed} failed" if feed else ""
    return (
        f"{found.requests} photos in {found.minutes:g} minutes, {found.rate_s:g} a second of {found.capacity_s:g}\n"
        f"errors: {', '.join(others) or 'none'}; turned away in time: {found.shed}\n"
        f"latency: p50 {found.p50_ms:g} ms, p95 {found.p95_ms:g} ms, p99 {found.p99_ms:g} ms\n"
        f"memory: {found.memory_mb[0]:g} MiB after warming up, {found.memory_mb[1]:g} MiB in the end, "
        f"slope {found.slope_mb_h:+g} MiB an hour{took}"
    )
