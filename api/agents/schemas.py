"""What the tools take, as JSON Schemas, and the documents of UCP: the profile and our extension."""

from __future__ import annotations

from typing import Any

from api.agents.forms import LOOKUP, MOST_IDS, SEARCH, VERSION, VISUAL

Schema = dict[str, Any]
_SPEC = f"https://ucp.dev/{VERSION}"
_FILTERS: Schema = {
    "type": "object",
    "properties": {
        "categories": {"type": "array", "items": {"type": "string"}},
        "price": {
            "type": "object",
            "properties": {"min": {"type": "integer", "minimum": 0}, "max": {"type": "integer", "minimum": 0}},
            "description": "In the currency's smallest unit: 4999 is 49.99 EUR.",
        },
    },
    "additionalProperties": True,
    "description": "Also brand, color, gender, size, material, pattern, availability, attributes.NAME.",
}
_META: Schema = {"type": "object", "description": 'UCP metadata: {"ucp-agent": {"profile": "https://…"}}.'}
_CONTEXT: Schema = {"type": "object", "description": "Where and why a buyer asks; `currency` is read for prices."}
LIKE: Schema = {
    "type": "object",
    "description": "Look like a product of this catalogue, or like a photo; exactly one of the first four.",
    "properties": {
        "product_id": {"type": "string", "description": "The id of a product."},
        "image_base64": {"type": "string", "description": "A photo: JPEG, PNG, WebP, AVIF, HEIC …"},
        "image_url": {"type": "string", "description": "A photo's address, where the server fetches addresses."},
        "image_id": {"type": "string", "description": "A stored picture, as `/v1/images/…`."},
        "supercategory": {"type": "string", "description": "upper_wear, lower_wear, foot_wear, full_body, outerwear."},
        "index": {"type": "integer", "minimum": 0, "description": "The garment of this number in the photo alone."},
        "point": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2,
                  "description": "The garment at this pixel (x, y) of the upright photo."},
        "box": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4,
                "description": "The garment in this box (x0, y0, x1, y1)."},
        "not_query": {"type": "string", "description": "What it is not to be, in words."},
    },
}  # fmt: skip


def _tool(catalog: Schema) -> Schema:
    return {"type": "object", "properties": {"meta": _META, "catalog": catalog}, "required": ["catalog"]}


SEARCH_INPUT = _tool(
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": 'Words: "navy linen dress under 60 euro". Beside `like` they '
                      'change it: "the same in red".'},
            "like": LIKE,
            "filters": _FILTERS,
            "pagination": {
                "type": "object",
                "properties": {"cursor": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "default": 10}},
            },
            "context": _CONTEXT,
        },
    }
)  # fmt: skip
LOOKUP_INPUT = _tool(
    {
        "type": "object",
        "properties": {
            "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_IDS},
            "filters": _FILTERS,
            "context": _CONTEXT,
        },
        "required": ["ids"],
    }
)
PRODUCT_INPUT = _tool(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "selected": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "label": {"type": "string"}},
                    "required": ["name", "label"],
                },
            },
            "preferences": {"type": "array", "items": {"type": "string"}},
            "filters": _FILTERS,
            "context": _CONTEXT,
        },
        "required": ["id"],
    }
)


def extension_schema(base: str) -> Schema:
    """Our extension of UCP's search, for platforms that compose schemas."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base}/ucp/schemas/visual_similarity.json",
        "name": VISUAL,
        "title": "Visual similarity",
        "description": "Search by photo, by product or by one garment of a photo. Products say in `metadata` how alike "
        "they are (`score`, 0 to 1), why, and to which garment.",
        "type": "object",
        "$defs": {SEARCH: {"$defs": {"search_request": {"type": "object", "properties": {"like": LIKE}}}}},
    }


def profile(base: str) -> Schema:
    """The business profile of `/.well-known/ucp`."""

    def capability(part: str, schema: str) -> list[Schema]:
        spec = f"{_SPEC}/specification/shopping/catalog/{part}"
        return [{"version": VERSION, "spec": spec, "schema": f"{_SPEC}/schemas/shopping/{schema}.json"}]

    service = {
        "version": VERSION,
        "spec": f"{_SPEC}/specification/overview",
        "transport": "mcp",
        "schema": f"{_SPEC}/services/shopping/mcp.openrpc.json",
        "endpoint": f"{base}/mcp",
    }
    extension = {"version": VERSION, "schema": f"{base}/ucp/schemas/visual_similarity.json", "extends": SEARCH}
    capabilities = {
        SEARCH: capability("search", "catalog_search"),
        LOOKUP: capability("lookup", "catalog_lookup"),
        VISUAL: [extension],
    }
    ucp = {"version": VERSION, "services": {"dev.ucp.shopping": [service]}, "capabilities": capabilities}
    return {"ucp": ucp | {"payment_handlers": {}}}
