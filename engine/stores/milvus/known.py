"""Which values a server's rows have, remembered for a minute: queries ask for the same words again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from threading import Lock
from time import monotonic

from engine.domain import Item
from engine.filters import FacetCondition, Filter

_REMEMBERED_S = 60.0
_ROWS = 32
"""Rows that are asked for at a time."""
_MOST = 100_000
"""Values that are remembered."""


class KnownValues:
    """What `VectorStore.known_values` says, by asking for rows that have any of the values until all are told."""

    def __init__(self, matching: Callable[[str, Filter, int], Sequence[Item]]) -> None:
        self._matching, self._lock = matching, Lock()
        self._told: dict[tuple[str, str, str], tuple[float, bool]] = {}

    def among(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Those of a facet's values that some row has."""
        now = monotonic()
        with self._lock:
            told = {value: self._told.get((name, facet, value), (0.0, False)) for value in values}
        asked = {value for value, (until, _) in told.items() if until <= now}
        found = self._ask(name, facet, asked) if asked else set()
        with self._lock:
            if len(self._told) > _MOST:
                self._told.clear()
            self._told |= {(name, facet, value): (now + _REMEMBERED_S, value in found) for value in asked}
        return frozenset(found | {value for value, (_, has) in told.items() if has and value not in asked})

    def _ask(self, name: str, facet: str, values: set[str]) -> set[str]:
        found: set[str] = set()
        while left := values - found:
            rows = self._matching(name, Filter((FacetCondition(facet, frozenset(left)),)), _ROWS)
            new = {value for item in rows for value in item.facets.get(facet, ())} & left
            if not new:
                break
            found |= new
        return found
