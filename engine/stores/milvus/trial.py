"""Tries on a Milvus server what thatlook counts on, with rows of its own that are gone afterwards.

A hundred rows show filters, replacements and deletes as the server has them in memory. Sixteen hundred more are sealed
and indexed, as a catalogue is: smaller segments get no index, and what is wrong with one shows only there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from uuid import uuid4

import numpy as np

from engine.domain import CollectionSpec, Embeddings, Item
from engine.errors import ThatLookError
from engine.filters import EVERYTHING, FacetCondition, Filter, PriceCondition
from engine.seams import CollectionChange, ShortlistQuery
from engine.stores.exact import ExactStore
from engine.stores.milvus.store import MilvusStore

DIM = 32
FEW, PAIRED, MANY = 100, 800, 1700
INDEXED_WITHIN_S = 120.0
IN_MEMORY_WITHIN_S = 10.0
LEAST_RECALL = 0.99
EXACT_WITHIN = 1e-4
_FILTERS = {
    "a value": Filter((FacetCondition("color", frozenset({"navy"})),)),
    "one of two values": Filter((FacetCondition("color", frozenset({"navy", "red"})),)),
    "not a value": Filter((FacetCondition("color", frozenset({"red"}), negated=True),)),
    "a value that few have": Filter((FacetCondition("batch", frozenset({"7"})),)),
    "a price": Filter((PriceCondition(10.0, 30.0),)),
    "a value and a price": Filter((FacetCondition("brand", frozenset({'o"hara \\ söhne'})), PriceCondition(0, 50))),
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried: whether it holds, and what was seen."""

    part: str
    well: bool
    detail: str


def try_server(store: MilvusStore) -> Iterator[Tried]:
    """Everything in turn, in collections of its own, which are dropped in the end; a failure is told, not raised."""
    name, oracle = f"trial_{uuid4().hex}", ExactStore()
    pair = (f"{name}_visual", f"{name}_semantic")
    rng = np.random.default_rng(0)
    rows = _rows(rng, MANY)
    items = [_item(number) for number in range(MANY)]
    steps: dict[str, Callable[[], str]] = {
        "version": lambda: f"{store.version}: {store.plan_words()}",
        "writes": partial(_writes, store, oracle, name, items, rows),
        "filters": partial(_filters, store, oracle, name, rows),
        "replacements, deletes": partial(_deletes, store, oracle, name, items, rows),
        "index": partial(_index, store, oracle, name, items, rows),
        "recall": partial(_recall, store, oracle, name, rows),
        "scores": partial(_scores, store, name, rows),
        "memory": partial(_memory, store, pair, items[:PAIRED], rows),
        "speed": partial(_speed, store, name, rows),
    }
    try:
        for part, step in steps.items():
            try:
                yield Tried(part, True, step())
            except ThatLookError as error:
                yield Tried(part, False, error.message)
    finally:
        for each in (name, *pair):
            store.drop(each)


def _writes(store: MilvusStore, oracle: ExactStore, name: str, items: list[Item], rows: Embeddings) -> str:
    for each in (store, oracle):
        each.ensure(CollectionSpec(name, DIM, "0" * 64))
        each.upsert(name, items[:FEW], rows[:FEW])
    if (seen := store.count(name)) != FEW:
        raise ThatLookError(f"{FEW} rows were written, and {seen} can be seen.")
    if store.items(name, [items[3].item_id]) != [items[3]]:
        raise ThatLookError("A row does not come back as it was written.")
    return f"{FEW} rows can be seen as soon as they are written, word for word"


def _filters(store: MilvusStore, oracle: ExactStore, name: str, rows: Embeddings) -> str:
    for words, where in _FILTERS.items():
        got, true = (each.search(name, rows[:1], MANY, where)[0].item_ids for each in (store, oracle))
        if set(got) != set(true):
            raise ThatLookError(f"The filter by {words} gives {len(got)} rows; {len(true)} match.")
    return f"{len(_FILTERS)} kinds give the rows that match, and no others"


def _deletes(store: MilvusStore, oracle: ExactStore, name: str, items: list[Item], rows: Embeddings) -> str:
    gone, moved = {item.product_id for item in items[:10]}, [replace(item, price=999.0) for item in items[10:20]]
    for each in (store, oracle):
        each.delete_products(name, gone)
        each.upsert(name, moved, rows[50:60])
    for where in (EVERYTHING, Filter((PriceCondition(999.0, 999.0),))):
        got, true = (set(each.search(name, rows[:1], MANY, where)[0].item_ids) for each in (store, oracle))
        if got != true:
            raise ThatLookError("Rows that were deleted or replaced are still found as they were.")
    return "rows are gone or changed as soon as that is acknowledged"


def _index(store: MilvusStore, oracle: ExactStore, name: str, items: list[Item], rows: Embeddings) -> str:
    for each in (store, oracle):
        each.upsert(name, items[FEW:], rows[FEW:])
    begun = time.monotonic()
    store.seal(name)
    while (status := next(each for each in store.status() if each.name == name)).indexed_rows < MANY - FEW:
        if time.monotonic() - begun > INDEXED_WITHIN_S:
            raise ThatLookError(
                f"After {INDEXED_WITHIN_S:.0f} s {status.indexed_rows} of {status.rows} rows are indexed; "
                "are index nodes running?"
            )
        time.sleep(0.5)
    return f"{status.index}, {status.indexed_rows} rows indexed in {time.monotonic() - begun:.0f} s"


def _recall(store: MilvusStore, oracle: ExactStore, name: str, rows: Embeddings) -> str:
    queries, told = _near(rows, 25), []
    for words, where in {"without a filter": EVERYTHING, **{f"with {w}": f for w, f in _FILTERS.items()}}.items():
        found, true = (each.search(name, queries, 10, where) for each in (store, oracle))
        pairs = [(set(got.item_ids), set(best.item_ids)) for got, best in zip(found, true, strict=True)]
        recall = sum(len(got & best) for got, best in pairs) / max(1, sum(len(best) for _, best in pairs))
        if recall < LEAST_RECALL:
            raise ThatLookError(
                f"Among the ten nearest rows {words} {recall:.0%} are found; ask for another index by "
                "THATLOOK_MILVUS_INDEX=IVF_FLAT and run `thatlook index rebuild`."
            )
        told.append(recall)
    return f"{min(told):.1%} of the ten nearest at least, with {len(_FILTERS)} filters and without"


def _scores(store: MilvusStore, name: str, rows: Embeddings) -> str:
    worst = 0.0
    for where in (EVERYTHING, _FILTERS["a value"]):
        (found,) = store.search(name, rows[200:201], 50, where)
        embeddings, there = store.embeddings(name, found.item_ids)
        if not all(there):
            raise ThatLookError("Rows that were found cannot be fetched.")
        worst = max(worst, float(np.abs(embeddings @ rows[200] - found.scores).max(initial=0.0)))
    exact = store.scores_exactly(name)
    if exact and worst > EXACT_WITHIN:
        raise ThatLookError(f"The index's scores are off by up to {worst:.4f}, where exact ones are counted on.")
    return f"off by {worst:.1e} at most; " + ("no embeddings travel" if exact else "embeddings travel to be rescored")


def _memory(store: MilvusStore, pair: tuple[str, str], items: list[Item], rows: Embeddings) -> str:
    """Rows in pairs, whose embeddings this process keeps: cosines are those of the rows as the server has them."""
    for name in pair:
        store.ensure(CollectionSpec(name, DIM, "0" * 64))
    matrices = {name: rows[at * PAIRED : (at + 1) * PAIRED] for at, name in enumerate(pair)}
    for what in ("written", "kept in memory", "written anew"):
        if what != "kept in memory":
            matrices = {name: np.roll(matrix, 1, axis=0) for name, matrix in matrices.items()}
            store.change([CollectionChange(name, (), items, matrix) for name, matrix in matrices.items()])
        query = ShortlistQuery({name: matrix[:1] for name, matrix in matrices.items()}, pair[0], FEW)
        listed = store.shortlist(query)
        places = [int(item.item_id[6:11]) for item in listed.items(range(len(listed.products))) if item]
        for name, queries in query.asked.items():
            true = matrices[name][places] @ queries.T
            if len(places) < query.least or not np.allclose(listed.cosines(name, queries), true, atol=EXACT_WITHIN):
                raise ThatLookError(f"The cosines of paired rows that were {what} are not those of their embeddings.")
        store.at_hand(IN_MEMORY_WITHIN_S)
    return "the cosines of paired rows are theirs as they are written, kept in memory, and written anew"


def _speed(store: MilvusStore, name: str, rows: Embeddings) -> str:
    taken = []
    for number in range(20):
        begun = time.perf_counter()
        store.search(name, rows[number : number + 1], 200)
        taken.append((time.perf_counter() - begun) * 1000)
    return f"the 200 nearest rows in {median(taken):.1f} ms (median of {len(taken)})"


def _item(number: int) -> Item:
    return Item(
        f"trial-{number:05d}#0",
        f"trial-{number:05d}",
        "upper_wear",
        "shirt",
        f"trial/{number}.jpg",
        (0.0, 0.0, 10.0, 20.5),
        {
            "color": (("navy", "white"), ("red",), ("grey",))[number % 3],
            "batch": (str(number % 50),),
            **({"brand": ('o"hara \\ söhne',)} if number % 4 else {}),
        },
        None if number % 9 == 0 else float(number % 60),
    )


def _rows(rng: np.random.Generator, n: int) -> Embeddings:
    """Around sixty centers, as garments are."""
    centers = rng.normal(size=(60, DIM))
    return _unit(centers[rng.integers(60, size=n)] + 0.6 * rng.normal(size=(n, DIM)))


def _near(rows: Embeddings, n: int) -> Embeddings:
    rng = np.random.default_rng(1)
    return _unit(rows[rng.choice(len(rows), n, replace=False)] + 0.1 * rng.normal(size=(n, DIM)))


def _unit(rows: object) -> Embeddings:
    array = np.asarray(rows, np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True), np.float32)
