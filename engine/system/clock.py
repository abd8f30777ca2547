"""Where the time of a request goes, and when it has run out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from engine.errors import DeadlineExceeded
from engine.system.tracing import span

DEFAULT_BUDGET_S = 5.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock by which the answer must be there."""

    at: float

    @classmethod
    def within(cls, seconds: float = DEFAULT_BUDGET_S) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    def check(self, stage: str) -> None:
        """Stop before a stage that could only end too late.

        Raises:
            DeadlineExceeded: the moment has passed.
        """
        if time.monotonic() > self.at:
            raise DeadlineExceeded(f"The time for this request ran out before {stage}; try again when it is quieter.")


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def time_left_s() -> float | None:
    """Seconds that are left for the stage under way, 0 at least; None where it has no deadline."""
    deadline = _current.get()
    return None if deadline is None else max(0.0, deadline.at - time.monotonic())


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage of one request; a stage entered twice adds up."""

    deadline: Deadline | None = None
    _ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and refuse to begin it after the deadline; `time_left_s` tells it what is left."""
        if self.deadline:
            self.deadline.check(name)
        told, start = _current.set(self.deadline), time.perf_counter()
        try:
            with span(name):
                yield
        finally:
            _current.reset(told)
            self._ms[name] = self._ms.get(name, 0.0) + (time.perf_counter() - start) * 1000

    @contextmanager
    def side_by_side(self, parts: Sequence[Stopwatch]) -> Iterator[None]:
        """Take on the stages that run meanwhile on other watches, as shares of the time that passes here."""
        start = time.perf_counter()
        try:
            yield
        finally:
            passed_ms, sums = (time.perf_counter() - start) * 1000, dict[str, float]()
            for name, ms in (each for part in parts for each in part._ms.items()):
                sums[name] = sums.get(name, 0.0) + ms
            share = min(1.0, passed_ms / max(sum(sums.values()), 1e-9))
            for name, ms in sums.items():
                self._ms[name] = self._ms.get(name, 0.0) + ms * share

    def timing_ms(self) -> dict[str, float]:
        """Milliseconds by stage, and their sum as `total`."""
        return {**{k: round(v, 3) for k, v in self._ms.items()}, "total": round(sum(self._ms.values()), 3)}
