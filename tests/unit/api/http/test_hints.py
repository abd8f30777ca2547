"""Slips in a request: the answer says what may have been meant."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tests.fixtures.shop import PNG

Client = TestClient[Litestar]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/search/text", {"text": "x", "limit": 2}, "did you mean 'k'?"),
        ("/v1/search/text", {"text": "x", "filtres": {}}, "did you mean 'filters'?"),
        ("/v1/search/text", {"query": "x"}, "did you mean 'text'?"),
        ("/v1/search/text", {"text": "x", "zzz": 1}, "there are: k, filters"),
        ("/v1/search/image", {"image": "x"}, "did you mean 'image_base64'?"),
        ("/v1/search/image", {"image_url": "x", "garments": [{"indx": 1}]}, "did you mean 'index'?"),
        ("/v1/search/image", {"image_url": "x", "garments": [{"weights": {"colour": 1}}]}, "did you mean 'color'?"),
        ("/v1/search/text", {"text": "x", "sort": "cheap"}, "use one of relevance, price_asc, price_desc, newest"),
        ("/v1/search/text", {"text": "x", "unavailable": "hide"}, "use one of last, mixed, hidden"),
        ("/v1/search/batch", {"searches": [{"text": "x"}], "x": 1}, "unknown field `x`"),
    ],
)
def test_a_slip_is_told_with_what_may_be_meant(client: Client, path: str, body: Any, words: str) -> None:
    """The nearest field, what other services call it, or the choices there are."""
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_fields_of_forms_and_addresses_are_hinted_at_too(client: Client) -> None:
    """A query parameter beside a body and a form's field."""
    answer = client.post("/v1/search/text?top_k=3", json={"text": "x"})
    assert "did you mean 'k'?" in answer.json()["detail"]
    answer = client.post("/v1/search/image", files={"image": ("a.png", PNG)}, data={"limit": "3"})
    assert (answer.status_code, "did you mean 'k'?" in answer.json()["detail"]) == (422, True)


def test_long_and_odd_names_are_told_shortly(client: Client) -> None:
    """A hint never repeats a stranger's text at length."""
    for name in ("x" * 5_000, "\u202e\n`$.k`", "a`b"):
        answer = client.post("/v1/search/text", json={"text": "x", name: 1})
        assert answer.status_code == 422
        assert len(answer.json()["detail"]) < 2_100
