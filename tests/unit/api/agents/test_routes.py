"""MCP over HTTP: only where it is switched on, only with a key where keys are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.services import Limits
from engine.domain import Answer
from engine.errors import StoreUnavailable, TextRejected
from engine.keys import Scope, new_key
from tests.fixtures.shop import Serve, Shop

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
ON = Limits(mcp=True, ucp=True)


def call(client: TestClient[Litestar], tool: str, catalog: Any, **headers: str) -> Any:
    params = {"name": tool, "arguments": {"meta": {}, "catalog": catalog}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return client.post("/mcp", json=body, headers=HEADERS | headers)


def test_a_search_by_words(shop: Shop, serve: Serve) -> None:
    """Products in UCP's form with why; what the engine was asked is what the tool was."""
    client = serve(shop, ON)
    told = call(client, "search_catalog", {"query": "linen", "pagination": {"limit": 3}}).json()["result"]
    (product,) = told["structuredContent"]["products"]
    assert product["id"] == "p 1/a"
    assert product["variants"][0]["price"] == {"amount": 4990, "currency": "EUR"}
    assert product["metadata"]["why"] == ["Looks alike."]
    name, (text,), options = shop.looks.calls[-1]
    assert (name, text.positive, options["k"]) == ("search_text", ("linen",), 3)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(TextRejected("Say what."), -32602, "Say what."), (StoreUnavailable("Away."), -32603, "Try again")],
)
def test_what_cannot_be_answered_is_an_error_of_json_rpc(
    shop: Shop, serve: Serve, error: Exception, code: int, words: str
) -> None:
    def fails() -> Answer:
        raise error

    shop.looks.acts = fails
    client = serve(shop, ON)
    told = call(client, "search_catalog", {"query": "linen"}).json()["error"]
    assert told["code"] == code
    assert words in told["message"]


@pytest.mark.parametrize("catalog", [{}, {"query": 7}, {"like": {}}, {"pagination": {"limit": 0}}, [], None])
def test_arguments_that_fit_nothing_are_invalid(shop: Shop, serve: Serve, catalog: Any) -> None:
    client = serve(shop, ON)
    assert call(client, "search_catalog", catalog).json()["error"]["code"] == -32602


def test_a_key_is_asked_for_as_everywhere(shop: Shop, serve: Serve) -> None:
    class Held:
        def checked(self, text: str) -> Any:
            return new_key("k", [Scope.SEARCH if text == "s" else Scope.CATALOGUE], datetime.now(UTC))[1]

    shop.keys = Held()
    client = serve(shop, ON)
    assert call(client, "search_catalog", {"query": "a"}).status_code == 401
    assert call(client, "search_catalog", {"query": "a"}, Authorization="Bearer c").status_code == 403
    assert call(client, "search_catalog", {"query": "a"}, Authorization="Bearer s").status_code == 200
    assert client.get("/.well-known/ucp").json()["ucp"]["version"] == "2026-08-25"


def test_without_the_setting_there_is_nothing(shop: Shop, serve: Serve) -> None:
    """And with MCP alone no profile."""
    client = serve(shop, Limits())
    assert call(client, "search_catalog", {"query": "a"}).status_code in (404, 405)
    client = serve(shop, Limits(mcp=True))
    assert call(client, "search_catalog", {"query": "a"}).status_code == 200
    assert client.get("/.well-known/ucp").status_code == 404
