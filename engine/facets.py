"""How many products have which value: what a filter bar shows, and where prices lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from cachetools import LRUCache

from engine.domain import Product
from engine.errors import QueryRejected
from engine.filters import (
    ATTRIBUTE_PREFIX,
    CORE_FACETS,
    Condition,
    FacetCondition,
    Filter,
    PriceCondition,
    facet_name,
    facet_value,
)
from engine.products.fields import ATTRIBUTE_FACETS
from engine.retrieval.histogram import PriceRange, price_range
from engine.seams import FacetRow, Ledger, VectorStore, moment_of
from engine.taxonomy import collection_name
from engine.values import canonical

EVERY = "*"
PRICE = "price"
MOST_ROWS = 200_000
"""Rows of a collection that are counted at most."""
MOST_NAMES, MOST_VALUES = 50, 1_000
USUAL_VALUES = 20
_NAMED = tuple(name for name in (*CORE_FACETS, *ATTRIBUTE_FACETS) if name != "item_group_id")
_REMEMBERED_S = 60.0
"""How long counts hold of a store that cannot name its moment."""


@dataclass(frozen=True, slots=True)
class FacetAsk:
    """Which facets to count.

    Attributes:
        names: facets as filters name them, `price`, or `*` for all that there are.
        limit: values of each that are told, those of most products.
        prefix: only values that begin so.
    """

    names: tuple[str, ...] = (EVERY,)
    limit: int = USUAL_VALUES
    prefix: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_VALUES:
            raise QueryRejected(f"'limit' is {self.limit}; it goes from 1 to {MOST_VALUES:,}.")
        if len(self.names) > MOST_NAMES:
            raise QueryRejected(f"There are {len(self.names)} facets; the most is {MOST_NAMES}.")

    def facets(self) -> list[str]:
        """The stored names of those that are named.

        Raises:
            FilterRejected: there is no such facet.
        """
        return list(dict.fromkeys(facet_name(name) for name in self.names if name not in (EVERY, PRICE)))


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value: as filters take it, as the shop writes it, and how many products have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetCount:
    """One facet: its values, those of most products first; `more` values are not told."""

    name: str
    values: tuple[ValueCount, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted.

    Attributes:
        products: that match the filters; `exact` is False where there are more rows than are counted.
    """

    products: int
    exact: bool
    facets: tuple[FacetCount, ...] = ()
    price: PriceRange | None = None


@dataclass(slots=True, eq=False)
class CountMemory:
    """Counts made lately. Safe to use from several threads."""

    most: int = 64
    _lock: Lock = field(default_factory=Lock)
    _kept: LRUCache[object, tuple[object, Counted]] = field(init=False)

    def __post_init__(self) -> None:
        self._kept = LRUCache(self.most)

    def get(self, key: object, moment: object) -> Counted | None:
        """What was counted at this moment of the store."""
        with self._lock:
            kept = self._kept.get(key)
            return kept[1] if kept and kept[0] == moment else None

    def put(self, key: object, moment: object, counted: Counted) -> None:
        """Remember; what was asked for longest ago is forgotten."""
        with self._lock:
            self._kept[key] = moment, counted


def count_facets(
    store: VectorStore,
    ledger: Ledger,
    supercategories: Sequence[str],
    where: Filter,
    ask: FacetAsk,
    memory: CountMemory | None = None,
) -> Counted:
    """Count products by value, among those that match; a facet's own conditions do not count for itself.

    Raises:
        FilterRejected: an unknown facet.
    """
    wanted = ask.facets()
    moment = moment_of(store) or int(monotonic() / _REMEMBERED_S)
    key = (tuple(supercategories), where, ask)
    if memory and (known := memory.get(key, moment)):
        return known
    found = _count(store, ledger, supercategories, where, ask, wanted)
    if memory:
        memory.put(key, moment, found)
    return found


def _count(
    store: VectorStore,
    ledger: Ledger,
    supercategories: Sequence[str],
    where: Filter,
    ask: FacetAsk,
    wanted: list[str],
) -> Counted:
    everything = EVERY in ask.names
    main = _rows_of(store, supercategories, where)
    conditioned = {each.facet for each in where.conditions if isinstance(each, FacetCondition)}
    names = _present(main, wanted) if everything else wanted
    tallies: dict[str, _Tally] = {name: _Tally() for name in names}
    _tally(main.products.values(), {name: tallies[name] for name in names if name not in conditioned})
    for name in conditioned.intersection(names):
        others = _rows_of(store, supercategories, _without(where, name))
        _tally(others.products.values(), {name: tallies[name]})
    facets = [_told(name, tallies[name], ask, ledger) for name in names]
    price = _price(store, supercategories, where, main, ledger) if everything or PRICE in ask.names else None
    return Counted(len(main.products), main.exact, tuple(f for f in facets if f.values or not everything), price)


@dataclass(frozen=True, slots=True, eq=False)
class _Matching:
    """Matching rows by product."""

    products: Mapping[str, list[FacetRow]]
    exact: bool


def _rows_of(store: VectorStore, supercategories: Sequence[str], where: Filter) -> _Matching:
    products: dict[str, list[FacetRow]] = {}
    exact = True
    for name in supercategories:
        found = store.facet_rows(collection_name(name, "semantic"), where, MOST_ROWS)
        exact &= found.whole
        for row in found.rows:
            products.setdefault(row.product_id, []).append(row)
    return _Matching(products, exact)


def _present(found: _Matching, also: Sequence[str]) -> list[str]:
    """Every facet that some product has, those that all shops have first."""
    names = Counter(name for rows in found.products.values() for name in rows[0].facets if name[:1] != "~")
    others = [name for name, _ in names.most_common() if name not in _NAMED and name != "item_group_id"]
    return list(dict.fromkeys((*_NAMED, *also, *others[: MOST_NAMES - len(_NAMED)])))


class _Tally:
    """Products by value, and one product of each, to see how its shop writes it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.example: dict[str, str] = {}


def _tally(products: Iterable[Sequence[FacetRow]], tallies: Mapping[str, _Tally]) -> None:
    for rows in products:
        for name, tally in tallies.items():
            values = rows[0].facets.get(name, ())
            if len(rows) > 1:
                values = tuple(dict.fromkeys(value for row in rows for value in row.facets.get(name, ())))
            for value in shown_values(name, values):
                tally.counts[value] += 1
                tally.example.setdefault(value, rows[0].product_id)


def shown_values(facet: str, values: Sequence[str]) -> Iterator[str]:
    """Those of an item's values that a list of values shows: the parts of a colour list, a path from its root."""
    if len(values) == 1:
        yield values[0]
    elif facet in ("color", "material"):
        yield from (value for value in values if "/" not in value)
    elif facet == "category":
        inner = [f" > {value} > " for value in values]
        yield from (value for value in values if not any(f" > {value} > " in each[3:] for each in inner))
    else:
        yield from values


def _told(name: str, tally: _Tally, ask: FacetAsk, ledger: Ledger) -> FacetCount:
    prefix = facet_value(ask.prefix)
    fitting = [(value, n) for value, n in tally.counts.items() if value.startswith(prefix)]
    fitting.sort(key=lambda pair: (-pair[1], pair[0]))
    first = fitting[: ask.limit]
    examples = ledger.products([tally.example[value] for value, _ in first])
    values = [ValueCount(value, label_of(name, value, examples.get(tally.example[value])), n) for value, n in first]
    public = name if name in (*CORE_FACETS, *ATTRIBUTE_FACETS) else ATTRIBUTE_PREFIX + name
    return FacetCount(public, tuple(values), len(fitting) - len(first))


def label_of(facet: str, value: str, product: Product | None) -> str:
    """A value as its shop writes it, where a product's fields show that; else the value itself."""
    if product is None or facet in ("availability", "gender", "age_group"):
        return value
    own = {"brand": product.brand, "color": product.color}
    attributes = [text for name, text in product.attributes.items() if facet_value(name) == facet]
    paths = [*product.categories, product.category or ""] if facet == "category" else []
    for text in (own.get(facet), *attributes, *paths):
        for part in _parts(text or "", facet):
            if canonical(facet, part) == value:
                return part.strip()
    return value


def _parts(text: str, facet: str) -> Iterator[str]:
    yield text
    if facet == "category":
        steps = text.split(">")
        yield from (">".join(steps[:n]) for n in range(1, len(steps)))
    for mark in "/,;&|":
        yield from text.split(mark) if mark in text else ()


def _price(
    store: VectorStore, supercategories: Sequence[str], where: Filter, main: _Matching, ledger: Ledger
) -> PriceRange | None:
    if any(isinstance(each, PriceCondition) for each in where.conditions):
        main = _rows_of(store, supercategories, Filter(tuple(_unpriced(where.conditions))))
    prices = {i: rows[0].price for i, rows in main.products.items() if rows[0].price is not None}
    if not prices:
        return None
    some = ledger.products(list(prices)[:20])
    currency = next((product.currency for product in some.values() if product.currency), None)
    return price_range([price for price in prices.values() if price is not None], currency)


def _unpriced(conditions: Iterable[Condition]) -> Iterator[Condition]:
    return (each for each in conditions if not isinstance(each, PriceCondition))


def _without(where: Filter, facet: str) -> Filter:
    kept = (c for c in where.conditions if not (isinstance(c, FacetCondition) and c.facet == facet))
    return Filter(tuple(kept))
