"""A shortlist whose cosines the Milvus server computes: ids and scores travel, embeddings do not.

An index that scores exactly (`plan.EXACT_KINDS`) gives, beside the nearest rows, the cosines of any rows named by id.
200 rows cost 5 KB so, where their embeddings would be a megabyte. What is left to be asked for are rows that one
collection alone brought and whose other embedding is not in memory (`vectors.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Item
from engine.seams import ShortlistQuery
from engine.stores.milvus.scoring import Cosines, Found, Scores, ScoringServer


@dataclass(frozen=True, slots=True, eq=False)
class ScoredShortlist:
    """Implements `engine.seams.Shortlist` over cosines that came with the rows.

    Attributes:
        known: (n,) what was scored so far, by collection and the query's bytes.
        stamps: of the rows that have one.
    """

    server: ScoringServer
    words: str
    item_ids: tuple[str, ...]
    products: NDArray[np.int64]
    matched_by: NDArray[np.bool_]
    exhausted: bool
    known: dict[tuple[str, bytes], Cosines]
    stamps: Mapping[str, str]
    _items: dict[str, Item] = field(default_factory=dict)
    _facets: dict[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def cosines(self, name: str, queries: Embeddings) -> Cosines:
        """Exact cosines, NaN where a row does not exist in that collection."""
        if unknown := [query for query in queries if (name, _key(query)) not in self.known]:
            answers = self.server.scored(name, np.stack(unknown), self.item_ids)
            self.known.update(
                {(name, _key(q)): _column(found, self.item_ids) for q, found in zip(unknown, answers, strict=True)}
            )
        columns = [self.known[name, _key(query)] for query in queries]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.item_ids), 0), np.float32)

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


@dataclass(frozen=True, slots=True, eq=False)
class _Brought:
    """What one collection brought for one of its queries under one filter.

    Attributes:
        places: (rows,) of the answer's rows in the list, -1 for those that do not come.
    """

    name: str
    query: int
    filter: int
    answer: Found
    places: NDArray[np.int64]


def scored_shortlist(server: ScoringServer, query: ShortlistQuery) -> ScoredShortlist:
    """What `VectorStore.shortlist` asks for: all collections and filters at once, then all missing cosines.

    Where few rows match, one question lists them all, and no collection weighs the filter in a search.
    """
    asked = {name: queries for name, queries in query.asked.items() if len(queries)}
    every = server.all_of(query.words, query.where, list(asked), query.least - 1) if query.where.conditions else None
    found = _nearest(server, query, asked) if every is None else {(query.words, 0): [every]}
    products = _products([answer for answers in found.values() for answer in answers], query.exclude)
    item_ids, numbers = tuple(products), dict[str, int]()
    brought = _placed(found, item_ids)
    cosines = _cosines(server, asked, item_ids, brought)
    listed = ScoredShortlist(
        server,
        query.words,
        item_ids,
        np.array([numbers.setdefault(product, len(numbers)) for product in products.values()], np.int64),
        _matched_by(brought, 1 + len(query.also), len(item_ids)),
        every is not None or all(len(each.answer.item_ids) < query.least for each in brought if each.filter == 0),
        {(name, _key(one)): cosines[name][:, at] for name, queries in asked.items() for at, one in enumerate(queries)},
        _stamps(query.words, item_ids, cosines, brought),
    )
    if every is not None and query.also:  # Their words tell which of the narrower filters they match.
        for place, item in enumerate(listed.items(range(len(item_ids)))):
            listed.matched_by[1:, place] = [item is not None and narrower.matches(item) for narrower in query.also]
    return listed


def _nearest(
    server: ScoringServer, query: ShortlistQuery, asked: Mapping[str, Embeddings]
) -> dict[tuple[str, int], list[Found]]:
    """The nearest rows of each query, by collection and number of the filter."""
    filters = [query.where, *query.also]
    wanted = [(name, at) for name in asked for at in range(len(filters))]
    calls = [partial(server.found, name, asked[name], query.least, filters[at]) for name, at in wanted]
    return dict(zip(wanted, server.together(calls), strict=True))


def _matched_by(brought: Sequence[_Brought], filters: int, rows: int) -> NDArray[np.bool_]:
    matched_by = np.zeros((filters, rows), bool)
    for each in brought:
        matched_by[each.filter, each.places[each.places >= 0]] = True
    return matched_by


def _products(answers: Sequence[Found], exclude: Collection[str]) -> dict[str, str]:
    """Every row once, with its product."""
    rows: dict[str, str] = {}
    for answer in answers:
        rows.update(zip(answer.item_ids, answer.product_ids, strict=True))
    return {item_id: product_id for item_id, product_id in rows.items() if product_id not in exclude}


def _placed(found: Mapping[tuple[str, int], Sequence[Found]], item_ids: Sequence[str]) -> list[_Brought]:
    places = {item_id: place for place, item_id in enumerate(item_ids)}
    return [
        _Brought(name, query, at, answer, np.array([places.get(i, -1) for i in answer.item_ids], np.int64))
        for (name, at), answers in found.items()
        for query, answer in enumerate(answers)
    ]


def _cosines(
    server: ScoringServer, asked: Mapping[str, Embeddings], item_ids: Sequence[str], brought: Sequence[_Brought]
) -> dict[str, Cosines]:
    """(rows, queries) by collection: those that came with the rows, those from memory, and then the server's."""
    known = {name: np.full((len(item_ids), len(queries)), np.nan, np.float32) for name, queries in asked.items()}
    for each in brought:
        if each.name in known:
            kept = each.places >= 0
            known[each.name][each.places[kept], each.query] = np.array(each.answer.scores, np.float32)[kept]
    for name, queries in asked.items():
        hashes = _by_place("hashes", name, brought, len(item_ids))
        lacking = [place for place in _lacking(known[name]) if hashes[place]]
        known[name][lacking] = server.remembered(name, queries, {item_ids[p]: hashes[p] for p in lacking})
    missing = {name: places for name in asked if len(places := _lacking(known[name]))}
    calls = [partial(server.scored, name, asked[name], [item_ids[p] for p in at]) for name, at in missing.items()]
    for (name, at), scored in zip(missing.items(), server.together(calls), strict=True):
        ids = [item_ids[place] for place in at]
        known[name][at] = np.stack([_column(scores, ids) for scores in scored], axis=1)
    return known


def _stamps(
    words: str, item_ids: Sequence[str], cosines: Mapping[str, Cosines], brought: Sequence[_Brought]
) -> dict[str, str]:
    """The stamps of rows that the collection whose words count has; the same words have the same stamp."""
    if words not in cosines:
        return {}
    there = ~np.isnan(cosines[words][:, 0])
    stamps = _by_place("stamps", words, brought, len(item_ids))
    return {item_ids[place]: stamps[place] for place in np.flatnonzero(there).tolist() if stamps[place]}


def _by_place(what: Literal["stamps", "hashes"], name: str, brought: Sequence[_Brought], rows: int) -> list[str]:
    """The stamp or pair hash of each row, from one collection where it brought the row, else from another."""
    found = [""] * rows
    for each in sorted(brought, key=lambda one: one.name == name):
        values: tuple[str, ...] = getattr(each.answer, what)
        for place, value in zip(each.places.tolist(), values, strict=False):
            if place >= 0:
                found[place] = value
    return found


def _lacking(cosines: Cosines) -> list[int]:
    """The rows that lack a cosine with one of the queries."""
    places: list[int] = np.flatnonzero(np.isnan(cosines).any(axis=1)).tolist()
    return places


def _column(scores: Scores, item_ids: Sequence[str]) -> Cosines:
    return np.array([scores.get(item_id, np.nan) for item_id in item_ids], np.float32)


def _key(query: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(query, np.float32).tobytes()
