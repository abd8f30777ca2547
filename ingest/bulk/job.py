"""A feed through the models on a Ray cluster: parted here, embedded there, resumed where it was cut off."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain import Product
from engine.errors import ContractBroken, FeedUnreadable, QueryRejected, StoreUnavailable
from engine.taxonomy import Taxonomy
from ingest.bulk.part_embedder import EmbedJob, Opened, PartEmbedder, open_embedding
from ingest.bulk.place import Manifest, Place, products_name, rows_name
from ingest.feeds.missing_categories import with_missing_categories
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions

if TYPE_CHECKING:
    from ray.data import Dataset

PART_PRODUCTS = 256
"""Products of one part: what a lost machine costs, and what a catalogue takes in one go."""
_SAMPLED = 1 << 20


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is asked of Ray.

    Attributes:
        address: of a running cluster; None starts one on this machine, for as long as the job takes.
        actors: that hold models at a time, at most; cpus, gpus: that each of them is given.
    """

    address: str | None = None
    actors: int = 1
    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class EmbedSummary:
    """What a job did: `done_before` parts were there already; `states` counts the products of the others."""

    parts: int
    done_before: int
    products: int
    bad_rows: int
    states: dict[str, int]
    seconds: float


def part_feed(
    feed: Path, place: Place, job: EmbedJob, fingerprint: str, taxonomy: Taxonomy, options: FeedOptions | None = None
) -> Manifest:
    """Part the feed's products, or find them parted.

    Raises:
        QueryRejected: another job's parts lie there.
        FeedUnreadable: the feed cannot be read to its end; nothing is begun.
    """
    source = source_of(feed)
    if (found := place.manifest()) is not None:
        same = (found.source, found.policy, found.fingerprint) == (source, job.policy, fingerprint)
        if not same:
            raise QueryRejected(
                "Another job's parts lie there: of another feed, of other models or under another policy. "
                "Name another place, or remove it first."
            )
        return found
    read_at, bad = time.time(), 0

    def products() -> Iterator[Product]:
        nonlocal bad
        for _, row in read_feed(feed, job.feed, options):
            if isinstance(row, Product):
                yield row
            else:
                bad += 1

    rows = with_missing_categories(products(), taxonomy, lambda _: None)
    parts = total = 0
    while some := list(islice(rows, PART_PRODUCTS)):
        place.write(products_name(parts), b"\n".join(msgspec.json.encode(one) for one in some))
        parts, total = parts + 1, total + len(some)
    if not total:
        raise FeedUnreadable(f"The feed {feed.name} has no good row ({bad} bad ones).")
    manifest = Manifest(job.feed, source, job.policy, fingerprint, parts, total, bad, read_at, job.root)
    place.begin(manifest)
    return manifest


def source_of(feed: Path) -> str:
    """Tells a feed's contents from others: its size and its first and last megabyte.

    Raises:
        FeedUnreadable: it is not there.
    """
    try:
        with feed.open("rb") as file:
            size = file.seek(0, 2)
            state = hashlib.sha256(str(size).encode())
            for start in (0, max(0, size - _SAMPLED)):
                file.seek(start)
                state.update(file.read(_SAMPLED))
    except OSError as error:
        raise FeedUnreadable(f"The feed {feed} cannot be read ({error.strerror}).") from None
    return state.hexdigest()


def embed_parts(
    job: EmbedJob,
    place: Place,
    manifest: Manifest,
    cluster: Cluster,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    opened: Callable[[EmbedJob], Opened] = open_embedding,
) -> EmbedSummary:
    """Embed the parts that are still to be done. A lost actor's or machine's part is done again by another.

    Args:
        progress: told of the parts that are done, and of how many there are.
        opened: makes an actor's parts; it is sent to the cluster.
    Raises:
        StoreUnavailable: there is no such cluster.
        ContractBroken: an actor failed in a way that trying again does not mend.
    """
    begun = time.monotonic()
    there = set(place.names("rows"))
    todo = [part for part in range(manifest.parts) if rows_name(part) not in there]
    done = manifest.parts - len(todo)
    states: Counter[str] = Counter()
    progress(done, manifest.parts)
    for counts in _counts(job, todo, cluster, opened) if todo else ():
        done += 1
        states.update(counts)
        progress(done, manifest.parts)
    return EmbedSummary(
        manifest.parts,
        manifest.parts - len(todo),
        manifest.products,
        manifest.bad_rows,
        dict(states),
        round(time.monotonic() - begun, 3),
    )


def _counts(
    job: EmbedJob, todo: list[int], cluster: Cluster, opened: Callable[[EmbedJob], Opened]
) -> Iterator[dict[str, int]]:
    try:
        import ray
    except ImportError:
        raise QueryRejected("`thatlook embed` needs Ray: pip install 'ray[data]'.") from None
    try:
        ray.init(
            cluster.address,
            ignore_reinit_error=True,
            include_dashboard=False if cluster.address is None else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, ValueError) as error:
        raise StoreUnavailable(f"The Ray cluster {cluster.address} does not answer ({error}).") from None
    try:
        for row in _dataset(job, todo, cluster, opened).iter_rows():
            yield msgspec.json.decode(row["counts"], type=dict[str, int])
    except ray.exceptions.RayError as error:
        raise ContractBroken(f"An actor failed: {str(error).strip().splitlines()[-1]}") from error
    finally:
        ray.shutdown()


def _dataset(job: EmbedJob, todo: list[int], cluster: Cluster, opened: Callable[[EmbedJob], Opened]) -> Dataset:
    import ray.data

    context: Any = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context.max_errored_blocks = 0
    parts = ray.data.from_items([{"part": part} for part in todo], override_num_blocks=len(todo))
    return parts.map_batches(
        PartEmbedder,
        batch_size=1,
        fn_constructor_args=(job, opened),
        compute=ray.data.ActorPoolStrategy(size=cluster.actors, max_tasks_in_flight_per_actor=2),
        num_cpus=cluster.cpus,
        num_gpus=cluster.gpus,
    )
