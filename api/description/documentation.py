"""The OpenAPI description: bodies that a handler reads by itself, examples, problems."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, ClassVar

from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    Example,
    License,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    RequestBody,
    SecurityScheme,
    Tag,
)
from litestar.types import Method

from api.description.openapi import JsonDocument, YamlDocument
from api.description.product_schema import change_schema, product_schema
from api.description.schemas import form_schema, query_schemas, search_schema
from api.feedback.ubi import events_schema
from api.http.batches import MAX_SEARCHES
from api.problems import MEDIA_TYPE, Problem
from api.requests.queries import HybridSearch, ImageSearch, LookSearch, SimilarSearch, TextSearch

_FILTERS = {"brand": ["acme"], "price": {"min": 10, "max": 50}, "not": {"color": ["red"]}}
_ANSWER = json.loads(files("api").joinpath("example_answer.json").read_text("utf-8"))
"""An answer that the demo gave, cut down to one garment and one hit; its times are a quiet machine's."""
_BYTES = {"type": "string", "format": "binary"}
_PRODUCT = {
    "id": "dress-17",
    "title": "Linen midi dress",
    "link": "https://shop.example/dress-17",
    "image_link": "https://shop.example/dress-17.jpg",
    "price": "49.90 EUR",
    "availability": "in_stock",
    "brand": "Acme",
    "color": "navy",
    "product_type": "Women > Dresses",
    "google_product_category": 2271,
    "attributes": {"sleeve": "short"},
}


def configuration(version: str) -> OpenAPIConfig:
    """OpenAPI under /schema, as JSON and YAML; nothing is loaded from other hosts."""
    return OpenAPIConfig(
        title="thatlook",
        version=version,
        summary="Upload a photo of a look; get the products that make it.",
        description="Every error is an RFC 9457 problem with a stable `code`. Deadlines: `X-Deadline-Ms`. Every path "
        "answers `OPTIONS` with the methods it takes, as `Allow`; so does every 405. Unknown parameters and fields are "
        "refused by name.",
        license=License(name="AGPL-3.0-or-later", identifier="AGPL-3.0-or-later"),
        tags=[
            Tag("search", "Photo, words or product in, products out."),
            Tag("products", "The catalogue: write, read, delete."),
            Tag("ingest", "How indexing goes, and what was refused."),
            Tag("images", "Stored pictures."),
            Tag("export", "The catalogue as files: a feed, or Parquet."),
            Tag("events", "What people do with answers, where it is switched on: clicks, queries without a match."),
            Tag("operation", "Health, readiness, metrics."),
        ],
        security=[{"key": []}, {}],
        components=Components(
            security_schemes={
                "key": SecurityScheme(
                    "http",
                    scheme="bearer",
                    description="A key of `thatlook keys create`, where one is asked for.",
                )
            }
        ),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        path="/schema",
        render_plugins=[
            JsonDocument(path=["/", "/openapi.json"], media_type=MediaType.JSON),
            YamlDocument(path="/openapi.yaml"),
        ],
    )


UNCHANGED = ResponseSpec(None, generate_examples=False, description="The caller has it already")


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem answers of an endpoint."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE
        )
        for status in (400, *statuses)
    }


def _operation_id(handler: HTTPRouteHandler, method: Method, _: Any) -> str:
    """A stable name for generated clients, such as `search_by_image`."""
    subject = (handler.resolve_tags() or ["other"])[0]
    suffix = "_head" if method == "HEAD" else ""
    return f"{subject}_{handler.handler_name}{suffix}"


def content_of(schema: dict[str, Any], example: Any = None) -> OpenAPIMediaType:
    """A body of this schema."""
    examples = None if example is None else {"example": Example(value=example)}
    return OpenAPIMediaType(schema=schema, examples=examples)  # type: ignore[arg-type]


def _query_parameters(kind: Any) -> list[Parameter]:
    """The fields of a search as query parameters; beside a body they join its fields."""
    return [Parameter(name, "query", schema=schema) for name, schema in query_schemas(kind).items()]  # type: ignore[arg-type]


def _photo_body(kind: type[ImageSearch], example: dict[str, Any]) -> RequestBody:
    """The three ways in which a photo can come."""
    return RequestBody(
        required=True,
        description="Multipart with the file `image`; or JSON; or the photo itself, its fields as query parameters.",
        content={
            "multipart/form-data": content_of(form_schema(kind)),
            "application/json": content_of(search_schema(kind), example),
            "application/octet-stream": content_of(_BYTES),
            "image/*": content_of(_BYTES),
        },
    )


@dataclass
class _AnsweringOperation(Operation):
    """Adds an example to a search's answer."""

    answer: ClassVar[Any] = _ANSWER

    def __post_init__(self) -> None:
        success = (self.responses or {}).get("200")
        if isinstance(success, OpenAPIResponse) and success.content:
            for content in success.content.values():
                content.examples = {"example": Example(value=self.answer)}


@dataclass
class ImageOperation(_AnsweringOperation):
    """Search by photo."""

    def __post_init__(self) -> None:
        super().__post_init__()
        example = {"image_id": "/v1/images/products/dress-17/0.jpg", "k": 5, "filters": _FILTERS}
        self.request_body = _photo_body(ImageSearch, example)
        self.parameters = [*(self.parameters or []), *_query_parameters(ImageSearch)]


@dataclass
class HybridOperation(_AnsweringOperation):
    """Search by photo and words."""

    def __post_init__(self) -> None:
        super().__post_init__()
        example = {
            "image_id": "/v1/images/products/dress-17/0.jpg",
            "text": ["in red"],
            "not_text": ["long sleeves"],
            "weights": {"visual": 1, "semantic": 1, "text": 2, "color": 1.5},
        }
        self.request_body = _photo_body(HybridSearch, example)
        self.parameters = [*(self.parameters or []), *_query_parameters(HybridSearch)]


@dataclass
class TextOperation(_AnsweringOperation):
    """Search by words."""

    def __post_init__(self) -> None:
        super().__post_init__()
        example = {"text": "navy linen dress", "k": 5, "filters": _FILTERS}
        content = {"application/json": content_of(search_schema(TextSearch), example)}
        self.request_body = RequestBody(required=True, content=content)
        self.parameters = [*(self.parameters or []), *_query_parameters(TextSearch)]


@dataclass
class BatchOperation(Operation):
    """Several searches."""

    def __post_init__(self) -> None:
        kinds = {"image": ImageSearch, "hybrid": HybridSearch, "text": TextSearch, "similar": SimilarSearch}
        searches = [_batched(kind, search) for kind, search in kinds.items()]
        schema = {
            "title": "BatchRequest",
            "type": "object",
            "properties": {
                "searches": {"type": "array", "items": {"anyOf": searches}, "minItems": 1, "maxItems": MAX_SEARCHES}
            },
            "required": ["searches"],
            "additionalProperties": False,
        }
        example = {"searches": [{"kind": "text", "text": "navy dress"}, {"kind": "similar", "product_id": "dress-17"}]}
        self.request_body = RequestBody(required=True, content={"application/json": content_of(schema, example)})


def _batched(kind: str, search: Any) -> dict[str, Any]:
    """One search of a batch: the fields of that search, and which it is."""
    schema = search_schema(search)
    named = {"product_id": {"type": "string", "minLength": 1}} if kind == "similar" else {}
    schema["properties"] = {"kind": {"type": "string", "enum": [kind]}, **named, **schema["properties"]}
    return {**schema, "title": f"Batched{search.__name__}", "required": ["kind", *named]}


@dataclass
class SimilarOperation(_AnsweringOperation):
    """Search by a stored product."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parameters = [*(self.parameters or []), *_query_parameters(SimilarSearch)]


@dataclass
class LookOperation(_AnsweringOperation):
    """Search by what is worn with a stored product."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parameters = [*(self.parameters or []), *_query_parameters(LookSearch)]


@dataclass
class ChangeOperation(Operation):
    """Change a product."""

    def __post_init__(self) -> None:
        example = {"price": "39.90 EUR", "availability": "out_of_stock"}
        content = {"application/json": content_of(change_schema(with_id=False), example)}
        self.request_body = RequestBody(required=True, content=content)


_LINES = {"type": "string", "description": "A JSON object in each line, as in the list."}


@dataclass
class ChangesOperation(Operation):
    """Change many products."""

    def __post_init__(self) -> None:
        row = {"id": "dress-17", "price": "39.90 EUR", "availability": "out_of_stock"}
        listed = {"type": "array", "items": change_schema(with_id=True), "minItems": 1, "maxItems": 10_000}
        content = {"application/json": content_of(listed, [row]), "application/x-ndjson": content_of(_LINES)}
        self.request_body = RequestBody(required=True, content=content)


@dataclass
class ExportOperation(Operation):
    """A file that is streamed."""

    def __post_init__(self) -> None:
        success = (self.responses or {}).get("200")
        if isinstance(success, OpenAPIResponse):
            kinds = ("octet-stream", "jsonl", "xml", "vnd.apache.parquet")
            names = (*(f"application/{kind}" for kind in kinds), "text/csv")  # Generated clients take the first.
            success.content = {name: content_of(_BYTES) for name in names}
            success.description = "The file: JSON lines, CSV, XML or Parquet, as its Content-Type says."


@dataclass
class EventsOperation(Operation):
    """What people did with answers."""

    def __post_init__(self) -> None:
        event = {
            "action_name": "click",
            "query_id": "00112233-4455-6677-8899-aabbccddeeff",
            "timestamp": "2026-11-30T12:00:00Z",
            "event_attributes": {"object": {"object_id": "dress-17"}, "position": {"ordinal": {"index": 3}}},
        }
        schema = events_schema()
        content = {name: content_of(schema, event) for name in ("application/json", "text/plain")}
        self.request_body = RequestBody(required=True, content=content)


@dataclass
class IdsOperation(Operation):
    """Products by their ids."""

    def __post_init__(self) -> None:
        ids = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 1000}
        schema = {
            "title": "Ids",
            "type": "object",
            "properties": {"ids": ids},
            "required": ["ids"],
            "additionalProperties": False,
        }
        self.request_body = RequestBody(
            required=True, content={"application/json": content_of(schema, {"ids": ["dress-17", "coat-3"]})}
        )


@dataclass
class PutProductsOperation(Operation):
    """Write products."""

    def __post_init__(self) -> None:
        one = product_schema()
        listed = {**one, "title": "ListedProduct"}  # Generators want another name in the list.
        schema = {"oneOf": [one, {"type": "array", "items": listed, "minItems": 1, "maxItems": 1000}]}
        content = {"application/json": content_of(schema, _PRODUCT), "application/x-ndjson": content_of(_LINES)}
        self.request_body = RequestBody(required=True, content=content)
