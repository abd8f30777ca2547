"""`thatlook doctor --deep`: everything that is kept, compared, and put right if that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from ingest.bootstrap import open_ingest
from ingest.run.dependencies import IngestDependencies
from ingest.scale.drift import Drift, Kind, all_drift
from ingest.scale.put_right import PutRight
from models.settings import Settings

AT_ONCE = 200
"""Things that are put right together."""


@dataclass(slots=True)
class Found:
    """What has drifted apart: how much of each kind, and one of it in words."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    first: str = ""

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def note(self, drifts: list[Drift]) -> None:
        """Count some."""
        self.kinds.update(drift.kind for drift in drifts)
        self.first = self.first or f"{drifts[0].kind} of {drifts[0].name} {drifts[0].where}".strip()


def compare_all(settings: Settings, *, repair: bool) -> tuple[Found, Counter[Kind]]:
    """What has drifted apart, and what of it was put right.

    Raises:
        HomeInUse: another process holds the home.
        ThatLookError: a part does not answer.
    """
    with _opened(settings) as parts:
        return compare(parts, PutRight(parts, settings.policy) if repair else None)


def compare(parts: IngestDependencies, put_right: PutRight | None) -> tuple[Found, Counter[Kind]]:
    """The same for parts that are open."""
    found, right = Found(), Counter[Kind]()
    drifting = all_drift(parts)
    while some := list(islice(drifting, AT_ONCE)):
        found.note(some)
        if put_right:
            right += put_right(some)
    return found, right


@contextmanager
def _opened(settings: Settings) -> Iterator[IngestDependencies]:
    with open_ingest(settings, repairing=True) as parts:
        yield parts
