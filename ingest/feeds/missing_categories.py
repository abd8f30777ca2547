"""The kind of a product that its own words do not tell, from other rows of its feed: of its group, of its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from engine.domain import Product
from engine.products.categories import said_by_category
from engine.products.garments import Said
from engine.products.kinds import kind_of, paths_of
from engine.taxonomy import Taxonomy

MOST_HELD = 10_000
"""Rows without words that wait for the end of the feed; where more come, the first ones go on as they are."""
MOST_KEYS = 1_000_000
"""Groups and pictures that are remembered; of a larger feed, the first ones."""

OnNotes = Callable[[Sequence[str]], None]


def with_missing_categories(products: Iterable[Product], taxonomy: Taxonomy, on_notes: OnNotes) -> Iterator[Product]:
    """The same products; those whose words name no kind come last, with a category where other rows tell it.

    Rows of one `item_group_id` are variants of one product. Rows whose main picture is the same mostly show the same
    product; where these rows do not agree (a look, sold piece by piece) nothing is taken from them.

    Args:
        on_notes: hears where a category came from.
    """
    seen, held = _KindsSeen(taxonomy), list[Product]()
    for product in products:
        if said := kind_of(product, taxonomy):
            seen.add(product, said)
            yield product
        elif len(held) < MOST_HELD:
            held.append(product)
        else:
            yield seen.completed(product, on_notes)
    for product in held:
        yield seen.completed(product, on_notes)


@dataclass(slots=True)
class _KindsSeen:
    """By group and by main picture: the category that rows gave, None where they do not agree."""

    taxonomy: Taxonomy
    by_key: dict[tuple[str, str], tuple[Said, str] | None] = field(default_factory=dict)

    def add(self, product: Product, said: Said) -> None:
        for key, _ in _keys(product):
            if key not in self.by_key:
                if len(self.by_key) < MOST_KEYS:
                    self.by_key[key] = said, self._category(product, said)
            elif (known := self.by_key[key]) is not None and known[0] != said:
                self.by_key[key] = None

    def completed(self, product: Product, on_notes: OnNotes) -> Product:
        for key, note in _keys(product):
            if (found := self.by_key.get(key)) is not None:
                on_notes([note])
                category = found[1]
                return replace(
                    product, category=product.category or category, categories=(*paths_of(product), category)
                )
        return product

    def _category(self, product: Product, said: Said) -> str:
        """The path that says it; the kind's own word where the title said it."""
        for path in paths_of(product):
            if said_by_category(path, self.taxonomy) == said:
                return path
        if said.garment is None:
            return said.other or ""
        return said.garment.name.replace("_", " ")


def _keys(product: Product) -> Iterator[tuple[tuple[str, str], str]]:
    if product.item_group_id:
        yield ("group", product.item_group_id), "category: taken from another row of the same group"
    if product.images:
        yield ("picture", product.images[0]), "category: taken from another row with the same picture"
