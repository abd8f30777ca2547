"""A ledger that is asked again until it answers: whoever only reads a feed need not end because PostgreSQL restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from engine.errors import Unavailable
from engine.seams import Ledger

T = TypeVar("T")
Waits = Callable[[str | None], None]
"""Told why nothing goes on at present, and None when it does again."""
AWAY_S = (0.5, 15.0)


def patiently(ask: Callable[[], T], waits: Waits) -> T:
    """What is answered in the end, however long the other side is away."""
    wait_s = AWAY_S[0]
    while True:
        try:
            answer = ask()
        except Unavailable as error:
            waits(error.message)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, AWAY_S[1])
        else:
            waits(None)
            return answer


def patient_ledger(ledger: Ledger, waits: Waits) -> Ledger:
    """The ledger, none of whose calls fails because it is away."""
    return cast(Ledger, _Patient(ledger, waits))


class _Patient:
    def __init__(self, ledger: Ledger, waits: Waits) -> None:
        self._ledger, self._waits = ledger, waits

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if not callable(found):
            return found
        return lambda *args, **options: patiently(lambda: found(*args, **options), self._waits)

    def ids(self, **options: Any) -> Iterator[str]:
        """All of them, read to the end at once, so that it can be asked again."""
        return iter(patiently(lambda: list(self._ledger.ids(**options)), self._waits))
