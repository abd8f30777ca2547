"""A look: the products of one variant group that look the same, eleven sizes of one dress say. One hit for each.

Two products of an `item_group_id` are one look where the shop gives them the same colour, or where the same picture
of them is indexed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.domain import Availability, Item, Product
from engine.filters import FacetCondition, Filter

Look = frozenset[tuple[str, ...]]
"""What a look is known by; two items are of one look where these have something in common. Empty: no other is of it."""

NOT_SOLD_OUT = FacetCondition("availability", frozenset({Availability.OUT_OF_STOCK.value}), negated=True)
_LETTER_SIZES = ("xxxs", "xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "xxxxl", "xxxxxl")
_MANY_X = re.compile(r"(\d)\s*x(?=[sl]\b)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which of the products found become hits, and in which order.

    Attributes:
        one_per_look: one hit for each look; else one for each product.
        sold_out_last: products that cannot be bought come after all that can.
        sold_out_left_out: they do not come at all.
    """

    one_per_look: bool = False
    sold_out_last: bool = False
    sold_out_left_out: bool = False

    def under(self, where: Filter) -> Shown:
        """The same for a search under this filter: who asks for what is out of stock has it in its own order."""
        asked = any(
            isinstance(each, FacetCondition)
            and each.facet == NOT_SOLD_OUT.facet
            and not each.negated
            and not each.values.isdisjoint(NOT_SOLD_OUT.values)
            for each in where.conditions
        )
        return replace(self, sold_out_last=self.sold_out_last and not asked)


EVERY_PRODUCT = Shown()
FOR_SHOPPERS = Shown(one_per_look=True, sold_out_last=True)


def look_of(item: Item) -> Look:
    """What an indexed garment's look is known by."""
    group = group_of(item)
    if group is None:
        return frozenset()
    picture = (group, "picture", item.image.rpartition("/")[2])  # Named by its content.
    color = item.facets.get("color")
    return frozenset({picture, (group, "color", *color)} if color else {picture})


def group_of(item: Item) -> str | None:
    """The variant group that an item belongs to."""
    return next(iter(item.facets.get("item_group_id", ())), None)


def sold_out(item: Item) -> bool:
    """Whether it cannot be bought at present."""
    return not NOT_SOLD_OUT.matches(item)


def of_same_look(one: Item, others: Iterable[Item]) -> list[Item]:
    """Those of one look, itself included where it is among them: alike to it, or alike to one that is."""
    known, waiting = look_of(one), [(item, look_of(item)) for item in others]
    found: list[Item] = []
    while joining := [each for each in waiting if not known.isdisjoint(each[1])]:
        found += [item for item, _ in joining]
        waiting = [each for each in waiting if known.isdisjoint(each[1])]
        known = known.union(*(look for _, look in joining))
    return found


def by_size(products: Sequence[Product]) -> tuple[Product, ...]:
    """In the order in which a shop lists sizes: XS, S, M, then 36, 38, then what is no size."""
    return tuple(
        sorted(products, key=lambda product: (*_size_rank(product.attributes.get("size")), product.product_id))
    )


def _size_rank(size: str | None) -> tuple[int, float, str]:
    if not size:
        return 3, 0.0, ""
    first = _MANY_X.sub(lambda found: "x" * int(found[1]), size.casefold()).replace("-", "").split("/")[0].strip()
    if first in _LETTER_SIZES:
        return 0, float(_LETTER_SIZES.index(first)), size
    number = _NUMBER.search(first)
    return (1, float(number[0].replace(",", ".")), size) if number else (2, 0.0, size)
