"""JSON Schemas of what searches take: as strict as the handlers, which check by themselves and say more."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from api.requests.filters import MAX_FILTER_TEXT
from api.requests.queries import ImageSearch
from engine.filters import CORE_FACETS, MAX_VALUES
from engine.products.fields import ATTRIBUTE_FACETS
from engine.service import MAX_TEXT, MAX_TEXTS

Schema = dict[str, Any]
_WORD: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": r"\S"}
_WORDS: Schema = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "maxItems": MAX_TEXTS}]}
_VALUE: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": MAX_FILTER_TEXT, "pattern": r"\S"},
        {"type": "number"},
    ]
}
_VALUES: Schema = {
    "anyOf": [*_VALUE["anyOf"], {"type": "array", "items": _VALUE, "minItems": 1, "maxItems": MAX_VALUES}]
}
_BOUND: Schema = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}
_FACETS: dict[str, Schema] = {
    **dict.fromkeys((*CORE_FACETS, *ATTRIBUTE_FACETS), _VALUES),
    "attributes": {
        "title": "AttributeFilters",
        "type": "object",
        "additionalProperties": _VALUES,
        "description": "Any attribute of the shop's own, by its name.",
    },
}
FILTERS: Schema = {
    "title": "Filters",
    "type": "object",
    "description": "All conditions must hold; several values of one facet mean any of them. At most 1,000 values and "
    "names. `availability`, `gender` and `age_group` take the words of feeds and no others.",
    "properties": {
        **_FACETS,
        "price": {
            "title": "PriceFilter",
            "type": "object",
            "properties": {"min": _BOUND, "max": _BOUND},
            "additionalProperties": False,
            "description": "Bounds that are within; one of them may be left out.",
        },
        "not": {
            "title": "ExcludingFilters",
            "type": "object",
            "properties": _FACETS,
            "additionalProperties": False,
            "description": "Facets that a product must not have.",
        },
    },
    "additionalProperties": False,
}
_SEARCH: dict[str, Schema] = {
    "filters": FILTERS,
    "text": _WORDS | {"description": "Wanted words."},
    "not_text": _WORDS | {"description": "Unwanted words."},
}
_BESIDE = ("image_base64", "images")
"""Fields that are too long for an address."""


def inline_schema(kind: Any) -> Schema:
    """A type's JSON Schema with its references written out."""
    document = msgspec.json.schema(kind)
    definitions = document.pop("$defs", {})

    def written_out(node: Any) -> Any:
        if isinstance(node, list):
            return [written_out(child) for child in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return written_out(definitions[node["$ref"].rsplit("/", 1)[-1]])
        row = {key: written_out(value) for key, value in node.items()}
        return row | {"description": cleandoc(row["description"])} if isinstance(row.get("description"), str) else row

    schema: Schema = written_out(document)
    return schema


def search_schema(kind: Any) -> Schema:
    """What a search takes as a JSON body."""
    schema = inline_schema(kind)
    schema["properties"] |= {name: row for name, row in _SEARCH.items() if name in schema["properties"]}
    return schema


def form_schema(kind: type[ImageSearch]) -> Schema:
    """What a search by photo takes as a form: the file and its fields, objects as JSON."""
    fields = {name: without_null(row) for name, row in search_schema(kind)["properties"].items() if name != "images"}
    file = {"type": "string", "format": "binary", "description": "The photo; repeated, photos of one look."}
    return {
        "title": f"{kind.__name__}Form",
        "type": "object",
        "properties": {"image": file, **fields},
        "additionalProperties": False,
    }


def query_schemas(kind: Any) -> dict[str, Schema]:
    """What a search takes as query parameters: objects as JSON texts, the box as a text with commas."""
    rows = search_schema(kind)["properties"].items()
    # Without defaults: generated clients send these, and they would contradict the body.
    fields = {name: without_null({**row, "default": None}) for name, row in rows if name not in _BESIDE}
    for name in fields.keys() & {"filters", "weights", "garments"}:
        fields[name] = {"type": "string", "description": f"`{name}` as JSON."}
    for name, written in {"box": "`x0,y0,x1,y1`.", "point": "`x,y`."}.items():
        if name in fields:
            fields[name] = {"type": "string", "description": written}
    for name in fields.keys() & {"text", "not_text", "supercategory", "facets"}:
        fields[name] = {"type": "array", "items": _WORD, "maxItems": MAX_TEXTS, "description": "May be repeated."}
    return fields


def without_null(schema: Schema) -> Schema:
    """A schema without null and without a default that is empty: the field is left out instead."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and not value)}
    if not choices:
        return rest
    return {**choices[0], **rest} if len(choices) == 1 else {**rest, "anyOf": choices}
