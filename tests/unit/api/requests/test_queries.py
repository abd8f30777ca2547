"""Search requests from JSON, form fields and query parameters, and the photo's ways to us."""

from __future__ import annotations

import base64

import msgspec
import pytest

from api.problems import RequestMalformed
from api.requests.pictures import PhotoRequest, find_pictures, stored_key
from api.requests.queries import HybridSearch, ImageSearch, TextSearch, from_fields, from_json, image_query, text_query
from api.services import Limits
from engine.errors import (
    ImageTooLarge,
    ImageUnreadable,
    ObjectNotFound,
    QueryRejected,
    TextRejected,
)
from engine.service import TextQuery
from engine.vision.photo_analysis import ImageQuery
from tests.fixtures.shop import PNG, FakeObjects

LIMITS = Limits(max_image_bytes=1_000)


def test_fields_and_json_mean_the_same() -> None:
    """A form's texts, lists and embedded JSON become what the JSON body says directly."""
    fields = [
        ("k", "7"),
        ("filters", '{"brand": ["acme"]}'),
        ("supercategory", "upper_wear"),
        ("supercategory", "foot_wear"),
        ("box", "1,2.5,30,40"),
        ("text", "red"),
        ("not_text", "striped"),
        ("not_text", "dotted"),
        ("weights", '{"text": 3}'),
        ("whole_image", "false"),
    ]
    body = b"""{"k": 7, "filters": {"brand": ["acme"]}, "supercategory": ["upper_wear", "foot_wear"],
        "box": [1, 2.5, 30, 40], "text": ["red"], "not_text": ["striped", "dotted"], "weights": {"text": 3}}"""
    assert from_fields(HybridSearch, fields) == from_json(HybridSearch, body)
    assert from_fields(HybridSearch, fields).box == (1.0, 2.5, 30.0, 40.0)


def test_image_query_names_what_the_engine_needs() -> None:
    """Supercategories may be one, several, or comma-separated; none means all."""
    assert image_query(ImageSearch(supercategory="dress, coat,dress")) == ImageQuery(("dress", "coat"))
    assert image_query(ImageSearch()) == ImageQuery(None, None, False)
    assert image_query(ImageSearch(box=(0, 0, 5, 5), whole_image=True)) == ImageQuery(None, (0, 0, 5, 5), True)


@pytest.mark.parametrize("box", [(5.0, 0.0, 5.0, 9.0), (9.0, 0.0, 5.0, 9.0), (0.0, 9.0, 5.0, 1.0)])
def test_empty_box_is_refused(box: tuple[float, float, float, float]) -> None:
    """A box without an inside says how boxes are written."""
    with pytest.raises(QueryRejected, match="x0 < x1"):
        image_query(ImageSearch(box=box))


@pytest.mark.parametrize(
    "body", [b'{"k": 0}', b'{"k": 101}', b'{"k": "3"}', b'{"colour": 1}', b'{"box": [1, 2, 3]}', b"[]", b'{"k": null}']
)
def test_wrong_fields_are_refused(body: bytes) -> None:
    """k outside 1 to 100, unknown names, wrong types."""
    with pytest.raises(msgspec.ValidationError):
        from_json(ImageSearch, body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"k": 1', b"k=1"])
def test_malformed_json_is_told_apart(body: bytes) -> None:
    """What is not JSON at all is the caller's syntax, not a wrong value."""
    with pytest.raises(RequestMalformed, match="not valid JSON"):
        from_json(ImageSearch, body)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("k", "1"), ("k", "2")], "given twice"),
        ([("filters", "brand=acme")], "not valid JSON"),
        ([("filters", "3")], "object or list"),
        ([("box", "a,b")], "not valid JSON"),
        ([("k", object())], "must be a text"),
    ],
)
def test_wrong_form_fields(fields: list[tuple[str, object]], words: str) -> None:
    """Each field that cannot be read is named."""
    with pytest.raises(QueryRejected, match=words):
        from_fields(ImageSearch, fields)


def test_texts() -> None:
    """One text or several; none is no text query; too long or blank is refused."""
    assert text_query("red", []) == TextQuery(("red",), ())
    assert text_query([], ["red", "blue"]) == TextQuery((), ("red", "blue"))
    assert text_query([], []) is None
    for wrong in ("x" * 10_000, " ", ["ok", ""], ["x"] * 17):
        with pytest.raises(TextRejected):
            text_query(wrong, [])


def test_photo_from_each_source() -> None:
    """Beside the fields, as base64 (also as a data URL), as a stored picture by key or by path."""
    objects = FakeObjects()
    encoded = base64.b64encode(PNG).decode()
    requests = [
        PhotoRequest(ImageSearch(), (PNG,)),
        PhotoRequest(ImageSearch(image_base64=encoded)),
        PhotoRequest(ImageSearch(image_base64=f"data:image/png;base64,{encoded}")),
        PhotoRequest(ImageSearch(image_id="products/p 1/0.png")),
        PhotoRequest(ImageSearch(image_id="/v1/images/products/p%201/0.png")),
    ]
    for request in requests:
        assert find_pictures(request, objects, LIMITS) == [PNG]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "upload", "error", "words"),
    [
        (ImageSearch(), None, QueryRejected, "exactly one photo"),
        (ImageSearch(image_id="a"), PNG, QueryRejected, "exactly one photo"),
        (ImageSearch(image_id="a", image_base64="aa"), None, QueryRejected, "exactly one photo"),
        (ImageSearch(), b"", ImageUnreadable, "empty"),
        (ImageSearch(image_base64=""), None, ImageUnreadable, "empty"),
        (ImageSearch(image_base64="no base64!"), None, ImageUnreadable, "not valid base64"),
        (ImageSearch(image_base64="é"), None, ImageUnreadable, "not valid base64"),
        (ImageSearch(), b"x" * 1_001, ImageTooLarge, "1,001 bytes"),
        (ImageSearch(image_id="gone.png"), None, ObjectNotFound, "gone.png"),
        (ImageSearch(image_url="http://127.0.0.1/a.png"), None, QueryRejected, "does not fetch"),
    ],
)
def test_photo_refusals(query: ImageSearch, upload: bytes | None, error: type[Exception], words: str) -> None:
    """No photo, several, an empty or broken one, an unknown one, an address where none is taken."""
    with pytest.raises(error, match=words):
        find_pictures(PhotoRequest(query, () if upload is None else (upload,)), FakeObjects(), LIMITS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "../ledger.sqlite", "a/../../b", "/etc/passwd", "a//b", "a\\b", "a\0b"])
def test_keys_cannot_leave_the_store(name: str) -> None:
    """A key that climbs, begins at the root or has odd characters is a picture that does not exist."""
    with pytest.raises(ObjectNotFound):
        stored_key(name)


def test_text_search_takes_one_text_or_a_list() -> None:
    """`"text": "x"` and `"text": ["x"]` are the same question."""
    assert from_json(TextSearch, b'{"text": "x"}').text == "x"
    assert from_json(TextSearch, b'{"text": ["x"]}').text == ["x"]
