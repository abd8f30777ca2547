"""A feed that is cancelled takes back what it brought and nobody has begun: new products that wait for a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from engine.ledger.work import SharedWork
from engine.seams import IngestState, Ledger

CHUNK = 500


def withdrawn(ledger: Ledger, work: SharedWork, feed: str, since: datetime) -> str:
    """Take them back; says in words what was and what was not.

    A product that was in the catalogue before keeps its new words: the former ones are known to nobody. One that a
    worker is writing is left to it; one that it only looks at is gone when it comes to write.

    Raises:
        StoreUnavailable: the ledger does not answer.
    """
    taken_back = 0
    for ids in _chunks(ledger, feed):
        entries, added = ledger.get(ids), ledger.added(ids)
        new = {
            i: entry.updated
            for i, entry in entries.items()
            if entry.state is IngestState.PENDING and entry.feed == feed and not entry.items and added[i] >= since
        }
        ledger.delete(list(new), expected=new)
        taken_back += len(new)
    left = work.states(feed, since).get(IngestState.PENDING, 0)
    told = [f"{taken_back:,} new products that waited for a worker were withdrawn"] if taken_back else []
    told += [f"{left:,} products that were queued are still brought up to date"] if left else []
    return f"The job was cancelled. {'; '.join(told)}." if told else "The job was cancelled."


def _chunks(ledger: Ledger, feed: str) -> Iterator[list[str]]:
    waiting = ledger.ids(feed=feed, state=IngestState.PENDING)
    while some := list(islice(waiting, CHUNK)):
        yield some
