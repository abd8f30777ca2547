"""Words are remembered under a hash of themselves, and facets are filtered as numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.domain import Item
from engine.filters import FacetCondition
from engine.stores.milvus.rows import to_row
from engine.stores.milvus.terms import term, terms_condition, terms_of
from engine.stores.milvus.words import STAMP, Words, packed, product_of, read_cells, unpacked

COLUMNS = ("stamp", "terms")
ITEM = Item(
    'p"1#0', 'p"1', "upper_wear", "shirt", "a.jpg", (0.0, 1.0, 2.0, 3.0), {"color": ("navy",), "brand": ("ö 👕",)}, 9.5
)


def stamp(item: Item) -> str:
    return unpacked(to_row(item, np.zeros(4, np.float32), COLUMNS)[STAMP])


def test_a_stamp_names_the_words_and_the_product() -> None:
    """Any other word, facet, price, picture or box makes another stamp; the embedding does not."""
    changed = [
        replace(ITEM, price=9.51),
        replace(ITEM, facets={"color": ("navy",), "brand": ("ö",)}),
        replace(ITEM, image="b.jpg"),
        replace(ITEM, box=(0.0, 1.0, 2.0, 3.5)),
        replace(ITEM, item_id="p1#1"),
    ]
    assert len({stamp(ITEM), *map(stamp, changed)}) == 6
    assert stamp(ITEM) == unpacked(to_row(ITEM, np.ones(4, np.float32), COLUMNS)[STAMP])
    assert product_of(stamp(ITEM)) == 'p"1'
    assert unpacked(packed(stamp(ITEM)).encode()) == unpacked({"s": stamp(ITEM)}) == stamp(ITEM)


def test_a_column_of_stamps_is_read_as_it_came() -> None:
    """Products, stamps and hashes, an id with a quote in it among them; rows of former versions have no hash."""
    cells = [packed(stamp(ITEM), "hash").encode(), packed(stamp(ITEM)).encode()]
    assert read_cells(cells) == (('p"1', 'p"1'), (stamp(ITEM),) * 2, ("hash", ""))
    assert read_cells([]) == ((), (), ())


def test_a_row_written_again_takes_its_room_once() -> None:
    """Twenty times the same row drop nothing of the other."""
    words = Words(1200)
    words.keep({"other": ITEM})
    for _ in range(20):
        words.keep({"one": ITEM})
    assert words.known(["other", "one"]) == {"other": ITEM, "one": ITEM}


def test_words_come_back_as_they_were_and_the_oldest_go_first() -> None:
    """Room for two: the one that was not asked for lately is gone."""
    other, third = replace(ITEM, item_id="2"), replace(ITEM, item_id="3", price=None)
    words = Words(1200)
    words.keep({"one": ITEM, "two": other})
    assert words.known(["one"]) == {"one": ITEM}
    words.keep({"three": third})
    assert words.known(["one", "two", "three", "four"]) == {"one": ITEM, "three": third}


def test_without_room_nothing_is_kept() -> None:
    """THATLOOK_MILVUS_CACHE_BYTES=0 turns it off."""
    words = Words(0)
    words.keep({"one": ITEM})
    assert words.known(["one"]) == {}


def test_a_row_of_the_first_format_has_neither() -> None:
    """Its collection would refuse the columns."""
    assert not {"stamp", "terms"} & set(to_row(ITEM, np.zeros(4, np.float32)))


def test_terms_tell_facets_and_values_apart() -> None:
    """A value of another facet, or a name that runs into its value, is another number."""
    assert term("a", "bc") != term("ab", "c") != term("abc", "")
    assert terms_of({"color": ("navy", "navy"), "size": ()}) == [term("color", "navy")]


def test_conditions_on_terms_say_what_the_filter_says() -> None:
    """One value, several, none of them."""
    navy, red = term("color", "navy"), term("color", "red")
    one, two = frozenset({"navy"}), frozenset({"navy", "red"})
    assert terms_condition(FacetCondition("color", one), "terms") == f"array_contains(terms, {navy})"
    both = f"array_contains_any(terms, {sorted([navy, red])})"
    assert terms_condition(FacetCondition("color", two), "terms") == both
    assert terms_condition(FacetCondition("color", two, negated=True), "terms") == f"not {both}"
