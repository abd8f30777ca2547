"""What a shortlist on a Milvus server asks for: rows once, then cosines that neither came nor are in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np

from engine.domain import Embeddings, Item
from engine.filters import EVERYTHING, FacetCondition, Filter, PriceCondition
from engine.seams import ShortlistQuery
from engine.stores.milvus.scoring import Found
from engine.stores.milvus.shortlist import scored_shortlist

RED = Filter((FacetCondition("color", frozenset({"red"})),))
QUERIES = {"u_visual": np.eye(4, dtype=np.float32)[:1], "u_semantic": np.eye(3, dtype=np.float32)[:1]}


def brought(*rows: tuple[str, float], stamped: bool = True) -> Found:
    """Rows by item id and cosine; of product `p` + id, hashed by their id."""
    ids = tuple(item_id for item_id, _ in rows)
    more = (tuple(f"stamp{i}" for i in ids), tuple(f"hash{i}" for i in ids)) if stamped else ()
    return Found(ids, tuple(f"p{i}" for i in ids), tuple(score for _, score in rows), *more)


@dataclass
class FakeServer:
    """Answers from tables, and remembers what it was asked."""

    found_by: Mapping[tuple[str, Filter], Found]
    memory: Mapping[tuple[str, str], float] = field(default_factory=dict)
    cosines: Mapping[tuple[str, str], float] = field(default_factory=dict)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    every: Found | None = None

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return [call() for call in calls]

    def found(self, name: str, queries: Embeddings, k: int, where: Filter) -> list[Found]:
        return [self.found_by[name, where]]

    def all_of(self, name: str, where: Filter, others: Collection[str], most: int) -> Found | None:
        return self.every if self.every and len(self.every.item_ids) <= most else None

    def scored(self, name: str, queries: Embeddings, item_ids: Sequence[str]) -> list[dict[str, float]]:
        self.asked.append((name, tuple(item_ids)))
        return [{i: self.cosines[name, i] for i in item_ids if (name, i) in self.cosines}]

    def remembered(self, name: str, queries: Embeddings, hashes: Mapping[str, str]) -> np.ndarray[Any, Any]:
        return np.array([[self.memory.get((name, each), np.nan)] for each in hashes.values()], np.float32).reshape(
            -1, 1
        )

    def facets_by_id(self, name: str, item_ids: Sequence[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        raise NotImplementedError

    def words(self, name: str, stamps: Mapping[str, str]) -> dict[str, Item]:
        colors = {"color": ("red",)}
        return {i: Item(i, f"p{i}", "u", "l", s, (0, 0, 1, 1), colors if i < "b" else {}) for i, s in stamps.items()}

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        raise NotImplementedError


def test_cosines_come_with_the_rows_from_memory_and_from_the_server() -> None:
    """Each of three rows lacks one: a is in memory, b is asked for, c exists in one collection alone."""
    server = FakeServer(
        {("u_visual", EVERYTHING): brought(("a", 0.9), ("c", 0.5)), ("u_semantic", EVERYTHING): brought(("b", 0.8))},
        memory={("u_semantic", "hasha"): 0.25},
        cosines={("u_visual", "b"): 0.125},
    )
    listed = scored_shortlist(server, ShortlistQuery(QUERIES, "u_semantic", 5))
    assert listed.item_ids == ("a", "c", "b")
    assert server.asked == [("u_visual", ("b",)), ("u_semantic", ("c",))]
    np.testing.assert_array_equal(listed.cosines("u_visual", QUERIES["u_visual"])[:, 0], np.float32([0.9, 0.5, 0.125]))
    np.testing.assert_array_equal(
        listed.cosines("u_semantic", QUERIES["u_semantic"])[:, 0], [0.25, np.nan, np.float32(0.8)]
    )
    assert [item and item.image for item in listed.items([0, 2])] == ["stampa", "stampb"]
    assert sorted(listed.stamps) == ["a", "b"]
    assert listed.exhausted


def test_a_row_that_both_brought_is_asked_for_nowhere() -> None:
    """Nor one that no list is to hold; which filter brought a row is told."""
    server = FakeServer(
        {
            ("u_visual", EVERYTHING): brought(("a", 0.9), ("gone", 0.5)),
            ("u_semantic", EVERYTHING): brought(("a", 0.7)),
            ("u_visual", RED): brought(("r", 0.1)),
            ("u_semantic", RED): brought(("r", 0.2)),
        }
    )
    query = ShortlistQuery(QUERIES, "u_semantic", 2, also=[RED], exclude={"pgone"})
    listed = scored_shortlist(server, query)
    assert (listed.item_ids, server.asked) == (("a", "r"), [])
    assert listed.matched_by.tolist() == [[True, False], [False, True]]
    assert listed.products.tolist() == [0, 1]
    assert not listed.exhausted


def test_rows_without_hashes_are_asked_for() -> None:
    """Of former versions, and those that were fetched by their ids."""
    server = FakeServer(
        {("u_visual", EVERYTHING): brought(("a", 0.9), stamped=False), ("u_semantic", EVERYTHING): Found.nothing()},
        memory={("u_semantic", ""): 0.5},
        cosines={("u_semantic", "a"): 0.75},
    )
    listed = scored_shortlist(server, ShortlistQuery(QUERIES, "u_semantic", 5))
    assert server.asked == [("u_semantic", ("a",))]
    assert listed.cosines("u_semantic", QUERIES["u_semantic"]).tolist() == [[0.75]]


def test_few_rows_that_match_are_listed_by_one_question() -> None:
    """No collection is searched; cosines are as ever, and words tell which rows a narrower filter has."""
    cheap, every = Filter((PriceCondition(maximum=9.0),)), brought(("a", nan), ("b", nan))
    memory = {(name, f"hash{i}"): score for name, i, score in (("u_visual", "a", 0.5), ("u_semantic", "a", 0.25))}
    server = FakeServer({}, memory, {("u_visual", "b"): 0.75, ("u_semantic", "b"): 0.125}, every=every)
    listed = scored_shortlist(server, ShortlistQuery(QUERIES, "u_semantic", 3, cheap, [RED]))
    assert listed.cosines("u_visual", QUERIES["u_visual"])[:, 0].tolist() == [0.5, 0.75]
    assert listed.cosines("u_semantic", QUERIES["u_semantic"])[:, 0].tolist() == [0.25, 0.125]
    assert server.asked == [("u_visual", ("b",)), ("u_semantic", ("b",))]
    assert listed.matched_by.tolist() == [[True, True], [True, False]]
    assert listed.exhausted
