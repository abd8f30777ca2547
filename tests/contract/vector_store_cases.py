"""What the vector store suite is made of: catalogues, filters, and comparison by value with the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.testing import assert_allclose

from engine.domain import CollectionSpec, Embeddings, Item
from engine.filters import EVERYTHING, FacetCondition, Filter, PriceCondition
from engine.seams import ShortlistQuery, VectorStore
from engine.stores.exact import ExactStore

FINGERPRINT = "a" * 64
COLORS = ("navy", "white", "red", "dusty pink", 'quo"ted', "back\\slash", "blau-grün", "紺", "🧥", "o'brien")
BRANDS = tuple(f"brand {i}" for i in range(20))


def spec(name: str, dim: int, fingerprint: str = FINGERPRINT) -> CollectionSpec:
    return CollectionSpec(name, dim, fingerprint)


def unit(rows: Embeddings) -> Embeddings:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(rng: Generator, n: int, dim: int, spread: float = 0.7) -> Embeddings:
    """Rows around n / 20 centres, as catalogues are."""
    centres = rng.normal(size=(max(2, n // 20), dim))
    return unit(centres[rng.integers(0, len(centres), n)] + spread * rng.normal(size=(n, dim)))


def near(rng: Generator, embeddings: Embeddings, n: int) -> Embeddings:
    """Queries close to stored rows."""
    rows = embeddings[rng.integers(0, len(embeddings), n)]
    return unit(rows + 0.3 * rng.normal(size=rows.shape) / np.sqrt(rows.shape[1]))


def an_item(rng: Generator, number: int, product: int | None = None) -> Item:
    """An item whose every attribute depends on the draw; some lack a facet, some a price."""
    facets: dict[str, tuple[str, ...]] = {"brand": (BRANDS[rng.integers(len(BRANDS))],)}
    if rng.random() < 0.8:
        facets["color"] = tuple(COLORS[i] for i in rng.choice(len(COLORS), rng.integers(1, 4), replace=False))
    if rng.random() < 0.3:
        facets['neck "line"'] = ("v\\neck",)
    x, y = (float(v) for v in rng.integers(0, 100, 2))
    return Item(
        item_id=f"item-{number}",
        product_id=f"product-{number // 3 if product is None else product}",
        supercategory="upper_wear",
        label=("shirt", "coat")[number % 2],
        image=f"images/{number}.jpg",
        box=(x, y, x + 10.25, y + 20.5),
        facets=facets,
        price=float(rng.integers(1, 200)) / 2 if rng.random() < 0.9 else None,
    )


def some_filter(rng: Generator) -> Filter:
    """A conjunction of up to three conditions, of every kind."""
    return Filter(tuple(_some_condition(rng) for _ in range(rng.integers(0, 4))))


def _some_condition(rng: Generator) -> FacetCondition | PriceCondition:
    kind = rng.integers(5)
    if kind == 0:
        low = float(rng.integers(0, 80))
        return PriceCondition(low, low + float(rng.integers(0, 40)))
    if kind == 1:
        return PriceCondition(maximum=float(rng.integers(5, 100)))
    facet, values = (("color", COLORS), ("brand", BRANDS), ('neck "line"', ("v\\neck", "crew")))[rng.integers(3)]
    wanted = frozenset(values[i] for i in rng.integers(0, len(values), rng.integers(1, 4)))
    return FacetCondition(facet, wanted, negated=bool(rng.random() < 0.4))


def assert_same_answers(
    store: VectorStore, oracle: ExactStore, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING
) -> None:
    """Same rows up to ties, best first, with the oracle's scores, and all the words of each row right."""
    for query, got, true in zip(
        queries, store.search(name, queries, k, where), oracle.search(name, queries, k, where), strict=True
    ):
        assert len(got.item_ids) == len(set(got.item_ids)) == len(true.item_ids)
        items = [item for item in oracle.items(name, got.item_ids) if item is not None]
        assert len(items) == len(got.item_ids), "a row that does not exist was found"
        assert all(where.matches(item) for item in items)
        assert got.product_ids == tuple(item.product_id for item in items)
        actual = oracle.embeddings(name, got.item_ids)[0] @ query
        assert_allclose(actual, true.scores, atol=1e-4)
        assert_allclose(got.scores, true.scores, atol=1e-4)
        assert all(a >= b - 1e-6 for a, b in pairwise(got.scores))


def assert_same_rows(store: VectorStore, oracle: ExactStore, name: str, item_ids: Sequence[str]) -> None:
    """Items and embeddings, of rows there are and of rows there are not."""
    assert [_plain(item) for item in store.items(name, item_ids)] == [
        _plain(item) for item in oracle.items(name, item_ids)
    ]
    got, present = store.embeddings(name, item_ids)
    true, truly = oracle.embeddings(name, item_ids)
    assert present == truly
    assert got.dtype == np.float32
    assert_allclose(got, true, atol=1e-6)


def _plain(item: Item | None) -> object:
    return item and (item, dict(item.facets))


def assert_same_shortlist(
    store: VectorStore, oracle: ExactStore, asked: Mapping[str, Embeddings], words: str, least: int, **more: Any
) -> None:
    """All the rows that the oracle's holds, others only if they match; each scored, told apart and read rightly."""
    got, true = (each.shortlist(ShortlistQuery(asked, words, least, **more)) for each in (store, oracle))
    items, wanted = got.items(range(len(got.products))), true.items(range(len(true.products)))
    at = {item.item_id: place for place, item in enumerate(items) if item is not None}
    assert len(at) == len([item for item in items if item is not None]), "a row came twice"
    there = [item.item_id for item in wanted if item is not None]
    assert set(there) <= set(at), "a row is missing"
    filters = (more.get("where", EVERYTHING), *more.get("also", ()))
    assert got.matched_by.shape == (len(filters), len(items))
    products: dict[str, set[int]] = {}
    for item_id, place in at.items():
        item = items[place]
        assert item == oracle.items(words, [item_id])[0]
        assert item is not None
        assert item.product_id not in more.get("exclude", ())
        products.setdefault(item.product_id, set()).add(int(got.products[place]))
        matched = [where.matches(item) for where in filters]
        assert any(matched)
        assert all(has for has, matched_by in zip(matched, got.matched_by[:, place], strict=True) if matched_by)
    numbers = [number for each in products.values() for number in each]
    assert len(set(numbers)) == len(numbers) == len(products), "products are not told apart"
    for name, queries in asked.items():
        cosines = got.cosines(name, queries)
        assert cosines.shape == (len(items), len(queries))
        rows, present = oracle.embeddings(name, list(at))
        exact = np.where(np.array(present)[:, None], rows @ queries.T, np.nan)
        assert_allclose(cosines[list(at.values())], exact, atol=2e-5)  # What is remembered is rounded so far.
    names = ("color", "brand", "no such facet")
    for item, facets in zip(items, got.facets(range(len(items)), names), strict=True):
        assert facets == (item and {name: item.facets[name] for name in names if name in item.facets})
    for row, (has, had) in enumerate(zip(got.matched_by, true.matched_by, strict=True)):
        expected = {item.item_id for item, matched_by in zip(wanted, had, strict=True) if item and matched_by}
        assert expected <= {i for i in at if has[at[i]]}, f"a row that filter {row} brings is missing"
    answers = [oracle.search(name, queries, 10**6, filters[0]) for name, queries in asked.items() if len(queries)]
    matching = {item_id for each in answers for answer in each for item_id in answer.item_ids}
    if got.exhausted:
        missing = oracle.items(words, sorted(matching - set(at)))
        assert all(item.product_id in more.get("exclude", ()) for item in missing if item is not None)
    else:
        assert len(matching) >= least, "there are no more rows, and it did not say so"


def ann_recall(store: VectorStore, oracle: ExactStore, name: str, queries: Embeddings, k: int, where: Filter) -> float:
    """Agreement with exact search after rescoring 100 candidates exactly, as the search does; ties count."""
    agreed = possible = 0
    for query, got, true in zip(
        queries, store.search(name, queries, 100, where), oracle.search(name, queries, k, where), strict=True
    ):
        assert len(got.item_ids) == min(100, oracle.count(name, where)), "fewer rows than match"
        scores = np.sort(store.embeddings(name, got.item_ids)[0] @ query)[::-1][:k]
        agreed += int((scores >= true.scores[-1] - 1e-5).sum())
        possible += len(true.scores)
    return agreed / possible


def play_history(store: VectorStore, name: str, seed: int, *, writes: int, dim: int = 24) -> None:
    """Random writes to a store and to the oracle side by side, comparing every kind of read after each."""
    rng = np.random.default_rng(seed)
    oracle = ExactStore()
    for each in (store, oracle):
        each.ensure(spec(name, dim))
    for _ in range(writes):
        if rng.random() < 0.7:
            numbers = [int(n) for n in rng.integers(0, 90, rng.integers(1, 60))]
            items = [an_item(rng, n, product=int(rng.integers(30))) for n in numbers]
            rows = clustered(rng, len(items), dim)
            for each in (store, oracle):
                each.upsert(name, items, rows)
        else:
            gone = {f"product-{n}" for n in rng.integers(0, 33, rng.integers(1, 6))}
            for each in (store, oracle):
                each.delete_products(name, gone)
        _compare(store, oracle, name, rng, dim)


def _compare(store: VectorStore, oracle: ExactStore, name: str, rng: Generator, dim: int) -> None:
    queries = clustered(rng, 3, dim)
    assert store.count(name) == oracle.count(name)
    for _ in range(6):
        where = some_filter(rng)
        assert store.count(name, where) == oracle.count(name, where), where
        assert_same_answers(store, oracle, name, queries, int(rng.integers(1, 100)), where)
    assert_same_rows(store, oracle, name, [f"item-{n}" for n in rng.integers(0, 95, 20)])
    for number in rng.integers(0, 33, 3):
        assert store.items_of(name, f"product-{number}") == oracle.items_of(name, f"product-{number}")
