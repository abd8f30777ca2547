"""Columns of a feed: Google Merchant's names, which are required, and which are there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from engine.products.fields import KNOWN
from engine.products.fields import field_name as column_name

__all__ = ["KNOWN", "REQUIRED", "column_name", "missing", "repeated"]

REQUIRED = ("id", "title", "link", "image_link")
_MANY = ("additional_image_link", "category", "product_type", "google_product_category")
"""May be there in several columns, whose values count together."""


def missing(columns: Collection[str]) -> list[str]:
    """Required columns that are not there."""
    return [name for name in REQUIRED if name not in columns]


def repeated(columns: Iterable[str]) -> list[str]:
    """Known columns that are there twice, as with two dialects of one name; pictures and categories may be."""
    counts = Counter(name for name in columns if name in KNOWN and name not in _MANY)
    return [name for name, count in counts.items() if count > 1]
