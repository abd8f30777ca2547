"""Products of the API that failed and are to be tried again: which of them, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from engine.seams import IngestState, Ledger, LedgerEntry
from ingest.run.failures import due

_PAGE = 500
_LONGEST_S = 3600.0


def now_utc() -> datetime:
    """This moment."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Retries:
    """A schedule in memory, made from the ledger when it is first asked; for the one thread that indexes."""

    ledger: Ledger
    feed: str
    now: Callable[[], datetime] = now_utc
    _due: dict[str, datetime] | None = field(default=None)

    def note(self, entry: LedgerEntry) -> None:
        """Take note of how a product stands now."""
        moment = due(entry)
        if moment is None:
            self._schedule().pop(entry.product.product_id, None)
        else:
            self._schedule()[entry.product.product_id] = moment

    def forget(self, product_id: str) -> None:
        """It is gone, or pending anew."""
        self._schedule().pop(product_id, None)

    def ready(self) -> list[str]:
        """Products whose time has come."""
        now = self.now()
        return [product_id for product_id, moment in self._schedule().items() if moment <= now]

    def wait_s(self) -> float:
        """Seconds until the next one's time."""
        moments = self._schedule().values()
        seconds = (min(moments) - self.now()).total_seconds() if moments else _LONGEST_S
        return min(max(seconds, 0.0), _LONGEST_S)

    def _schedule(self) -> dict[str, datetime]:
        if self._due is None:
            self._due = self._read()
        return self._due

    def _read(self) -> dict[str, datetime]:
        schedule: dict[str, datetime] = {}
        ids = self.ledger.ids(feed=self.feed, state=IngestState.FAILED)
        while page := list(islice(ids, _PAGE)):
            for product_id, entry in self.ledger.get(page).items():
                if moment := due(entry):
                    schedule[product_id] = moment
        return schedule
