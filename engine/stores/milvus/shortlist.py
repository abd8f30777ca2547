"""A shortlist whose cosines the Milvus server computes: ids and scores travel, embeddings do not.

An index that scores exactly (`milvus_plan.EXACT_KINDS`) gives, beside the nearest rows, the cosines of any rows named
by id. 200 rows cost 5 KB so, where their embeddings would be a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, Embeddings, Item
from engine.filters import Filter
from engine.seams import ShortlistQuery

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")
Scores = dict[str, float]
"""item_id → cosine with one query."""


@dataclass(frozen=True, slots=True)
class Found:
    """One query's nearest rows, best first; with their stamps where the collection has any."""

    item_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    scores: tuple[float, ...]
    stamps: tuple[str, ...] = ()

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

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[Scores]:
        """The exact cosines of these rows with each query, of those that exist."""
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


@dataclass(frozen=True, slots=True, eq=False)
class ScoredShortlist:
    """Implements `engine.seams.Shortlist` over cosines that came with the rows.

    Attributes:
        known: what was scored so far, by collection and the query's bytes.
        stamps: of the rows that have one.
    """

    server: ScoringServer
    words: str
    item_ids: tuple[str, ...]
    products: NDArray[np.int64]
    matched_by: NDArray[np.bool_]
    exhausted: bool
    known: dict[tuple[str, bytes], Scores]
    stamps: Mapping[str, str]
    _items: dict[str, Item] = field(default_factory=dict)
    _facets: dict[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def cosines(self, name: str, queries: Embeddings) -> NDArray[np.float32]:
        """Exact cosines, NaN where a row does not exist in that collection."""
        if unknown := [query for query in queries if (name, _key(query)) not in self.known]:
            answers = self.server.scored(name, np.stack(unknown), self.item_ids)
            self.known.update({(name, _key(query)): found for query, found in zip(unknown, answers, strict=True)})
        columns = [self.known[name, _key(query)] for query in queries]
        rows = [[scores.get(item_id, np.nan) for scores in columns] for item_id in self.item_ids]
        return np.array(rows, np.float32).reshape(len(self.item_ids), len(queries))

    def facets(self, places: Sequence[int], names: tuple[str, ...]) -> list[Mapping[str, tuple[str, ...]] | None]:
        """These facets of some rows, from memory where their words were seen before."""
        ids = [self.item_ids[place] for place in places]
        found: Sequence[Mapping[str, tuple[str, ...]] | None]
        if self.stamps:
            found = [item.facets if item else None for item in self._words(ids)]
        else:
            if wanted := [item_id for item_id in ids if item_id not in self._facets]:
                self._facets.update(self.server.facets_by_id(self.words, wanted))
            found = [self._facets.get(item_id) for item_id in ids]
        return [
            None if facets is None else {name: facets[name] for name in names if name in facets} for facets in found
        ]

    def items(self, places: Sequence[int]) -> list[Item | None]:
        """The words of some rows."""
        ids = [self.item_ids[place] for place in places]
        return self._words(ids) if self.stamps else self.server.items(self.words, ids)

    def _words(self, ids: Sequence[str]) -> list[Item | None]:
        if wanted := {i: self.stamps.get(i, "") for i in ids if i not in self._items}:
            self._items.update(self.server.words(self.words, wanted))
        return [self._items.get(item_id) for item_id in ids]


def scored_shortlist(server: ScoringServer, query: ShortlistQuery) -> ScoredShortlist:
    """What `VectorStore.shortlist` asks for: all collections and filters at once, then all missing cosines."""
    filters = [query.where, *query.also]
    asked = {name: queries for name, queries in query.asked.items() if len(queries)}
    searches = {
        (name, number): partial(server.found, name, asked[name], query.least, where)
        for name in asked
        for number, where in enumerate(filters)
    }
    found = _at_once(server, searches)
    kept = _kept(found.values(), query.exclude)
    item_ids = tuple(kept)
    known = _known(found, asked)
    missing = {name: _missing(item_ids, [known[name, _key(one)] for one in queries]) for name, queries in asked.items()}
    scored = _at_once(
        server, {name: partial(server.scored, name, asked[name], ids) for name, ids in missing.items() if ids}
    )
    for name, answers in scored.items():
        for one, scores in zip(asked[name], answers, strict=True):
            known[name, _key(one)].update(scores)
    numbers: dict[str, int] = {}
    by_filter = [_ids(answers for (_, at), answers in found.items() if at == number) for number in range(len(filters))]
    return ScoredShortlist(
        server,
        query.words,
        item_ids,
        np.array([numbers.setdefault(product, len(numbers)) for product in kept.values()], np.int64),
        np.array([[item_id in ids for item_id in item_ids] for ids in by_filter], bool).reshape(len(filters), -1),
        all(len(each.item_ids) < query.least for name in asked for each in found[name, 0]),
        known,
        _stamps(found.values(), known[query.words, _key(asked[query.words][0])] if query.words in asked else {}),
    )


def _at_once(server: ScoringServer, calls: Mapping[_Key, Callable[[], _Answer]]) -> dict[_Key, _Answer]:
    """Every call's answer; all run together."""
    return dict(zip(calls, server.together(list(calls.values())), strict=True))


def _kept(found: Collection[list[Found]], exclude: Collection[str]) -> dict[str, str]:
    """Every row once, with its product."""
    rows = {
        item_id: product_id
        for answers in found
        for answer in answers
        for item_id, product_id in zip(answer.item_ids, answer.product_ids, strict=True)
    }
    return {item_id: product_id for item_id, product_id in rows.items() if product_id not in exclude}


def _stamps(found: Collection[list[Found]], there: Collection[str]) -> dict[str, str]:
    """The stamps of rows that are `there`, in the collection whose words count; the same words have the same stamp."""
    return {
        item_id: stamp
        for answers in found
        for answer in answers
        for item_id, stamp in zip(answer.item_ids, answer.stamps, strict=False)
        if item_id in there
    }


def _known(
    found: Mapping[tuple[str, int], list[Found]], asked: Mapping[str, Embeddings]
) -> dict[tuple[str, bytes], Scores]:
    """The cosines that came with the rows."""
    known: dict[tuple[str, bytes], Scores] = {(name, _key(q)): {} for name, queries in asked.items() for q in queries}
    for (name, _), answers in found.items():
        for one, answer in zip(asked[name], answers, strict=True):
            known[name, _key(one)].update(zip(answer.item_ids, answer.scores, strict=True))
    return known


def _missing(item_ids: Sequence[str], scores: Sequence[Scores]) -> list[str]:
    """The rows that lack a cosine with one of the queries."""
    everywhere = set(scores[0]).intersection(*scores[1:])
    return [item_id for item_id in item_ids if item_id not in everywhere]


def _ids(answers: Iterable[list[Found]]) -> set[str]:
    return {item_id for each in answers for answer in each for item_id in answer.item_ids}


def _key(query: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(query, np.float32).tobytes()
