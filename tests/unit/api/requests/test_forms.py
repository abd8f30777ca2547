"""Multipart forms from strangers: a part is taken, or its caller is told what to change; nothing is our failure."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engine.service import TextQuery
from tests.fixtures.shop import PNG, Shop

Client = TestClient[Litestar]
IMAGE = b'Content-Disposition: form-data; name="image"'
TEXT = b'Content-Disposition: form-data; name="text"'


def part(head: bytes, body: bytes) -> bytes:
    return b"--X\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


def send(client: Client, *parts: bytes, path: str = "/v1/search/image", end: bytes = b"--X--\r\n") -> Any:
    headers = {"Content-Type": "multipart/form-data; boundary=X"}
    return client.post(path, content=b"".join(parts) + end, headers=headers)


@pytest.mark.parametrize(
    "head",
    [
        IMAGE,
        IMAGE + b'; filename=""',
        IMAGE + b"\r\nContent-Type: image/png",
        IMAGE + b'; filename="look.png"\r\nContent-Type: text/plain',
        b"Content-Disposition: form-data; name=image",
        b"content-disposition:form-data; name=image; filename*=UTF-8''l%C3%B6ok.png",
    ],
)
def test_a_photo_is_taken_with_and_without_a_file_name(shop: Shop, client: Client, head: bytes) -> None:
    """`curl -F image=<a.png`, and clients that send an empty name or none, are answered like all others."""
    assert send(client, part(head, PNG)).status_code == 200
    assert shop.looks.calls[-1][1][0] == PNG


def test_an_unused_file_input_of_a_page_is_no_photo(shop: Shop, client: Client) -> None:
    """Browsers send one with an empty name and no bytes; an empty file with a name is an empty photo."""
    unused = part(IMAGE + b'; filename=""\r\nContent-Type: application/octet-stream', b"")
    for parts in ([unused, part(IMAGE, PNG)], [part(IMAGE, PNG), unused]):
        assert send(client, *parts).status_code == 200
        assert shop.looks.calls[-1][1][0] == PNG
    assert send(client, unused).json()["code"] == "query-rejected"
    assert send(client, part(IMAGE + b'; filename="a.png"', b"")).status_code == 422


@pytest.mark.parametrize(
    ("charset", "written"),
    [("iso-8859-1", b"robe \xe9t\xe9"), ("windows-1252", b"robe \xe9t\xe9"), ("UTF-8", "robe été".encode())],
)
def test_a_field_in_its_own_charset(shop: Shop, client: Client, charset: str, written: bytes) -> None:
    """A charset that is named is read; UTF-8 needs none."""
    head = TEXT + b"\r\nContent-Type: text/plain; charset=" + charset.encode()
    assert send(client, part(IMAGE, PNG), part(head, written), path="/v1/search/hybrid").status_code == 200
    assert shop.looks.calls[-1][2]["text"] == TextQuery(("robe été",))


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        (TEXT, b"robe \xe9t\xe9", "not UTF-8 text"),
        (TEXT + b"\r\nContent-Type: text/plain; charset=klingon", b"red", "which is not read"),
        (TEXT + b"\r\nContent-Type: text/plain; charset=zlib", b"red", "which is not read"),
        (TEXT + b"\r\nContent-Type: text/plain; charset=unicode_escape", b"\\N{A}", "which is not read"),
        (TEXT + b"\r\nContent-Type: text/plain; charset=punycode", b"a" * 5000, "which is not read"),
        (TEXT + b'\r\nContent-Type: text/plain; charset="a\0b"', b"red", "which is not read"),
        (TEXT + b"\r\nContent-Type: text/plain; charset=ascii", "été".encode(), "not ASCII text"),
        (TEXT + b'; filename="words.txt"', b"red", "must be a text; only 'image' is a file"),
        (TEXT + b"\r\nContent-Transfer-Encoding: base64", b"cmVk", "encoded as 'base64'"),
        (TEXT + b"\r\nContent-Type: multipart/mixed; boundary=Y", b"--Y--", "is a form itself"),
        (b'Content-Disposition: form-data; name="' + b"n" * 3000 + b'"', b"1", "has 3,000 characters"),
        (b"Content-Disposition: form-data", b"1", "unknown field"),
    ],
)
def test_a_part_that_cannot_be_read_is_named(shop: Shop, client: Client, head: bytes, body: bytes, words: str) -> None:
    """422, with what to change."""
    response = send(client, part(IMAGE, PNG), part(head, body), path="/v1/search/hybrid")
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert shop.looks.calls == []


@pytest.mark.parametrize("body", [b"look.png", b"<svg/>", b"iVBORw0KGgo=", "été".encode()])
def test_words_where_a_photo_should_be(client: Client, body: bytes) -> None:
    """The name of a file instead of the file is told how to send it."""
    response = send(client, part(IMAGE, body))
    assert (response.status_code, response.json()["code"]) == (422, "query-rejected")
    assert "-F image=@photo.jpg" in response.json()["detail"]


@pytest.mark.parametrize(
    ("parts", "end", "status"),
    [
        ([part(IMAGE, PNG)], b"", 400),
        ([part(IMAGE, PNG)], b"--X", 400),
        ([b"--X\r\n" + IMAGE], b"", 400),
        ([b"--X\r\n" + IMAGE + b"\r\n"], b"--X--", 400),
        ([part(b"", PNG)], b"--X--", 400),
        ([part(b"X-Other: 1", PNG)], b"--X--", 400),
        ([part(b'Content-Disposition: attachment; name="image"', PNG)], b"--X--", 400),
        ([part(b"\xff\xfe: 1", PNG)], b"--X--", 400),
        ([part(IMAGE + b"\r\nContent-Length: 99999999999999999999", PNG)], b"--X--", 400),
        ([part(IMAGE + b"\r\nContent-Length: " + b"9" * 4000, PNG)], b"--X--", 400),
        ([part(b'Content-Disposition: form-data; name="' + b"n" * 9000 + b'"', b"1")], b"--X--", 413),
        ([part(b'Content-Disposition: form-data; name="k"', b"1")] * 5000, b"--X--", 413),
        ([part(TEXT, b"x" * 270_000)], b"--X--", 413),
        ([part(TEXT, b"x" * 90_000)] * 3, b"--X--", 413),
    ],
)
def test_broken_forms(client: Client, parts: list[bytes], end: bytes, status: int) -> None:
    """Cut short, without what a form needs, or with too much of it."""
    response = send(client, *parts, end=end)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("boundary", ["", '""', "b" * 500, "\xe9", '"a b"'])
def test_odd_boundaries(client: Client, boundary: str) -> None:
    """A boundary that is missing, too long, or not that of the body."""
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}".encode("latin-1")}
    response = client.post("/v1/search/image", content=part(IMAGE, PNG) + b"--X--", headers=headers)  # type: ignore[arg-type]
    assert response.status_code in (400, 422)


def test_a_repeated_field_is_refused(client: Client) -> None:
    """Two values of a field that takes one."""
    k = b'Content-Disposition: form-data; name="k"'
    response = send(client, part(IMAGE, PNG), part(k, b"1"), part(k, b"2"))
    assert (response.status_code, response.json()["detail"]) == (422, "The field 'k' is given twice.")


def test_base64_in_a_form_may_be_as_large_as_a_photo(shop: Shop, client: Client) -> None:
    """It is a photo, however it is written; other fields are not."""
    text = base64.b64encode(PNG + b"x" * 90_000)
    with TestClient(shop.app()) as roomy:
        head = b'Content-Disposition: form-data; name="image_base64"'
        assert send(roomy, part(head, text + b"\r\n" * 100_000)).status_code == 200
        assert shop.looks.calls[-1][1][0] == PNG + b"x" * 90_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_compressed_bodies_are_refused_by_name(client: Client, encoding: str) -> None:
    """For every kind of body."""
    headers = {"Content-Encoding": encoding}
    for method, path, kind in (
        ("POST", "/v1/search/image", "image/png"),
        ("POST", "/v1/search/image", "application/json"),
        ("POST", "/v1/search/hybrid", "multipart/form-data; boundary=X"),
        ("POST", "/v1/search/text", "application/json"),
        ("PUT", "/v1/products", "application/json"),
    ):
        answer = client.request(method, path, content=b"\x1f\x8b\x08", headers=headers | {"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "media-type-unsupported")
        assert encoding in answer.json()["detail"]


def test_a_byte_order_mark_is_no_error(client: Client) -> None:
    """Some systems put it before every text."""
    body = b'\xef\xbb\xbf{"text": "red"}'
    assert client.post("/v1/search/text", content=body).status_code == 200
