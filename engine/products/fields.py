"""Names of a product's fields in their many dialects → Google Merchant's names."""

from __future__ import annotations

import re
from functools import lru_cache

KNOWN = frozenset(
    {"id", "title", "link", "image_link", "description", "additional_image_link", "price", "sale_price", "currency"}
    | {"sale_price_effective_date", "availability", "brand", "color", "gender", "age_group", "size", "material"}
    | {"pattern", "category", "product_type", "google_product_category", "item_group_id", "attributes"}
)
ATTRIBUTE_FACETS = ("size", "material", "pattern", "age_group", "item_group_id")
"""Fields that are kept as facets of their own name."""
ALIASES = {
    "colour": "color",
    "additional_image_links": "additional_image_link",
    "categories": "category",
    "product_types": "product_type",
}
API_NAMES = {
    "offer_id": "id", "offerId": "id", "sizes": "size", "colors": "color", "price_currency": "currency",
    "priceCurrency": "currency", "currency_code": "currency", "currencyCode": "currency",
}  # fmt: skip
"""What APIs call fields, beside those names; they count where the field itself is not given."""
WRAPPERS = {"product_attributes": "attributes", "productAttributes": "attributes"}
"""What Google's Merchant API calls the object that holds the fields."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST = 60
"""Characters of a name that is worth remembering: a feed writes the same ones in every row."""
_BETWEEN = re.compile(r"[\s_\-]+")
_PREFIX = re.compile(r"^g:\s*", re.IGNORECASE)


@lru_cache(maxsize=1024)
def field_name(written: str) -> str:
    """Google's name for a field, or, for an unknown one, the name itself, trimmed.

    `g:image_link`, `Image Link`, `image-link` and `imageLink` are all `image_link`.
    """
    return _known_name(written) if len(written) <= _LONGEST else _name(written)


def _name(written: str) -> str:
    if written.isidentifier() and written.isascii() and written.islower():
        return ALIASES.get(written, written)
    plain = _PREFIX.sub("", written.strip().lstrip("\ufeff").strip().strip('"'))
    name = spelled_alike(plain)
    name = ALIASES.get(name, name)
    return name if name in KNOWN else plain


def spelled_alike(name: str) -> str:
    """The same for all spellings: `Image URL`, `image-url` and `imageUrl` are `image_url`."""
    return _BETWEEN.sub("_", _HUMP.sub("_", name)).casefold()


_known_name = lru_cache(maxsize=4096)(_name)
