"""Orders, least scores, variety and pages, over hits made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.domain import Availability, Hit, Item, Product, Signals
from engine.errors import QueryRejected
from engine.retrieval.histogram import price_range
from engine.retrieval.listing import Listing, Page, Seen, Sources, Total, page_of, spread, spread_brands
from engine.retrieval.looks import FOR_SHOPPERS, Shown


def hit(number: int, *, price: float | None = None, group: str | None = None, sold_out: bool = False) -> Hit:
    """The nth best of all."""
    name, stock = f"p{number}", "out_of_stock" if sold_out else "in_stock"
    facets = {"availability": (stock,)} | ({"item_group_id": (group,), "color": ("red",)} if group else {})
    item = Item(f"{name}#0", name, "upper_wear", "shirt", f"{name}.jpg", (0, 0, 1, 1), facets, price)
    product = Product(name, name, "", (), price=price, availability=Availability(stock))
    return Hit(product, item, 1 - number / 1000, Signals(), ())


def asked(hits: Sequence[Hit], k: int, listing: Listing, shown: Shown = FOR_SHOPPERS) -> tuple[Page, list[int]]:
    """A page over a catalogue of these hits, and how many of them were ranked for it."""
    wanted: list[int] = []

    def fetch(most: int, sold_out_last: bool) -> tuple[Hit, ...]:
        wanted.append(most)
        ordered = sorted(hits, key=lambda each: sold_out_last and each.product.availability != "in_stock")
        return tuple(ordered[:most])

    def added(ids: Sequence[str]) -> Mapping[str, datetime]:
        return {each: datetime(2026, 1, 1 + int(each[1:]) % 28, tzinfo=UTC) for each in ids}

    def embeddings(some: Sequence[Hit]) -> np.ndarray:  # type: ignore[type-arg]
        return np.eye(8, dtype=np.float32)[[int(each.product.product_id[1:]) // 4 % 8 for each in some]]

    return page_of(fetch, k, listing, Sources(added, embeddings, shown)), wanted


def ids(page: Page) -> list[str]:
    return [each.product.product_id for each in page.hits]


def every_page(hits: Sequence[Hit], k: int, **options: object) -> tuple[list[str], int]:
    """All pages one after the other, and how many they are."""
    found, seen = list[str](), None
    for number in range(1, 1000):
        page, _ = asked(hits, k, Listing(after=seen, **options))  # type: ignore[arg-type]
        found += ids(page)
        if (seen := page.seen) is None:
            return found, number
    raise AssertionError("the pages have no end")


def test_plain_pages_cost_one_hit_more_than_they_show() -> None:
    """The first page ranks k + 1, and so knows whether there is another."""
    hits = [hit(n) for n in range(11)]
    page, wanted = asked(hits, 10, Listing())
    assert (ids(page), wanted) == ([f"p{n}" for n in range(10)], [11])
    assert page.seen is not None
    assert page.total is None
    assert asked(hits[:10], 10, Listing())[0].seen is None


@pytest.mark.parametrize("k", [1, 7, 10, 100])
def test_pages_hold_every_hit_once(k: int) -> None:
    """130 hits in pages of any size: all of them, in one order, and an end."""
    found, pages = every_page([hit(n) for n in range(130)], k)
    assert found == [f"p{n}" for n in range(130)]
    assert pages == -(-130 // k)


def test_a_product_that_comes_between_pages_neither_repeats_nor_hides_others() -> None:
    """A new best hit after the first page: the second page has it first, and nothing twice."""
    hits = [hit(n) for n in range(1, 7)]
    first, _ = asked(hits, 3, Listing())
    second, _ = asked([hit(0), *hits], 4, Listing(after=first.seen))
    assert (ids(first), ids(second)) == (["p1", "p2", "p3"], ["p0", "p4", "p5", "p6"])


def test_another_size_of_a_look_that_was_shown_does_not_come_again() -> None:
    """Between the pages the larger size has become the better match."""
    first, _ = asked([hit(1, group="g"), hit(3)], 1, Listing())
    second, _ = asked([hit(2, group="g"), hit(3)], 5, Listing(after=first.seen))
    assert ids(second) == ["p3"]


def test_totals_hold() -> None:
    """`eq` is what paging gives; a list longer than the window is told as at least so long."""
    hits = [hit(n) for n in range(137)]
    assert asked(hits, 5, Listing(total=True))[0].total == Total(137)
    assert len(every_page(hits, 50, total=True)[0]) == 137
    assert asked([hit(n) for n in range(500)], 5, Listing(total=True))[0].total == Total(200, at_least=True)


def test_a_least_score_cuts_the_list_and_its_total() -> None:
    """Scores fall by 0.001: 0.95 leaves 51, also of those that are sold out."""
    hits = [hit(n, sold_out=n % 2 == 0) for n in range(400)]
    page, _ = asked(hits, 100, Listing(min_score=0.95, total=True))
    assert (len(page.hits), page.total, page.seen) == (51, Total(51), None)
    sold_out = [each.product.availability == "out_of_stock" for each in page.hits]
    assert sold_out == sorted(sold_out)


def test_orders_by_price_and_by_newness() -> None:
    """What has no price comes last either way; what is sold out behind the rest; pages fit together."""
    hits = [hit(0, price=30), hit(1, price=10, sold_out=True), hit(2), hit(3, price=20)]
    assert ids(asked(hits, 9, Listing(sort="price_asc"))[0]) == ["p3", "p0", "p2", "p1"]
    assert ids(asked(hits, 9, Listing(sort="price_desc"), Shown())[0]) == ["p0", "p3", "p1", "p2"]
    assert ids(asked(hits, 9, Listing(sort="newest"), Shown())[0]) == ["p3", "p2", "p1", "p0"]
    many = [hit(n, price=(n * 37) % 101) for n in range(90)]
    found, _ = every_page(many, 20, sort="price_asc")
    assert found == [f"p{n}" for n in sorted(range(90), key=lambda n: (n * 37) % 101)]


def test_variety_brings_unlike_hits_forward() -> None:
    """Four of each kind: without variety the first four are one kind, with it they are four."""
    hits = [hit(n) for n in range(16)]
    assert ids(asked(hits, 4, Listing())[0]) == ["p0", "p1", "p2", "p3"]
    assert ids(asked(hits, 4, Listing(diversity=0.5))[0]) == ["p0", "p4", "p8", "p12"]
    assert sorted(every_page(hits, 3, diversity=0.5)[0]) == sorted(f"p{n}" for n in range(16))


def test_variety_of_brands() -> None:
    """Brands take turns the more, the more is asked for; one brand in two spellings is one, none is none of them."""
    scores = np.array([0.9, 0.89, 0.88, 0.87, 0.5, 0.4], np.float32)
    brands = ["Acme", "ACME ", None, None, "Ostra", "acme"]
    assert spread_brands(scores, brands, 0.0) == [0, 1, 2, 3, 4, 5]
    assert spread_brands(scores, brands, 0.3) == [0, 2, 3, 1, 4, 5]
    assert spread_brands(scores, brands, 1.0) == [0, 2, 3, 4, 1, 5]
    hits = [replace(one, product=replace(one.product, brand="ab"[n > 5])) for n, one in enumerate(map(hit, range(8)))]
    by_brand = Listing(diversity=1.0, diversity_by="brand")
    assert ids(asked(hits, 4, by_brand)[0]) == ["p0", "p6", "p1", "p7"]
    assert Listing(diversity_by="brand").is_plain


def test_spread_without_diversity_is_the_order_of_scores() -> None:
    scores, rows = np.array([0.9, 0.8, 0.7], np.float32), np.eye(3, dtype=np.float32)
    assert spread(scores, rows, 0.0) == [0, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"min_score": 1.5}, {"diversity": -0.1}, {"sort": "cheapest"}, {"diversity_by": "shoe"}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryRejected):
        Listing(**wrong)  # type: ignore[arg-type]


def test_seen_joins() -> None:
    page, _ = asked([hit(1), hit(2)], 1, Listing())
    assert page.seen is not None
    assert (page.seen.hits, Seen().joined(page.hits, FOR_SHOPPERS)) == (1, page.seen)


def test_price_ranges_are_round_and_hold_every_price() -> None:
    """One dear product does not squeeze the rest into one bucket."""
    prices = [float(p) for p in range(10, 110)] + [5000.0]
    told = price_range(prices, "EUR")
    assert (told.low, told.high, sum(bucket.count for bucket in told.buckets)) == (10, 5000, 101)
    assert len(told.buckets) <= 12
    assert [bucket.high for bucket in told.buckets[:3]] == [20, 30, 40]
    assert told.buckets[-1].high == 5000
    one = price_range([19.9])
    assert (len(one.buckets), one.buckets[0].count) == (1, 1)


def test_another_order_leaves_out_what_is_hardly_meant() -> None:
    """The cheapest product of the shop does not lead "navy trousers" by price; a given least score counts instead."""
    scores, prices = (0.8, 0.7, 0.41, 0.39, 0.01), (30, 20, 50, 2, 1)
    hits = [
        replace(hit(n, price=price), score=score) for n, (score, price) in enumerate(zip(scores, prices, strict=True))
    ]
    assert ids(asked(hits, 5, Listing("price_asc"))[0]) == ["p1", "p0", "p2"]
    assert ids(asked(hits, 5, Listing("price_asc", min_score=0.3))[0]) == ["p3", "p1", "p0", "p2"]
    assert ids(asked(hits, 5, Listing())[0]) == ["p0", "p1", "p2", "p3", "p4"]
