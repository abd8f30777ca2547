"""Diffs in, written outcomes out: fetching ahead in a pool, the models in the caller's thread, one writer behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from engine.errors import ThatLookError
from engine.vision.gate import Policy
from ingest.images.sources import ImageSources
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff
from ingest.run.failures import apart, models_answer, stores_answer, told
from ingest.run.select_image import Picture
from ingest.run.stages import Outcome, SelectedProduct, analyze, embed, failed, gather, reword
from ingest.run.writer import Writer

T = TypeVar("T")
R = TypeVar("R")
BATCH = 32
"""Products that are embedded and written together."""
PATIENCE_S = 1.0
"""A picture server that takes longer holds nothing up that is ready to be embedded and written."""
MOST_WRITTEN = 256
"""Products of one write, however long the store takes for the one before."""
WRITES_AHEAD = 2
"""Batches that may wait for the writer, so that a slow store slows the models down and memory stays bounded."""


@dataclass(slots=True)
class StageRunner:
    """Moves products through the stages. `written` is called in the caller's thread for every product written."""

    parts: IngestDependencies
    sources: ImageSources
    writer: Writer
    policy: Policy
    pool: ThreadPoolExecutor
    written: Callable[[Outcome], None]
    _writing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "ingest-writer"))
    _ahead: deque[tuple[ProductDiff, Future[list[Picture]]]] = field(default_factory=deque)
    _seen: list[SelectedProduct] = field(default_factory=list)
    _ready: list[Outcome] = field(default_factory=list)
    _writes: deque[Future[list[Outcome]]] = field(default_factory=deque)

    def take(self, diffs: Sequence[ProductDiff]) -> None:
        """Take on differences that are not `unchanged`; returns when few enough are in flight."""
        self._ready += [failed(diff, diff.reason or "") for diff in diffs if diff.kind == "failed"]
        reworded = self._apart(
            [diff for diff in diffs if diff.kind == "words"],
            lambda some: [reword(self.parts, some)],
            lambda diff: diff,
            "Rewriting its words",
        )
        self._ready += [outcome for outcomes, _ in reworded for outcome in outcomes]
        missing = [diff for _, diffs in reworded for diff in diffs]
        for diff in [*(diff for diff in diffs if diff.kind == "everything"), *map(_anew, missing)]:
            self._ahead.append((diff, self.pool.submit(gather, self.parts, self.sources, diff)))
            while len(self._ahead) > 2 * self.parts.threads:
                self._look_at_next()
        self._write_when(BATCH)

    def finish(self) -> None:
        """Bring everything in flight to its end."""
        while self._ahead:
            self._look_at_next()
        self._embed()
        self._write_when(1)
        while self._writes:
            self._take_back()

    def stop(self) -> None:
        """Drop what is not yet at the writer; what is there is written."""
        for _, fetching in self._ahead:
            fetching.cancel()
        self._writing.shutdown(wait=True)

    def _look_at_next(self) -> None:
        diff, fetching = self._next_fetched()
        lost = fetching.exception()
        if self.sources.stopping.is_set():  # Pictures that did not come say nothing now; the next run takes it up.
            return
        if lost is not None:
            self._ready.append(failed(diff, told("Fetching", lost)))
            return
        result = analyze(self.parts, diff, fetching.result(), self.policy)
        if isinstance(result, SelectedProduct):
            self._seen.append(result)
        else:
            self._ready.append(result)
        if len(self._seen) >= BATCH:
            self._embed()
        self._write_when(2 * BATCH)

    def _next_fetched(self) -> tuple[ProductDiff, Future[list[Picture]]]:
        """The first product whose pictures are there; while all of them are slow to come, what is there is written."""
        futures = [fetching for _, fetching in self._ahead]
        done, _ = wait(futures, PATIENCE_S, FIRST_COMPLETED)
        if not done:
            self._embed()
            self._write_when(1)
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
        found = next(pair for pair in self._ahead if pair[1] in done)
        self._ahead.remove(found)
        return found

    def _embed(self) -> None:
        seen, self._seen = self._seen, []
        self._ready += self._apart(seen, partial(embed, self.parts), lambda one: one.diff, "The models")
        self._write_when(BATCH)

    def _apart(
        self, items: Sequence[T], work: Callable[[Sequence[T]], list[R]], diff: Callable[[T], ProductDiff], doing: str
    ) -> list[R]:
        """Work on many products at once; those that fail by themselves are outcomes of their own.

        Raises:
            ThatLookError: a part does not answer, whatever product it is asked about.
        """
        done, lost = apart(items, work)
        for item, error in lost:
            if isinstance(error, ThatLookError) and not (models_answer(self.parts) and stores_answer(self.parts)):
                raise error
            self._ready.append(failed(diff(item), told(doing, error)))
        return done

    def _write_when(self, enough: int) -> None:
        if len(self._ready) < enough:
            return
        if self._writes and not self._writes[-1].done() and enough > 1 and len(self._ready) < MOST_WRITTEN:
            return  # A store costs about the same for many products as for few: what comes meanwhile goes along.
        while len(self._writes) >= WRITES_AHEAD:
            self._take_back()
        self._writes.append(self._writing.submit(self.writer.commit, self._ready))
        self._ready = []
        while self._writes and self._writes[0].done():
            self._take_back()

    def _take_back(self) -> None:
        for outcome in self._writes.popleft().result():
            self.written(outcome)


@contextmanager
def stage_runner(
    parts: IngestDependencies, sources: ImageSources, writer: Writer, policy: Policy, written: Callable[[Outcome], None]
) -> Iterator[StageRunner]:
    """A runner with its threads, which end with it: on Ctrl-C what is at the writer is written, and no more."""
    pool = ThreadPoolExecutor(parts.threads, "ingest-fetch")
    runner = StageRunner(parts, sources, writer, policy, pool, written)
    try:
        yield runner
    except BaseException:
        sources.stopping.set()
        raise
    finally:
        runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _anew(diff: ProductDiff) -> ProductDiff:
    """A diff whose stored rows are gone: everything is done again."""
    return replace(diff, kind="everything")
