"""Which garment a product is, by its shop's words: categories first, then the title."""

from __future__ import annotations

from collections import Counter

from engine.domain import Product
from engine.products.categories import is_googles, said_by_category
from engine.products.garments import NOTHING, Said, read_title
from engine.taxonomy import Taxonomy


def kind_of(product: Product, taxonomy: Taxonomy) -> Said:
    """What most of the shop's words say: its own categories, Google's, and the title; of as many, those named first.

    Nothing is said where none of them has a word that is known: then the picture alone can tell.
    """
    paths = paths_of(product)
    own = [path for path in paths if not is_googles(path)]
    google = [path for path in paths if is_googles(path)]
    said = [said_by_category(path, taxonomy) for path in (*own, *google)]
    title = read_title(_without_brand(product), taxonomy)
    votes = Counter(one for one in (*said, title) if one)
    return max(votes, key=votes.__getitem__) if votes else NOTHING  # Of equals, `max` takes the first.


def paths_of(product: Product) -> tuple[str, ...]:
    """All its categories."""
    return product.categories or ((product.category,) if product.category else ())


def _without_brand(product: Product) -> str:
    """The title without its brand, whose name may be a garment's ("Polo Ralph Lauren", "Pull & Bear")."""
    at = product.title.casefold().find(product.brand.casefold()) if product.brand and len(product.brand) > 2 else -1
    rest = product.title[:at] + " " + product.title[at + len(product.brand or "") :] if at >= 0 else ""
    return rest if rest.strip() else product.title
