"""The OpenAPI document tells what the server does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.description.schemas import FILTERS
from engine.forms.answers import AnswerForm
from tests.fixtures.shop import PNG

Client = TestClient[Litestar]
Node = dict[str, Any]


@pytest.fixture
def document(client: Client) -> Node:
    found: Node = client.get("/schema").json()
    return found


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, row in document["paths"].items():
        for method, operation in row.items():
            yield method, path, operation


def test_every_path_names_its_methods(client: Client, document: Node) -> None:
    """`Allow`, of `OPTIONS` and of a method that is not there, is what the document lists; 405 is a problem."""
    for path, row in document["paths"].items():
        there = {method.upper() for method in row} | {"OPTIONS"}
        address = path.replace("{run_id}", "7").replace("{product_id}", "x").replace("{key}", "x")
        for method, status in (("OPTIONS", 204), ("BREW", 405), ("TRACE", 405)):
            answer = client.request(method, address)
            assert answer.status_code == status
            assert set(answer.headers["allow"].split(", ")) == there
            assert bool(answer.content) == (status == 405)


def test_bodies(document: Node) -> None:
    """204 and 304 have none, nor has any answer to HEAD; whatever fails is a problem that names its codes."""
    for method, path, operation in _operations(document):
        for status, response in operation["responses"].items():
            empty = method == "head" or status in ("204", "304")
            assert ("content" in response) != empty
            if status >= "400" and not empty and path != "/readyz":
                assert list(response["content"]) == ["application/problem+json"]
                assert "`" in response["description"]
        assert "Allow" in operation["responses"]["405"]["headers"]
        assert {"401", "403", "429"} <= set(operation["responses"])


def test_boxes_have_four_numbers(document: Node) -> None:
    """Said in the way that every reader of schemas understands, wherever a box stands."""
    four = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    schemas = document["components"]["schemas"]
    for name in ("ImageSearch", "HybridSearch", "GarmentHitsForm"):
        assert four in schemas[name]["properties"]["box"]["anyOf"]
    assert schemas["ImageSearchForm"]["properties"]["box"] == four
    text = json.dumps(document)
    assert '"items": false' not in text
    assert "prefixItems" not in text


def test_parameters_are_never_null_and_have_whole_bounds(client: Client, document: Node) -> None:
    """A parameter is left out instead; each that is documented is taken."""
    for _, _, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []) + parameter["schema"].get("oneOf", [])
            assert not any(isinstance(value, float) for value in parameter["schema"].values())
    names = {row["name"] for row in document["paths"]["/v1/search/image"]["post"]["parameters"]}
    assert names >= {"k", "filters", "supercategory", "box", "whole_image", "image_id", "X-Deadline-Ms"}


def test_a_form_as_a_generated_client_sends_it(client: Client) -> None:
    """A list's name may stand before each of its values, or once before the list as JSON."""
    files = {"image": ("a.png", PNG)}
    for box in (["1", "2", "30", "40"], "[1, 2, 30, 40]", "1,2,30,40"):
        data = {"supercategory": "full_body", "box": box, "filters": '{"price": {"max": 50}}'}
        assert client.post("/v1/search/image", files=files, data=data).status_code == 200
    assert client.post("/v1/search/image", files=files, data={"box": ["1", "2"]}).status_code == 422


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({"brand": ["acme"], "price": {"min": 1}, "not": {"color": "red"}, "attributes": {"sole": [1, "x"]}}, True),
        ({"sleeve": "long"}, False),
        ({"price": {"min": -1}}, False),
        ({"price": {"below": 1}}, False),
        ({"brand": []}, False),
        ({"brand": " "}, False),
        ({"brand": True}, False),
        ({"not": {"price": {"min": 1}}}, False),
        ({"attributes": {"sole": None}}, False),
    ],
)
def test_the_schema_of_filters_says_what_the_server_says(client: Client, filters: Node, holds: bool) -> None:
    """What it allows is taken, what it does not is refused."""
    assert jsonschema.Draft202012Validator(FILTERS).is_valid(filters) == holds
    answer = client.post("/v1/search/text", json={"text": "x", "filters": filters})
    assert answer.status_code == (200 if holds else 422)


def test_references_lead_somewhere(document: Node) -> None:
    """Each named schema is there once, and none is missing."""
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= document["components"]["schemas"].keys()


def test_the_example_of_an_answer_is_an_answer(document: Node) -> None:
    """It has every field that an answer has, in order, and none besides; every search shows it."""
    example = json.loads(files("api").joinpath("example_answer.json").read_text("utf-8"))
    assert json.dumps(msgspec.to_builtins(msgspec.convert(example, AnswerForm))) == json.dumps(example)
    shown = [
        content["examples"]["example"]["value"]
        for methods in document["paths"].values()
        for method in methods.values()
        for content in method["responses"].get("200", {}).get("content", {}).values()
        if "garments" in content.get("examples", {}).get("example", {}).get("value", {})
    ]
    assert len(shown) >= 4
    assert all(each["timing_ms"] == example["timing_ms"] for each in shown)


def test_generators_write_no_name_twice(document: Node) -> None:
    """A list of values that the address and the form share has one name; so has each choice of a body."""
    schemas = document["components"]["schemas"]
    for method, path, operation in _operations(document):
        bodies = [each["schema"] for each in operation.get("requestBody", {}).get("content", {}).values()]
        objects = [schemas[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in bodies]
        for parameter in operation.get("parameters", []):
            shared = [each["properties"].get(parameter["name"], {}) for each in objects if "properties" in each]
            assert "enum" not in parameter["schema"] or not any("enum" in field for field in shared), (method, path)
        for body in bodies:
            names = [each.get("$ref") or each["items"].get("$ref") for each in body.get("oneOf", [])]
            assert len(names) == len(set(names)), (method, path)
