"""Where the time of a request goes, and when it has run out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.errors import DeadlineExceeded

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


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage of one request; a stage entered twice adds up."""

    deadline: Deadline | None = None
    _ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and refuse to begin it after the deadline."""
        if self.deadline:
            self.deadline.check(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + (time.perf_counter() - start) * 1000

    def timing_ms(self) -> dict[str, float]:
        """Milliseconds by stage, and their sum as `total`."""
        return {**{k: round(v, 3) for k, v in self._ms.items()}, "total": round(sum(self._ms.values()), 3)}
