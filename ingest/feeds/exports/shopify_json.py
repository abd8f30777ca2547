"""Shopify's products as JSON, of a shop's `/products.json` or its API → the rows that the export as a table has.

Source: https://shopify.dev/docs/api/admin-rest/latest/resources/product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from ingest.feeds.exports.shop_export import Record, shop_url
from ingest.feeds.exports.shopify import variants_of
from ingest.feeds.rows import Feed, Row

_OF_PRODUCT = {
    "handle": "handle", "title": "title", "body_html": "description", "vendor": "brand", "product_type": "product_type",
    "status": "status", "link": "link",
}  # fmt: skip
_OF_VARIANT = {
    "sku": "sku", "barcode": "barcode", "price": "price", "compare_at_price": "compare-at price",
    "inventory_management": "inventory tracker", "inventory_quantity": "inventory quantity",
    "inventory_policy": "continue selling when out of stock", "option1": "option1 value", "option2": "option2 value",
    "option3": "option3 value",
}  # fmt: skip
_SOLD_OUT = {"inventory tracker": "shopify", "inventory quantity": "0", "continue selling when out of stock": "deny"}


class ShopifyProducts:
    """The products of one feed; of variants with one SKU, the first keeps it as its id."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._taken: set[str] = set()

    def rows(self, line: int, product: Mapping[str, Any]) -> Iterator[Row] | None:
        """A row for each variant; None for what is no product of Shopify's.

        Raises:
            FeedUnreadable: the shop's address was not said.
        """
        variants = _objects(product.get("variants"))
        if not variants or not {"handle", "body_html"} <= product.keys() or "image_link" in product:
            return None
        base = "" if product.get("link") else shop_url(self._feed, "Shopify")
        return variants_of(list(_records(line, product, variants)), base, self._taken)


def _records(line: int, product: Mapping[str, Any], variants: list[Mapping[str, Any]]) -> Iterator[Record]:
    """The rows of the table: a variant and a picture in each, as long as there are any."""
    images = _objects(product.get("images"))
    by_id = {image.get("id"): _text(image.get("src")) for image in images}
    common = _common(product)
    nothing: Mapping[str, Any] = {}
    for variant, image in zip_longest(variants, images, fillvalue=nothing):
        cells = common | {"image": _text(image.get("src")), "image position": _text(image.get("position"))}
        yield Record(line, cells | _variant(variant, by_id))


def _common(product: Mapping[str, Any]) -> dict[str, str]:
    cells = {key: _text(product.get(name)) for name, key in _OF_PRODUCT.items()}
    options = enumerate(_objects(product.get("options")), 1)
    cells |= {f"option{number} name": _text(option.get("name")) for number, option in options}
    tags = product.get("tags")
    cells["tags"] = ", ".join(map(_text, tags)) if isinstance(tags, list) else _text(tags)
    if "published_at" in product and product["published_at"] is None:
        cells["published"] = "false"
    return cells


def _variant(variant: Mapping[str, Any], images: Mapping[Any, str]) -> dict[str, str]:
    cells = {key: _text(variant.get(name)) for name, key in _OF_VARIANT.items()}
    own = variant.get("featured_image")
    cells["variant image"] = (
        _text(own.get("src")) if isinstance(own, Mapping) else images.get(variant.get("image_id"), "")
    )
    return cells | (_SOLD_OUT if variant.get("available") is False else {})


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, (list, dict)) else str(value).strip()
