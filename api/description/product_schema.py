"""What `PUT /v1/products` takes, as JSON Schema: the rule book of `engine.products`, its limits included."""

from __future__ import annotations

from typing import Any

from engine.domain import Availability
from engine.products.limits import (
    MAX_ATTRIBUTES,
    MAX_CATEGORIES,
    MAX_ID,
    MAX_IMAGES,
    MAX_LINK,
    MAX_NAME,
    MAX_TEXT,
    MAX_TITLE,
    MAX_VALUE,
)

Schema = dict[str, Any]
_ABOUT = (
    "A product with Google Merchant's field names, under the rules of feeds. A name may be written `image_link`, "
    "`imageLink` or `Image Link`, and `colour` is `color`. The JSON of Google's Content and Merchant APIs is read too, "
    "with `offerId` and fields nested in `productAttributes`. Any further field becomes an attribute of its own name. "
    "In texts HTML's entities are decoded once, and elements are left out; Unicode is composed (NFC)."
)


def product_schema() -> Schema:
    """One product as a caller may write it."""
    properties = {
        "id": _text("Unique in the catalogue, without control characters.", MAX_ID, least=1),
        "title": _text("What it is called.", MAX_TITLE, least=1),
        "link": _address("Where it can be bought.", "^https?://[^/]"),
        "image_link": _address("Its main picture: an http(s) or s3 address.", "^(https?:|s3:)?//"),
        "additional_image_link": _pictures(),
        "description": _text(f"Cut at {MAX_TEXT:,} characters."),
        "price": _price('The list price, above 0, as "49.90 EUR" or one of its relatives.'),
        "sale_price": _price("What is asked instead; 0, or not below the price, is no sale."),
        "sale_price_effective_date": _period(),
        "currency": _text("ISO 4217's code, where the prices do not name it.", MAX_VALUE),
        "availability": _availability(),
        "category": _paths("The shop's own category, as `product_type`."),
        "product_type": _paths("The shop's own categories, as `Women > Dresses`."),
        "google_product_category": _paths("Google's category: its id (2271) or its path."),
        **{name: _words(about) for name, about in _WORDS.items()},
        "item_group_id": _text("The same for all variants of one product.", MAX_ID),
        "attributes": _attributes(),
    }
    return {
        "type": "object",
        "title": "Product",
        "description": _ABOUT,
        "required": ["id", "title", "link", "image_link"],
        "properties": properties,
        "additionalProperties": {"description": f"An attribute, cut at {MAX_VALUE} characters."},
    }


def change_schema(*, with_id: bool) -> Schema:
    """Fields of a product as a caller may change them: all but its pictures; null takes one away."""
    kept = ("id", "image_link", "additional_image_link")
    rows = {name: row for name, row in product_schema()["properties"].items() if name not in kept}
    null = {"type": "null"}
    properties = {
        name: row if name in ("title", "link") else {"anyOf": [row, null], "description": row["description"]}
        for name, row in rows.items()
    }
    if with_id:
        properties = {"id": {"type": "string", "minLength": 1, "maxLength": MAX_ID}, **properties}
    return {
        "type": "object",
        "title": "ProductChangeRow" if with_id else "ProductChange",
        "description": "What is to be another value, under the rules of feeds; pictures are written with PUT.",
        "properties": properties,
        "required": ["id"] if with_id else [],
        "additionalProperties": {"description": "An attribute."},
    }


_WORDS = {
    "brand": "Whose product it is.",
    "color": "`Navy/White` is two colours.",
    "gender": "`male`, `female` or `unisex`.",
    "size": "As the shop writes it.",
    "material": "`Cotton/Elastane` is two materials.",
    "pattern": "Such as `striped`.",
    "age_group": "`newborn`, `infant`, `toddler`, `kids` or `adult`.",
}


def _text(about: str, most: int | None = None, *, least: int | None = None) -> Schema:
    limits = {"minLength": least, "maxLength": most}
    kinds = ["string", "integer"] if least else ["string", "integer", "null"]
    return {"type": kinds, "description": about} | {name: value for name, value in limits.items() if value}


def _address(about: str, pattern: str) -> Schema:
    return {"type": "string", "description": about, "pattern": pattern, "maxLength": MAX_LINK}


def _words(about: str) -> Schema:
    one = {"type": ["string", "number", "null"]}
    listed = {"type": "array", "items": {"type": "string"}}
    return {"anyOf": [one, listed], "description": f"{about} Cut at {MAX_VALUE} characters."}


def _paths(about: str) -> Schema:
    one = {"type": ["string", "integer", "null"]}
    listed = {"type": "array", "items": {"type": ["string", "integer"]}}
    return {"anyOf": [one, listed], "description": f"{about} The first {MAX_CATEGORIES} categories are kept."}


def _pictures() -> Schema:
    listed = {"type": "array", "items": {"type": "string"}}
    about = f"Further pictures: a list, or a text with commas between them. All in all the first {MAX_IMAGES} are kept."
    return {"anyOf": [listed, {"type": ["string", "null"]}], "description": about}


def _price(about: str) -> Schema:
    micros = {
        "type": "object",
        "properties": {"amountMicros": {"type": ["string", "integer"]}, "currencyCode": {"type": "string"}},
        "required": ["amountMicros"],
    }
    value = {
        "type": "object",
        "properties": {"value": {"type": ["string", "number"]}, "currency": {"type": "string"}},
        "required": ["value"],
    }
    examples = ["49.90 EUR", 49.9, {"amountMicros": "49900000", "currencyCode": "EUR"}]
    kinds = [{"type": "number", "minimum": 0}, {"type": ["string", "null"]}, micros, value]
    return {"anyOf": kinds, "description": about, "examples": examples}


def _period() -> Schema:
    ends = {"type": "object", "properties": {"startTime": {"type": "string"}, "endTime": {"type": "string"}}}
    about = "When the sale price holds; either end may be left open. Where it cannot be read there is no sale."
    example = "2026-11-01T00:00+0100/2026-11-30T23:59+0100"
    return {"anyOf": [{"type": ["string", "null"]}, ends], "description": about, "examples": [example]}


def _availability() -> Schema:
    known = ", ".join(f"`{each.value}`" for each in Availability)
    about = (
        f"{known}, or what shops and schema.org call them: `instock`, `https://schema.org/OutOfStock`, `true`, "
        "`ausverkauft`, a number of pieces. Others are refused."
    )
    default = Availability.IN_STOCK.value
    return {"type": ["string", "boolean", "integer", "null"], "description": about, "default": default}


def _attributes() -> Schema:
    about = (
        f"Further attributes, filtered as `attributes.NAME`; with those beside it the first {MAX_ATTRIBUTES} are kept, "
        f"names cut at {MAX_NAME} characters, values at {MAX_VALUE}."
    )
    return {"type": ["object", "null"], "additionalProperties": True, "description": about}
