"""One row of a feed → a `Product`, or the reason why not, by the rule book that the API keeps to as well."""

from __future__ import annotations

from collections.abc import Mapping

from engine.domain import Product
from engine.products.reading import product_id_of, read_product

__all__ = ["BadRow", "product_id_of", "to_product"]


class BadRow(ValueError):
    """A row that cannot become a product; the message is for the shop's staff."""


def to_product(fields: Mapping[str, object]) -> tuple[Product, tuple[str, ...]]:
    """A product from a row, and what was changed or left out of it.

    Raises:
        BadRow: something is missing or cannot be understood.
    """
    reading = read_product(fields, paths=True)
    if reading.product is None:
        raise BadRow(" ".join(reading.reasons))
    return reading.product, reading.notes
