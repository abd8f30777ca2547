"""How many searches are under way, so that work which can wait gives way to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _none() -> int:
    return 0


@dataclass(slots=True)
class Traffic:
    """Asked by work in the background; whoever answers searches sets `searches`.

    Attributes:
        searches: how many are under way or wait.
        patience_s: so long background work waits for a moment without any, then it takes its turn all the same.
    """

    searches: Callable[[], int] = _none
    patience_s: float = 0.25

    def give_way(self) -> None:
        """Wait for a quiet moment, but not for long: the work must go on under any load."""
        end = time.monotonic() + self.patience_s
        while self.searches() and time.monotonic() < end:
            time.sleep(0.004)
