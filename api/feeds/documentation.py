"""The OpenAPI description of sending a feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.openapi.spec import Operation, Parameter, RequestBody

from api.description.documentation import content_of
from api.description.schemas import Schema, inline_schema, without_null
from api.feeds.requests import FeedByAddress, FeedFields

_BYTES = {"type": "string", "format": "binary"}
_EXAMPLE = {"feed_url": "https://shop.example/feeds/products.xml", "name": "products", "prune": True}


def _field_schemas() -> dict[str, Schema]:
    return {
        name: without_null({**row, "default": None}) for name, row in inline_schema(FeedFields)["properties"].items()
    }


@dataclass
class PostFeedOperation(Operation):
    """Take a feed."""

    def __post_init__(self) -> None:
        form: dict[str, Any] = {
            "title": "FeedForm",
            "type": "object",
            "properties": {"feed": {**_BYTES, "description": "The feed, or a zip of it and its pictures."},
                           **_field_schemas()},
            "required": ["feed"],
            "additionalProperties": False,
        }  # fmt: skip
        self.request_body = RequestBody(
            required=True,
            description="Multipart with the file `feed`; or JSON with `feed_url`; or the feed itself as the body (CSV, "
            "TSV, XML, JSON lines, gzip, zip), its fields as query parameters.",
            content={
                "multipart/form-data": content_of(form),
                "application/json": content_of(inline_schema(FeedByAddress), _EXAMPLE),
                "application/octet-stream": content_of(_BYTES),
            },
        )
        self.parameters = [
            *(self.parameters or []),
            *(Parameter(name, "query", schema=schema) for name, schema in _field_schemas().items()),  # type: ignore[arg-type]
        ]
