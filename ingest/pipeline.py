"""A shop's feed into the catalogue: resumable, idempotent, and every refusal told."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from engine.domain import Product
from engine.errors import FeedUnreadable, ThatLookError, Unavailable
from engine.seams import CUT_OFF, FeedError, IngestState
from engine.system.printing import spelled
from engine.vision.gate import Policy
from ingest.feeds.lines import count_lines
from ingest.feeds.missing_categories import with_missing_categories
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions
from ingest.images.sources import ImageSources
from ingest.queue.feed_queue import FeedQueue, counts_of, feed_queue, settled
from ingest.queue.patient import Waits, patient_ledger, patiently
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff, diff_products
from ingest.run.stage_runner import StageRunner, stage_runner
from ingest.run.stages import Outcome, given_up
from ingest.run.summary import FeedBrokenOff, OnProgress, Progress, Summary, Tally
from ingest.run.writer import Writer
from ingest.upkeep.lost import with_lost_rows
from ingest.upkeep.pruning import claim_feed, prune_feed
from ingest.upkeep.sales import Sales
from models.agreement import row_problem

if TYPE_CHECKING:
    from engine.ledger.work import SharedWork

CHUNK = 64
"""Products that are compared with the ledger at a time."""
TELL_EVERY_S = 1.0

_Rows = Iterator[tuple[int, Product | FeedError]]


class RunStopped(Unavailable):
    """A run was asked to end before its feed did; what was written is kept."""


def ingest_feed(
    parts: IngestDependencies,
    feed: Path,
    policy: Policy = "prefer",
    *,
    prune: bool = False,
    prune_all: bool = False,
    limit: int | None = None,
    name: str | None = None,
    options: FeedOptions | None = None,
    progress: OnProgress | None = None,
    named: bool | None = None,
    origin: str | None = None,
    writer: Writer | None = None,
    stopping: Event | None = None,
    queued: bool = False,
    wait: bool = False,
    waits: Waits = lambda _why: None,
    portable: Callable[[str], str] | None = None,
) -> Summary:
    """Bring a feed's products into the catalogue.

    A second run over the same feed does only what is left to do. A run that was killed is taken up
    by the next one. `prune` takes out products that left the feed: only after the feed was read to
    its end, and never more than half of them unless `prune_all`. `limit` ends the run after so many
    good rows. `name` is what the ledger calls the feed, its file name where none is given. `options` is
    what the shop says of the feed. `queued` leaves the work to the workers of a catalogue in servers; with `wait` it
    returns when they have done it. `waits` is told why nothing goes on at present.

    Args:
        named: whether the shop chose the name; it did where there is one, unless this says otherwise.
        origin: what tells feeds of one name apart, where that is not the file's folder: an address, say.
        writer: this process's, where it has one already.
        stopping: ends the run when it is set.
        portable: makes of a picture's reference one that every worker can read; the feed's folder is then no worker's.
    Raises:
        RunStopped: it was set.
        FeedUnreadable: the feed cannot be read at all.
        FeedBrokenOff: it is damaged (what was read before is kept).
        StoreUnavailable, ModelUnavailable: a part does not answer; run again later.
    """
    tally, label = Tally(), spelled(name or feed.name)
    rows = read_feed(feed, label, options, on_notes=tally.notes)
    rows = chain(list(islice(rows, 1)), rows)  # A feed that cannot be read at all fails here, before a run begins.
    prune = prune or prune_all
    if queued:
        parts = replace(parts, ledger=patient_ledger(parts.ledger, waits))
    here = origin or spelled(str(feed.resolve().parent))
    claim_feed(parts.ledger, label, here, named=name is not None if named is None else named, prune=prune)
    stopping = stopping or Event()
    run = _Run(parts, label, policy, count_lines(feed) or None, progress, stopping, tally)
    if portable is not None:
        rows = _with_references(rows, portable)
    elif parts.sources.root is None:
        parts = replace(parts, sources=replace(parts.sources, root=feed.parent))
    sources, writer = ImageSources(parts.sources, stopping), writer or Writer(parts)
    with run.ended():
        if queued and parts.work:
            with feed_queue(parts, parts.work, policy, run.written, waits) as queue:
                run.drain(rows, queue, sources, limit)
            run.count_queued(queue, parts.work, waits if wait else None)
        else:
            with stage_runner(parts, sources, writer, policy, run.written) as runner:
                run.drain(rows, runner, sources, limit)
        if prune:
            pruning = partial(prune_feed, parts.ledger, writer, label, run.seen, run.prunable(), prune_all=prune_all)
            run.pruned(patiently(pruning, waits) if queued else pruning())
        return run.finish()


@dataclass(slots=True)
class _Run:
    """One pass over a feed, while it goes on."""

    parts: IngestDependencies
    feed: str
    policy: Policy
    total: int | None
    progress: OnProgress | None
    stopping: Event
    tally: Tally = field(default_factory=Tally)
    seen: set[str] = field(default_factory=set)
    broken: FeedUnreadable | None = None
    limited: bool = False
    note: str | None = None
    _line: int = 0
    _run_id: int = 0
    _started: float = field(default_factory=time.monotonic)
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _told: float = 0.0
    _rows_lack: bool = False
    _queued_words: int = 0

    def __post_init__(self) -> None:
        self._run_id = self.parts.ledger.start_run(self.feed, self.total)

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Whatever happens, the run has an end in the ledger; one that did not come to its feed's is cut off."""
        try:
            yield
        except BaseException:
            with suppress(ThatLookError):
                self.parts.ledger.update_run(self._run_id, {**self.tally.counts, CUT_OFF: 1}, finished=True)
            raise

    def drain(self, rows: _Rows, runner: StageRunner | FeedQueue, sources: ImageSources, limit: int | None) -> None:
        """Read to the end (or the limit), and bring everything through."""
        with closing(self._products(rows)) as source:
            self._take(source, runner, sources, limit)
        self._go_on()
        runner.finish()
        self._go_on()
        self._tell(force=True)

    def _take(
        self, source: Iterator[Product], runner: StageRunner | FeedQueue, sources: ImageSources, limit: int | None
    ) -> None:
        limited = source if limit is None else islice(source, limit)
        products = with_missing_categories(limited, self.parts.pipeline.taxonomy, self.tally.notes)
        self.limited = limit is not None
        sales = Sales(self.parts)
        if isinstance(runner, StageRunner):  # Else the workers' sweep sees to it.
            self._rows_lack = row_problem(self.parts.store, *self.parts.ledger.rows_named()) is not None
        while chunk := list(islice(products, CHUNK)):
            sales.note(chunk)
            diffs = diff_products(self.parts, sources, chunk, self.feed, self.policy, runner.pool)
            if self._rows_lack:
                diffs = with_lost_rows(self.parts, diffs)
            runner.take([diff for diff in diffs if diff.kind not in ("unchanged", "given up")])
            for diff in diffs:
                if diff.kind == "given up":
                    self.tally.outcome(given_up(diff))
                elif diff.kind == "unchanged":
                    self._unchanged(diff)
            self._tell()

    def count_queued(self, queue: FeedQueue, work: SharedWork, waits: Waits | None) -> None:
        """Count what was queued; with `waits`, what became of it when the workers have done it."""
        self.tally.counts["queued"] = queue.queued
        self._queued_words = queue.words
        if waits is None:
            self.tally.taken += queue.queued
            return
        counts = dict(self.tally.counts)
        for states in settled(work, self.feed, self._since, waits):
            left = states.get(IngestState.PENDING, 0)
            shown = {**counts, **counts_of(states, queue.words)}
            if self.progress:
                self.progress(Progress(queue.queued - left, queue.queued, shown))
        standing = work.standing(self.feed, self._since)
        self.tally.counts.update(counts_of(standing.states, queue.words))
        self.tally.products.update(standing.products)
        self.tally.images.update(standing.images)
        self.tally.taken += standing.states.get(IngestState.INDEXED, 0)

    def _unchanged(self, diff: ProductDiff) -> None:
        self.tally.counts["unchanged"] += 1
        self.tally.taken += diff.old is not None and diff.old.state is IngestState.INDEXED
        if diff.old and diff.old.items:
            self.tally.diff(diff)

    def written(self, outcome: Outcome) -> None:
        """Count one written product."""
        self.tally.outcome(outcome)
        self._tell()

    def _go_on(self) -> None:
        if self.stopping.is_set():
            raise RunStopped("The run was stopped before the end of its feed; what was written is kept.")

    def prunable(self) -> str | None:
        """Why nothing may be pruned after this pass, or None where it may."""
        if self.broken is not None:
            return "the feed is damaged, so nothing was pruned"
        if self.limited:
            return "the feed was not read to its end, so nothing was pruned"
        if not self.tally.counts["read"]:
            return "the feed has no good row, so nothing was pruned"
        return None

    def pruned(self, result: tuple[int, str | None]) -> None:
        """Count what was taken out."""
        self.tally.counts["pruned"], self.note = result

    def finish(self) -> Summary:
        """Close the run and sum it up.

        Raises:
            FeedBrokenOff: the feed broke off in the middle.
        """
        counts = self.tally.counts
        if self.broken is None:
            self.parts.ledger.update_run(self._run_id, dict(counts), finished=True)
        summary = Summary(
            feed=self.feed,
            run_id=self._run_id,
            **{name: counts[name] for name in _COUNTED},
            images_refused=dict(self.tally.images.most_common()),
            products_refused=dict(self.tally.products.most_common()),
            errors=tuple(self.tally.errors),
            seconds=round(time.monotonic() - self._started, 3),
            complete=not self.limited and self.broken is None,
            note=self.note,
            guessed=counts["guessed"],
            guessed_ids=tuple(self.tally.guessed),
            changed=dict(self.tally.changed.most_common()),
            taken=self.tally.taken,
            queued=counts["queued"],
            queued_words=self._queued_words,
            error=self.broken.message if self.broken else None,
        )
        if self.broken is not None:
            told = f"{self.broken.message} {_taken(counts['read'])}"
            raise FeedBrokenOff(told, summary)
        return summary

    def _products(self, rows: _Rows) -> Generator[Product, None, None]:
        """Good rows; bad ones go into the ledger. A feed that breaks off ends here, and is told at the end."""
        bad: list[FeedError] = []
        try:
            for self._line, row in rows:
                self._go_on()
                if isinstance(row, Product):
                    self.tally.counts["read"] += 1
                    self.seen.add(row.product_id)
                    yield row
                    continue
                self.tally.error(row)
                bad.append(row)
                if row.product_id:  # It is still in the feed, if not well: pruning must not take it.
                    self.seen.add(row.product_id)
                if len(bad) >= CHUNK:
                    self.parts.ledger.add_errors(self._run_id, bad)
                    bad = []
        except FeedUnreadable as error:
            self.broken = error
            bad.append(FeedError(self.feed, self._line + 1, error.message))
        finally:
            self.parts.ledger.add_errors(self._run_id, bad)

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._told < TELL_EVERY_S:
            return
        self._told = now
        self.parts.ledger.update_run(self._run_id, dict(self.tally.counts))
        if self.progress:
            self.progress(Progress(self._line, self.total, dict(self.tally.counts), self._run_id))


def _with_references(rows: _Rows, made: Callable[[str], str]) -> _Rows:
    """The rows with other references to their pictures."""
    for line, row in rows:
        yield line, replace(row, images=tuple(map(made, row.images))) if isinstance(row, Product) else row


def _taken(read: int) -> str:
    return f"Its first {read} products were ingested." if read else "None of its products was ingested."


_COUNTED = ("read", "indexed", "updated", "unchanged", "refused", "failed", "bad_rows", "pruned")
