"""What an indexed garment can be filtered by, from the product's words."""

from __future__ import annotations

from engine.domain import Product
from engine.evidence import WORDS_FACET
from engine.filters import CORE_FACETS, facet_value, facets_of
from engine.wish import shop_words

SEPARATORS = {"color": "/", "material": "/", "size": "/"}
MAX_VALUE = 100
"""A longer attribute is a text to read, not a value to filter by."""
MAX_WORDS = 16


def item_facets(product: Product) -> dict[str, tuple[str, ...]]:
    """Every facet with its values, casefolded; a category is found by each step of its path, and by the path.

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
    facets = facets_of(pairs, separators=SEPARATORS)
    if product.category and (steps := category_steps(product.category)):
        facets["category"] = tuple(dict.fromkeys((*steps, " > ".join(steps))))
    kept = (product.title, product.category or "", attributes.get("material", ""), attributes.get("pattern", ""))
    if words := sorted(shop_words(kept))[:MAX_WORDS]:
        facets[WORDS_FACET] = tuple(words)
    return facets


def category_steps(category: str) -> list[str]:
    """ "Clothing > Dresses" → its steps, as facet values."""
    return [value for part in category.split(">") if (value := facet_value(part))]
