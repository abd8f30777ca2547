"""Names of columns in their many dialects → Google Merchant's names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

REQUIRED = ("id", "title", "link", "image_link")
KNOWN = frozenset(
    {*REQUIRED, "description", "additional_image_link", "price", "sale_price", "availability", "brand", "color"}
    | {"gender", "age_group", "size", "material", "pattern", "product_type", "google_product_category"}
    | {"item_group_id", "attributes", "currency"}
)
ALIASES = {"colour": "color", "additional_image_links": "additional_image_link", "product_types": "product_type"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\s_\-]+")


def column_name(header: str) -> str:
    """Google's name for a header, or, for an unknown one, the header itself, trimmed.

    `g:image_link`, `Image Link`, `image-link` and `imageLink` are all `image_link`.
    """
    bare = header.strip().lstrip("\ufeff").strip().strip('"')
    plain = re.sub(r"^g:\s*", "", bare, flags=re.IGNORECASE)
    name = _BETWEEN.sub("_", _HUMP.sub("_", plain)).casefold()
    name = ALIASES.get(name, name)
    return name if name in KNOWN else plain


def missing(columns: Collection[str]) -> list[str]:
    """Required columns that are not there."""
    return [name for name in REQUIRED if name not in columns]


def repeated(columns: Iterable[str]) -> list[str]:
    """Known columns that are there twice, as with two dialects of one name; pictures may be."""
    counts = Counter(name for name in columns if name in KNOWN and name != "additional_image_link")
    return [name for name, count in counts.items() if count > 1]
