"""Columns of a feed: Google Merchant's names, which are required, and which are there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from engine.products.fields import API_NAMES, KNOWN, WRAPPERS, spelled_alike
from engine.products.fields import field_name as column_name

__all__ = ["KNOWN", "REQUIRED", "column_name", "may_stand_in", "missing", "named", "repeated", "stand_ins"]

REQUIRED = ("id", "title", "link", "image_link")
_MANY = ("additional_image_link", "category", "product_type", "google_product_category")
"""May be there in several columns, whose values count together."""
_STAND_INS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("sku", "product_id", "item_id"),
        "title": ("name", "product_name"),
        "link": ("url", "product_url", "product_link", "permalink"),
        "image_link": ("image", "image_url", "images", "image_urls", "main_image", "img", "picture", "photo"),
    }
)
"""What shops' own tables call what is required, likeliest first."""


def named(fields: Mapping[str, object]) -> list[str]:
    """Google's names of a row's fields; those that an API calls otherwise or nests under `attributes` too."""
    inner = [value for name, value in fields.items() if WRAPPERS.get(name, name) == "attributes"]
    keys = [*fields, *(str(key) for value in inner if isinstance(value, Mapping) for key in value)]
    return [API_NAMES.get(key, column_name(key)) for key in keys]


def missing(columns: Collection[str]) -> list[str]:
    """Required columns that are not there."""
    return [name for name in REQUIRED if name not in columns]


def stand_ins(columns: Collection[str]) -> dict[str, str]:
    """Columns under names of a shop's own that stand for required ones of which the whole feed has none."""
    written = {spelled_alike(column): column for column in reversed(list(columns))}
    found = {name: [written[own] for own in _STAND_INS[name] if own in written] for name in missing(columns)}
    return {own[0]: name for name, own in found.items() if own}


def may_stand_in(column: str) -> bool:
    """Whether a column has such a name."""
    return any(spelled_alike(column.strip()) in own for own in _STAND_INS.values())


def repeated(columns: Iterable[str]) -> list[str]:
    """Known columns that are there twice, as with two dialects of one name; pictures and categories may be."""
    counts = Counter(name for name in columns if name in KNOWN and name not in _MANY)
    return [name for name, count in counts.items() if count > 1]
