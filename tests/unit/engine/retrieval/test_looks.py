"""One hit for each look, what cannot be bought last: over any store, whatever asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain import SPACES, Availability, CollectionSpec, Item, Product
from engine.filters import parse_filter
from engine.retrieval.looks import EVERY_PRODUCT, FOR_SHOPPERS, Shown, by_size, look_of, of_same_look
from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.seams import Calibration
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name
from engine.values import folded
from engine.words.parsed_text import parse_text

CALIBRATION = Calibration(0.5, 0.1)
DIM = 8


def a_product(product_id: str, **fields: str) -> tuple[Item, Product]:
    """An indexed product; fields are facets, `picture` names its picture."""
    facets = {name: (folded(value),) for name, value in fields.items() if name != "picture"}
    picture = f"products/{product_id}/{fields.get('picture', product_id)}"
    item = Item(f"{product_id}#0", product_id, "full_body", "dress", picture, (0, 0, 9, 9), facets, 10.0)
    product = Product(
        product_id, product_id, f"https://shop.example/{product_id}", ("a.jpg",), color=fields.get("color"),
        item_group_id=fields.get("item_group_id"), availability=Availability(fields.get("availability", "in_stock")),
        attributes={"size": fields["size"]} if "size" in fields else {},
    )  # fmt: skip
    return item, product


class Book:
    def __init__(self, products: list[Product]) -> None:
        self.known = {product.product_id: product for product in products}

    def products(self, product_ids: list[str]) -> dict[str, Product]:
        return {i: self.known[i] for i in product_ids if i in self.known}


def catalogue(rows: list[tuple[Item, Product]]) -> Searcher:
    """The first row is nearest to `ASKING`, the last farthest off."""
    store = ExactStore()
    for space in SPACES:
        name = collection_name("full_body", space)
        store.ensure(CollectionSpec(name, DIM, "f"))
        store.upsert(name, [item for item, _ in rows], np.stack([unit(1, 0.01 * n) for n in range(len(rows))]))
    book = Book([product for _, product in rows])
    return Searcher(store, book, Calibrations(CALIBRATION, CALIBRATION, CALIBRATION))  # type: ignore[arg-type]


def unit(*values: float) -> NDArray[np.float32]:
    row = np.zeros(DIM, np.float32)
    row[: len(values)] = values
    return row / np.linalg.norm(row)


ASKING = QueryVectors(unit(1), unit(1))
SIZES = ("XS", "S", "M", "L", "XL", "XXL", "36", "38", "40", "42", "44")


def sizes_of(group: str, color: str, sizes: tuple[str, ...] = SIZES, **fields: str) -> list[tuple[Item, Product]]:
    return [
        a_product(
            f"{group}-{color}-{size}", item_group_id=group, color=color, size=size, picture=f"{color}.jpg", **fields
        )
        for size in sizes
    ]


def ids(
    searcher: Searcher, k: int, shown: Shown = FOR_SHOPPERS, *where: str, query_vectors: QueryVectors = ASKING
) -> list[str]:
    hits = searcher.search(query_vectors, ["full_body"], k, parse_filter(where), shown=shown)
    return [hit.product.product_id for hit in hits]


@pytest.mark.parametrize(
    "query_vectors", [ASKING, replace(ASKING, parsed=parse_text(["grey"]))], ids=["photo", "weighed"]
)
def test_sizes_of_one_dress_are_one_hit(query_vectors: QueryVectors) -> None:
    """Eleven sizes in two colours are two hits, and the k hits are filled with what comes behind them."""
    rows = sizes_of("dress", "grey") + sizes_of("dress", "navy") + [a_product(f"other-{n}") for n in range(9)]
    searcher = catalogue(rows)
    others = [f"other-{n}" for n in range(8)]
    assert ids(searcher, 10, query_vectors=query_vectors)[0] == "dress-grey-XS"
    assert {*ids(searcher, 10, query_vectors=query_vectors)} >= {"dress-grey-XS", *others}
    assert (
        len(ids(searcher, 11, query_vectors=query_vectors))
        == 11
        == len({*ids(searcher, 12, query_vectors=query_vectors)})
    )
    assert ids(searcher, 5, EVERY_PRODUCT, query_vectors=query_vectors) == [f"dress-grey-{size}" for size in SIZES[:5]]


def test_k_looks_come_though_hundreds_of_sizes_lie_before_them() -> None:
    """500 sizes of one dress, more than the first candidates, do not hide the others."""
    rows = sizes_of("dress", "grey", tuple(map(str, range(500)))) + [a_product(x) for x in "abc"]
    assert ids(catalogue(rows), 4) == ["dress-grey-0", "a", "b", "c"]


def test_a_hit_tells_every_variant_of_its_look_in_the_order_of_sizes() -> None:
    """Also those that are no candidates; of one look alone, and only those that match the filter."""
    searcher = catalogue([*reversed(sizes_of("dress", "grey")), *sizes_of("dress", "navy"), a_product("single")])
    grey, navy, single = searcher.search(ASKING, ["full_body"], 3, shown=FOR_SHOPPERS)
    assert [v.attributes["size"] for v in grey.variants] == list(SIZES)
    assert {v.color for v in navy.variants} == {"navy"}
    assert single.variants == ()
    (one,) = searcher.search(ASKING, ["full_body"], 1, parse_filter(["size=M,L"]), shown=FOR_SHOPPERS)
    assert (one.product.product_id, [v.product_id for v in one.variants]) == (
        "dress-grey-L", ["dress-grey-M", "dress-grey-L"],
    )  # fmt: skip
    assert searcher.search(ASKING, ["full_body"], 1)[0].variants == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"item_group_id": "g", "color": "red"}, {"item_group_id": "g", "color": "red"}, True),
        ({"item_group_id": "g", "color": "red"}, {"item_group_id": "g", "color": "blue"}, False),
        ({"item_group_id": "g", "color": "red"}, {"item_group_id": "h", "color": "red"}, False),
        ({"item_group_id": "g", "picture": "x"}, {"item_group_id": "g", "picture": "x"}, True),
        ({"item_group_id": "g", "color": "red", "picture": "x"}, {"item_group_id": "g", "picture": "x"}, True),
        ({"item_group_id": "g"}, {"item_group_id": "g"}, False),
        ({"color": "red", "picture": "x"}, {"color": "red", "picture": "x"}, False),
    ],
)
def test_what_one_look_is(one: dict[str, str], other: dict[str, str], same: bool) -> None:
    """A group and a colour, or a group and a picture; no group, no look."""
    first, second = a_product("a", **one)[0], a_product("b", **other)[0]
    assert (not look_of(first).isdisjoint(look_of(second))) is same
    assert (second in of_same_look(first, [first, second])) is same


def test_the_sold_out_come_after_what_can_be_bought() -> None:
    """However near; with k = 1 the nearest that can be bought; unless asked otherwise, or asked for."""
    rows = [
        a_product("gone", availability="out_of_stock"),
        a_product("soon", availability="preorder"),
        a_product("here"),
    ]
    searcher = catalogue(rows)
    assert ids(searcher, 3) == ["soon", "here", "gone"]
    assert ids(searcher, 1) == ["soon"]
    assert ids(searcher, 3, Shown(one_per_look=True)) == ["gone", "soon", "here"]
    assert ids(searcher, 3, FOR_SHOPPERS, "availability=out of stock,preorder") == ["gone", "soon"]
    assert ids(searcher, 3, FOR_SHOPPERS, "availability!=preorder") == ["here", "gone"]


def test_what_can_be_bought_is_found_behind_hundreds_that_cannot() -> None:
    """Two products in stock behind 600 that are sold out come first, and the sold-out fill the rest."""
    gone = [a_product(f"gone-{n}", availability="out_of_stock") for n in range(600)]
    searcher = catalogue([*gone, a_product("a"), a_product("b")])
    assert ids(searcher, 4) == ["a", "b", "gone-0", "gone-1"]


def test_a_look_is_shown_by_a_size_that_can_be_bought() -> None:
    """The sold-out XS stands among the variants; a look that is sold out in every size comes last."""
    rows = sizes_of("gone", "grey", ("S", "M"), availability="out_of_stock")
    rows += sizes_of("dress", "red", ("XS",), availability="out_of_stock") + sizes_of("dress", "red", ("S", "M"))
    hits = catalogue(rows).search(ASKING, ["full_body"], 5, shown=FOR_SHOPPERS)
    assert [hit.product.product_id for hit in hits] == ["dress-red-S", "gone-grey-S"]
    assert [v.product_id for v in hits[0].variants] == ["dress-red-XS", "dress-red-S", "dress-red-M"]


def test_sizes_in_a_shops_order() -> None:
    """Letters, numbers, one-size, none."""
    sizes = ["One size", "44", "XXL", "2XL", "S", "36.5", "36", "XS/S", "3XL", "L"]
    products = [a_product(size, size=size)[1] for size in sizes] + [a_product("none")[1]]
    assert [p.product_id for p in by_size(products)] == [
        "XS/S", "S", "L", "2XL", "XXL", "3XL", "36", "36.5", "44", "One size", "none",
    ]  # fmt: skip
