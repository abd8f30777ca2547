"""The clients, over a transport that plays the server: what is sent, what is tried again, and what is raised."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import thatlook

EMPTY: dict[str, Any] = {"garments": [], "timing_ms": {}}


class Served:
    """Answers in turn, the last for ever; keeps the requests."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers, self.requests = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> thatlook.Client:
    return thatlook.Client("http://shop.test", transport=httpx.MockTransport(handler), **options)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"detail": detail, "code": code, "status": status, **more}, headers=headers)


def test_a_photo_goes_as_a_form_with_its_fields() -> None:
    """Structures as JSON, lists of words by repetition, the deadline as a header."""
    served = Served(httpx.Response(200, json=EMPTY))
    client(served).search_image(
        b"jpeg", text=["in navy", "longer"], filters={"price": {"max": 50}}, box=(1, 2, 3, 4), whole_image=True,
        supercategory="upper_wear", deadline_ms=900,
    )  # fmt: skip
    (request,) = served.requests
    body = request.content.decode("latin-1")
    assert request.url.path == "/v1/search/hybrid"
    assert request.headers["X-Deadline-Ms"] == "900"
    assert body.count('name="text"') == 2
    assert '{"price": {"max": 50}}' in body
    assert "[1, 2, 3, 4]" in body
    assert "\r\ntrue\r\n" in body
    assert 'name="image"; filename="photo"' in body


def test_a_photo_without_words_and_a_photo_by_address() -> None:
    """Without words it is the plain search; an address goes as JSON."""
    served = Served(httpx.Response(200, json=EMPTY))
    client(served).search_image("https://shop.test/look.jpg", k=3)
    (request,) = served.requests
    assert request.url.path == "/v1/search/image"
    assert json.loads(request.content) == {"image_url": "https://shop.test/look.jpg", "k": 3}


@pytest.mark.parametrize("product_id", ["a/b", "100%", "a b", "../x", "é", "a?b#c", "%2F"])
def test_an_id_is_one_segment_of_the_address(product_id: str) -> None:
    """Whatever it holds, it comes to the server as it is."""
    served = Served(httpx.Response(204))
    client(served).delete_product(product_id)
    path = served.requests[0].url.raw_path.decode()
    assert path.startswith("/v1/products/")
    assert path.count("/") == 3
    assert httpx.URL("http://x" + path).path == f"/v1/products/{product_id}"


@pytest.mark.parametrize("product_id", ["", ".", ".."])
def test_an_id_that_would_be_another_address_is_not_sent(product_id: str) -> None:
    """Deleting nothing must not delete everything."""
    served = Served(httpx.Response(204))
    with pytest.raises(thatlook.QueryRejected):
        client(served).delete_product(product_id)
    assert not served.requests


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    """Only where the refusal has a Retry-After, and only so often."""
    busy = problem(503, "busy", "Too many searches.", {"Retry-After": "0"})
    served = Served(busy, busy, httpx.Response(200, json=EMPTY))
    assert client(served).search_text("coat").garments == []
    assert len(served.requests) == 3
    served = Served(busy)
    with pytest.raises(thatlook.Unavailable, match="Too many searches"):
        client(served, retries=1).search_text("coat")
    assert len(served.requests) == 2


@pytest.mark.parametrize("headers", [None, {"Retry-After": "3600"}, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}])
def test_nothing_is_sent_twice_otherwise(headers: dict[str, str] | None) -> None:
    """A failure that says nothing, or asks for patience, is raised at once."""
    served = Served(problem(503, "store-unavailable", "The store is away.", headers))
    with pytest.raises(thatlook.StoreUnavailable):
        client(served).put_products([{"id": "a"}])
    assert len(served.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (problem(422, "no-garment-found", "Nothing to search with."), thatlook.NoGarmentFound, "Nothing to search"),
        (problem(404, "product-not-found", "There is none."), thatlook.ProductNotFound, "There is none"),
        (problem(504, "deadline-exceeded", "Too late."), thatlook.DeadlineExceeded, "Too late"),
        (problem(418, "of-tomorrow", "New here."), thatlook.InputRejected, "New here"),
        (
            problem(422, "products-rejected", "None.", errors=[{"field": "a", "message": "no title"}]),
            thatlook.InputRejected,
            "a: no title",
        ),
        (httpx.Response(502, text="<html>proxy</html>"), thatlook.Unavailable, "502 Bad Gateway"),
        (httpx.Response(500, text=""), thatlook.ThatLookError, "500"),
        (httpx.Response(413, text="x"), thatlook.InputRejected, "413"),
    ],
)
def test_failures_are_this_packages_errors(
    answer: httpx.Response, kind: type[thatlook.ThatLookError], told: str
) -> None:
    """By the problem's code, else by the status; with the server's sentence, or one of ours where it has none."""
    with pytest.raises(kind, match=told) as raised:
        client(Served(answer)).search_text("coat")
    assert type(raised.value) is kind


def test_a_server_that_is_not_there_is_said_so_without_its_password() -> None:
    """The address is told, secrets in it are not."""

    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    shop = thatlook.Client("http://user:secret@shop.test", transport=httpx.MockTransport(refused))
    with pytest.raises(thatlook.Unavailable, match=r"shop\.test cannot be reached") as raised:
        shop.ready()
    assert "secret" not in str(raised.value)


def test_a_photo_file_that_is_not_there(tmp_path: Any) -> None:
    """Told before anything is sent."""
    served = Served(httpx.Response(200, json=EMPTY))
    with pytest.raises(thatlook.ImageUnreadable, match=r"none\.jpg"):
        client(served).search_image(tmp_path / "none.jpg")
    assert not served.requests


def test_the_asynchronous_client_does_the_same() -> None:
    """Retries and errors of one, seen once more."""
    served = Served(problem(429, "busy", "Slow down.", {"Retry-After": "0"}), httpx.Response(200, json=EMPTY))
    gone = Served(problem(404, "product-not-found", "There is none."))

    async def both() -> None:
        async with thatlook.AsyncClient("http://shop.test", transport=httpx.MockTransport(served)) as shop:
            assert (await shop.search_text("coat", k=3)).garments == []
        async with thatlook.AsyncClient("http://shop.test", transport=httpx.MockTransport(gone)) as shop:
            with pytest.raises(thatlook.ProductNotFound):
                await shop.product("a")

    asyncio.run(both())
    assert len(served.requests) == 2


def test_pages_are_followed_to_the_end() -> None:
    """`every_product` asks on behind the last id."""
    page = {"products": [], "next_after": "a/1"}
    served = Served(httpx.Response(200, json=page), httpx.Response(200, json={"products": [], "next_after": None}))
    assert list(client(served).every_product(state="indexed")) == []
    assert [dict(request.url.params) for request in served.requests] == [
        {"limit": "500", "state": "indexed"},
        {"limit": "500", "state": "indexed", "after": "a/1"},
    ]


class Awaited(ast.NodeTransformer):
    """Code without its `async` and `await`."""

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        plain = ast.FunctionDef(**{name: getattr(node, name, None) for name in ast.FunctionDef._fields})
        return self.generic_visit(plain)


def methods_of(kind: type) -> dict[str, str]:
    (tree,) = ast.parse(inspect.getsource(kind)).body
    plain = Awaited().visit(tree)
    methods = [node for node in plain.body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.dump(node) for node in methods if not node.name.startswith("_")}


def test_both_clients_say_the_same() -> None:
    """One is the other with `await`: names, types, defaults, docstrings and what is sent, but for what asyncio asks."""
    waiting, asynchronous = methods_of(thatlook.Client), methods_of(thatlook.AsyncClient)
    assert waiting.keys() - {"close"} == asynchronous.keys() - {"aclose"}
    other = {name for name in waiting if name != "close" and waiting[name] != asynchronous[name]}
    # A photo's file is read on a thread, and pages are an async iterator.
    assert other == {"search_image", "every_product"}
