"""Plans in, written outcomes out: fetching ahead in a pool, the models in the caller's thread, one writer behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from engine.errors import ThatLookError
from engine.gate import Policy
from ingest.choose import Picture
from ingest.failures import apart, models_answer, stores_answer, told
from ingest.look import Outcome, Seen, embed, failed, gather, look, reword
from ingest.parts import IngestParts
from ingest.plan import Plan
from ingest.sources import ImageSources
from ingest.writer import Writer

T = TypeVar("T")
R = TypeVar("R")
BATCH = 32
"""Products that are embedded and written together."""
PATIENCE_S = 1.0
"""A picture server that takes longer holds nothing up that is ready to be embedded and written."""
WRITES_AHEAD = 2
"""Batches that may wait for the writer, so that a slow store slows the models down and memory stays bounded."""


@dataclass(slots=True)
class Flow:
    """Moves products through the stages. `written` is called in the caller's thread for every product written."""

    parts: IngestParts
    sources: ImageSources
    writer: Writer
    policy: Policy
    pool: ThreadPoolExecutor
    written: Callable[[Outcome], None]
    _writing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "ingest-writer"))
    _ahead: deque[tuple[Plan, Future[list[Picture]]]] = field(default_factory=deque)
    _seen: list[Seen] = field(default_factory=list)
    _ready: list[Outcome] = field(default_factory=list)
    _writes: deque[Future[list[Outcome]]] = field(default_factory=deque)

    def take(self, plans: Sequence[Plan]) -> None:
        """Take on plans that are not `unchanged`; returns when few enough are in flight."""
        self._ready += [failed(plan, plan.reason or "") for plan in plans if plan.kind == "failed"]
        reworded = self._apart(
            [plan for plan in plans if plan.kind == "words"],
            lambda some: [reword(self.parts, some)],
            lambda plan: plan,
            "Rewriting its words",
        )
        self._ready += [outcome for outcomes, _ in reworded for outcome in outcomes]
        missing = [plan for _, plans in reworded for plan in plans]
        for plan in [*(plan for plan in plans if plan.kind == "everything"), *map(_anew, missing)]:
            self._ahead.append((plan, self.pool.submit(gather, self.parts, self.sources, plan)))
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
        plan, fetching = self._next_fetched()
        lost = fetching.exception()
        if self.sources.stopping.is_set():  # Pictures that did not come say nothing now; the next run takes it up.
            return
        if lost is not None:
            self._ready.append(failed(plan, told("Fetching", lost)))
            return
        result = look(self.parts, plan, fetching.result(), self.policy)
        if isinstance(result, Seen):
            self._seen.append(result)
        else:
            self._ready.append(result)
        if len(self._seen) >= BATCH:
            self._embed()
        self._write_when(2 * BATCH)

    def _next_fetched(self) -> tuple[Plan, Future[list[Picture]]]:
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
        self._ready += self._apart(seen, partial(embed, self.parts), lambda one: one.plan, "The models")
        self._write_when(BATCH)

    def _apart(
        self, items: Sequence[T], work: Callable[[Sequence[T]], list[R]], plan: Callable[[T], Plan], doing: str
    ) -> list[R]:
        """Work on many products at once; those that fail by themselves are outcomes of their own.

        Raises:
            ThatLookError: a part does not answer, whatever product it is asked about.
        """
        done, lost = apart(items, work)
        for item, error in lost:
            if isinstance(error, ThatLookError) and not (models_answer(self.parts) and stores_answer(self.parts)):
                raise error
            self._ready.append(failed(plan(item), told(doing, error)))
        return done

    def _write_when(self, enough: int) -> None:
        if len(self._ready) < enough:
            return
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
def flow_of(
    parts: IngestParts, sources: ImageSources, writer: Writer, policy: Policy, written: Callable[[Outcome], None]
) -> Iterator[Flow]:
    """A flow with its threads, which end with it: on Ctrl-C what is at the writer is written, and no more."""
    pool = ThreadPoolExecutor(parts.threads, "ingest-fetch")
    flow = Flow(parts, sources, writer, policy, pool, written)
    try:
        yield flow
    except BaseException:
        sources.stopping.set()
        raise
    finally:
        flow.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _anew(plan: Plan) -> Plan:
    """A plan whose stored rows are gone: everything is done again."""
    return replace(plan, kind="everything")
