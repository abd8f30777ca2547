"""The OpenAPI document as it is sent: what Litestar writes, put right where it says less or other than what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from api.problems import MEDIA_TYPE, codes_of

Node = dict[str, Any]
_REF = "#/components/schemas/"
_ALWAYS = (400, 401, 403, 405, 414, 421, 429, 500)
"""What any request may hear: a malformed address, no key, a wrong method, too long an address, a foreign host …"""
_BYTES = {"type": "string", "format": "binary"}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_WRITES = ("put", "post", "delete", "patch")


class JsonDocument(JsonRenderPlugin):
    """The document as JSON."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Node) -> bytes:
        """Render it."""
        return super().render(request, put_right(openapi_schema))


class YamlDocument(YamlRenderPlugin):
    """The document as YAML."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Node) -> bytes:
        """Render it."""
        return super().render(request, put_right(openapi_schema))


def put_right(document: Node) -> Node:
    """A copy of the document that matches what the server does, and that generators of clients can read."""
    document = deepcopy(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for method, operation in _operations(document):
        _put_responses_right(method, operation)
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        body = operation.get("requestBody", {})
        for content in body.get("content", {}).values():
            _hoist(content, "schema", schemas)
        _share_choices(operation, schemas)
    _everywhere(document, _fixed_length)
    _everywhere(document, _any_of)
    return document


def _operations(document: Node) -> Iterator[tuple[str, Node]]:
    for path in document["paths"].values():
        yield from ((method, path[method]) for method in _METHODS if method in path)


def _put_responses_right(method: str, operation: Node) -> None:
    responses = operation["responses"]
    also = (422,) * bool(operation.get("parameters"))
    for status in (*_ALWAYS, *also):
        problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}}
        if MEDIA_TYPE not in responses.get(str(status), {}).get("content", {}):
            responses[str(status)] = problem
    for status, response in responses.items():
        if MEDIA_TYPE in response.get("content", {}):
            codes = ", ".join(f"`{code}`" for code in codes_of(int(status)))
            response["description"] = HTTPStatus(int(status)).phrase + (f": {codes}" if codes else "")
        if "image/*" in response.get("content", {}):
            response["content"] = {key: {"schema": _BYTES} for key in ("image/*", "application/octet-stream")}
        if method == "head" or status in ("204", "304"):
            response.pop("content", None)
    responses["405"]["headers"] = {"Allow": _header("string", "The methods that this path takes.")}
    if "503" in responses:
        responses["503"]["headers"] = {"Retry-After": _header("integer", "Seconds until the next try.")}
    operation["responses"] = dict(sorted(responses.items()))


def _header(kind: str, description: str) -> Node:
    return {"schema": {"type": kind}, "description": description}


def _without_null(schema: Node) -> Node:
    """The schema of a parameter, which is left out instead of being null."""
    for key in ("oneOf", "anyOf"):
        if key in schema:
            choices = [choice for choice in schema[key] if choice != {"type": "null"}]
            rest = {name: value for name, value in schema.items() if name != key}
            return {**choices[0], **rest} if len(choices) == 1 else {**rest, key: choices}
    return schema


def _hoist(parent: Any, key: Any, schemas: Node) -> None:
    """Move objects that have a title to the components, so that each has one name and one place."""
    node = parent[key]
    for child in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        _hoist(node, child, schemas)
    if isinstance(node, dict) and node.get("type") == "object" and isinstance(node.get("title"), str):
        name = node["title"]
        if name in schemas and schemas[name] != node:
            name += "Request"
        schemas[name] = {**node, "title": name}
        parent[key] = {"$ref": _REF + name}


def _share_choices(operation: Node, schemas: Node) -> None:
    """Lists of values that a query parameter and a field of the form share get one name: generators write one type."""
    bodies = operation.get("requestBody", {}).get("content", {}).values()
    objects = [schemas.get(str(body["schema"].get("$ref", "")).removeprefix(_REF), body["schema"]) for body in bodies]
    for parameter in operation.get("parameters", ()):
        schema, name = parameter["schema"], str(parameter["name"])
        fields = [each["properties"][name] for each in objects if name in each.get("properties", {})]
        if "enum" in schema and fields:
            shared = name.title().replace("_", "")
            schemas.setdefault(shared, {"title": shared, "type": "string", "enum": schema["enum"]})
            for each in (schema, *fields):
                _refer(each, shared)


def _refer(schema: Node, name: str) -> None:
    """Let a list of values be the one of this name, with its own default and description beside it."""
    if "enum" in schema:
        beside = {key: schema[key] for key in ("description",) if key in schema}
        schema.clear()
        schema |= {"$ref": _REF + name, **beside}


def _everywhere(node: Any, mend: Callable[[Node], None]) -> None:
    if isinstance(node, dict):
        mend(node)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _everywhere(child, mend)


def _fixed_length(node: Node) -> None:
    """A list of so many values of one kind, said so that every reader understands it."""
    parts = node.get("prefixItems")
    if isinstance(parts, list) and parts and all(part == parts[0] for part in parts):
        del node["prefixItems"]
        node |= {"type": "array", "items": parts[0], "minItems": len(parts), "maxItems": len(parts)}


def _any_of(node: Node) -> None:
    """What may be null, or of several types: `anyOf`; whole numbers as bounds of whole numbers."""
    if isinstance(node.get("oneOf"), list) and {"type": "null"} in node["oneOf"]:
        node["anyOf"] = node.pop("oneOf")
    if node.get("type") == "integer":
        node |= {key: int(node[key]) for key in ("minimum", "maximum") if key in node}
