"""What an indexed garment can be filtered by, from the product's words."""

from __future__ import annotations

from engine.domain import Product
from engine.filters import CORE_FACETS, facet_value
from engine.values import BRAND_FACET, CLOSED, WORDS_FACET, bare, closed_value, parts_of, paths_of
from engine.words.parsed_text import shop_words

MAX_VALUE = 100
"""A longer attribute is a text to read, not a value to filter by."""
MAX_WORDS = 32
MAX_PATHS = 100
"""Parts of a product's categories by which it is found."""


def item_facets(product: Product) -> dict[str, tuple[str, ...]]:
    """Every facet with its values: what the field says exactly, the parts of a list, every part of a category's path.

    The words of title, category, material and pattern are kept too, as evidence for searches by words.
    """
    attributes = {
        facet_value(name): value
        for name, value in product.attributes.items()
        if len(value) <= MAX_VALUE and facet_value(name) not in (*CORE_FACETS, "category", "price")
    }
    pairs = {
        **attributes,
        "brand": product.brand,
        "color": product.color,
        "gender": product.gender,
        "availability": product.availability.value,
        "item_group_id": product.item_group_id,
    }
    facets = {name: values for name, text in pairs.items() if text and (values := _values(name, text))}
    categories = product.categories or ((product.category,) if product.category else ())
    if paths := tuple(dict.fromkeys(path for category in categories for path in paths_of(category))):
        facets["category"] = paths[:MAX_PATHS]
    if product.brand and (name := bare(product.brand)):
        facets[BRAND_FACET] = (name,)
    told = (product.category or "", *(category.rpartition(">")[2] for category in categories[1:]))
    kept = (product.title, *told, attributes.get("material", ""), attributes.get("pattern", ""))
    if words := sorted(shop_words(kept))[:MAX_WORDS]:
        facets[WORDS_FACET] = tuple(words)
    return facets


def _values(name: str, text: str) -> tuple[str, ...]:
    """What the field says exactly, beside what it means where its values are a closed list."""
    exact = parts_of(name, text)
    meant = closed_value(name, text) if name in CLOSED else None
    return tuple(dict.fromkeys((meant, *exact))) if meant else exact
