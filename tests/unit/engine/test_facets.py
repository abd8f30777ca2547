"""Products counted by value, over the exact store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engine.domain import CollectionSpec, Item, Product
from engine.errors import FilterRejected, QueryRejected
from engine.facets import Counted, CountMemory, FacetAsk, count_facets, shown_values
from engine.filters import EVERYTHING, Filter, parse_filter
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name
from engine.values import parts_of, paths_of

PRODUCTS = {
    "a": Product("a", "A", "", (), price=10, currency="EUR", brand="Acme", color="Navy/White", category="Women > Tops"),
    "b": Product("b", "B", "", (), price=20, currency="EUR", brand="Acme", color="navy", attributes={"Fit": "Slim"}),
    "c": Product("c", "C", "", (), price=90, currency="EUR", brand="Other & Co", color="Red"),
}


class Book:
    def products(self, ids: Sequence[str]) -> dict[str, Product]:
        return {i: PRODUCTS[i] for i in ids if i in PRODUCTS}


@pytest.fixture
def store() -> ExactStore:
    """Three products; one has two rows, in two supercategories."""
    store = ExactStore()
    for kind in ("upper_wear", "lower_wear"):
        store.ensure(CollectionSpec(collection_name(kind, "semantic"), 2, "f"))
    for kind, ids in {"upper_wear": "abc", "lower_wear": "a"}.items():
        items = [_item(PRODUCTS[i], kind) for i in ids]
        rows = np.tile(np.array([[1, 0]], np.float32), (len(items), 1))
        store.upsert(collection_name(kind, "semantic"), items, rows)
    return store


def _item(product: Product, kind: str) -> Item:
    pairs = {"brand": product.brand, "color": product.color, **{k.lower(): v for k, v in product.attributes.items()}}
    facets = {name: parts_of(name, text) for name, text in pairs.items() if text}
    facets |= {"category": paths_of(product.category)} if product.category else {}
    facets |= {"~words": ("shirt",), "item_group_id": (product.product_id,)}
    return Item(
        f"{product.product_id}-{kind}", product.product_id, kind, kind, "k", (0, 0, 1, 1), facets, product.price
    )


def counted(store: ExactStore, ask: FacetAsk, where: Filter = EVERYTHING, memory: CountMemory | None = None) -> Counted:
    return count_facets(store, Book(), ["upper_wear", "lower_wear"], where, ask, memory)  # type: ignore[arg-type]


def values(found: Counted) -> dict[str, dict[str, int]]:
    return {facet.name: {value.value: value.count for value in facet.values} for facet in found.facets}


def test_products_are_counted_once_however_many_rows_they_have(store: ExactStore) -> None:
    """Parts of a colour list count, not the list; what is only evidence is no facet; a shop's attributes are."""
    found = counted(store, FacetAsk())
    assert (found.products, found.exact) == (3, True)
    assert values(found) == {
        "brand": {"acme": 2, "other & co": 1},
        "color": {"navy": 2, "red": 1, "white": 1},
        "category": {"women": 1, "women > tops": 1},
        "attributes.fit": {"slim": 1},
    }
    labels = {value.value: value.label for facet in found.facets for value in facet.values}
    assert labels["acme"] == "Acme"
    assert (labels["white"], labels["other & co"], labels["slim"]) == ("White", "Other & Co", "Slim")
    assert labels["women > tops"] == "Women > Tops"
    assert found.price is not None
    assert (found.price.low, found.price.high, found.price.currency) == (10, 90, "EUR")


def test_a_facets_own_filter_does_not_count_for_itself(store: ExactStore) -> None:
    """With brand=acme chosen the other brand is still offered, with what it would bring; colours are acme's."""
    found = counted(store, FacetAsk(("brand", "color", "price")), parse_filter(["brand=acme", "price<=15"]))
    assert found.products == 1
    assert values(found) == {"brand": {"acme": 1}, "color": {"navy": 1, "white": 1}}
    assert found.price is not None
    assert found.price.high == 20
    wider = counted(store, FacetAsk(("brand",)), parse_filter(["brand=acme"]))
    assert values(wider) == {"brand": {"acme": 2, "other & co": 1}}


def test_counts_are_what_searching_with_the_value_gives(store: ExactStore) -> None:
    """The number beside a value is the number of products that match once it is chosen."""
    for facet in counted(store, FacetAsk()).facets:
        for value in facet.values:
            chosen = Filter(parse_filter([f'{facet.name}="{value.value}"']).conditions)
            assert counted(store, FacetAsk(("brand",)), chosen).products == value.count


def test_limit_prefix_and_more(store: ExactStore) -> None:
    (facet,) = counted(store, FacetAsk(("color",), limit=1)).facets
    assert ([value.value for value in facet.values], facet.more) == (["navy"], 2)
    (facet,) = counted(store, FacetAsk(("color",), prefix="W")).facets
    assert [value.value for value in facet.values] == ["white"]


def test_what_cannot_be_counted_is_refused(store: ExactStore) -> None:
    with pytest.raises(FilterRejected, match="colr"):
        counted(store, FacetAsk(("colr",)))
    with pytest.raises(QueryRejected, match="limit"):
        FacetAsk(limit=0)


def test_counts_are_remembered_within_a_moment_of_the_store(store: ExactStore) -> None:
    """A store that cannot name its moment is counted anew after a minute; the same question is not counted twice."""
    memory = CountMemory()
    first = counted(store, FacetAsk(), memory=memory)
    assert counted(store, FacetAsk(), memory=memory) is first
    assert counted(store, FacetAsk(limit=3), memory=memory) is not first


def test_a_path_is_shown_from_its_root() -> None:
    """Of all the spans by which a category is found, those that begin at the top."""
    assert list(shown_values("category", paths_of("Women > Tops > Shirts"))) == [
        "women", "women > tops > shirts", "women > tops",
    ]  # fmt: skip
    assert list(shown_values("category", ("shirts",))) == ["shirts"]
