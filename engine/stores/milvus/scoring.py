"""What a shortlist asks of a store on a Milvus server, and in what form it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings, Item
from engine.filters import Filter

_Answer = TypeVar("_Answer")
Cosines = NDArray[np.float32]
Scores = dict[str, float]
"""item_id → cosine with one query."""


@dataclass(frozen=True, slots=True)
class Found:
    """One query's nearest rows, best first; with their stamps and pair hashes where the collection has any."""

    item_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    scores: tuple[float, ...]
    stamps: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()

    @classmethod
    def nothing(cls) -> Found:
        """No rows."""
        return cls((), (), ())

    def candidates(self) -> Candidates:
        """The same as the seam has it."""
        return Candidates(self.item_ids, self.product_ids, np.array(self.scores, np.float32))


class ScoringServer(Protocol):
    """What a shortlist asks of a store."""

    def together(self, calls: Sequence[Callable[[], _Answer]]) -> list[_Answer]:
        """Every call's answer, asked at the same time."""
        ...

    def found(self, name: str, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        """The k nearest rows of each query with their exact cosines; fewer only where fewer match."""
        ...

    def all_of(self, name: str, where: Filter, others: Collection[str], most: int) -> Found | None:
        """Every row that matches, its scores NaN; None where these are not better listed than searched for.

        Args:
            others: collections whose cosines will be asked for.
            most: rows of which cosines may be asked for.
        """
        ...

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[Scores]:
        """The exact cosines of these rows with each query, of those that exist."""
        ...

    def remembered(self, name: str, queries: Embeddings, hashes: Mapping[str, str]) -> Cosines:
        """The same without asking, (rows, queries) by item_id → pair hash; NaN for an embedding not in memory."""
        ...

    def facets_by_id(self, name: str, item_ids: Sequence[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The facets of these rows, of those that exist."""
        ...

    def words(self, name: str, stamps: Mapping[str, str]) -> dict[str, Item]:
        """These rows without their embeddings by item_id; those are not asked for whose stamp is known."""
        ...

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """These rows without their embeddings, None where there is none."""
        ...
