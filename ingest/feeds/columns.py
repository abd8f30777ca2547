"""Columns of a feed: Google Merchant's names, which are required, and which are there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from engine.products.fields import API_NAMES, KNOWN, WRAPPERS
from engine.products.fields import field_name as column_name

__all__ = ["KNOWN", "REQUIRED", "column_name", "missing", "named", "repeated"]

REQUIRED = ("id", "title", "link", "image_link")
_MANY = ("additional_image_link", "category", "product_type", "google_product_category")
"""May be there in several columns, whose values count together."""


def named(fields: Mapping[str, object]) -> list[str]:
    """Google's names of a row's fields; those that an API calls otherwise or nests under `attributes` too."""
    inner = [value for name, value in fields.items() if WRAPPERS.get(name, name) == "attributes"]
    keys = [*fields, *(str(key) for value in inner if isinstance(value, Mapping) for key in value)]
    return [API_NAMES.get(key, column_name(key)) for key in keys]


def missing(columns: Collection[str]) -> list[str]:
    """Required columns that are not there."""
    return [name for name in REQUIRED if name not in columns]


def repeated(columns: Iterable[str]) -> list[str]:
    """Known columns that are there twice, as with two dialects of one name; pictures and categories may be."""
    counts = Counter(name for name in columns if name in KNOWN and name not in _MANY)
    return [name for name, count in counts.items() if count > 1]
