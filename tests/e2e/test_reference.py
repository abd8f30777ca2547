"""The interactive reference at /docs in a real browser that can reach no other host."""

from __future__ import annotations

from hashlib import sha256

import pytest
from litestar.testing import TestClient
from playwright.sync_api import Browser, Route, expect

from api.routes import reference
from tests.fixtures.browser import tab
from tests.fixtures.shop import Shop


def test_every_route_is_shown_and_one_is_tried(browser: Browser, address: str) -> None:
    """With all other hosts blocked: the routes of the document, a request sent from the page, and its answer."""
    blocked: list[str] = []

    def elsewhere(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    with tab(browser, address) as page:
        page.route("**/*", elsewhere)
        page.goto("/docs")
        expect(page.get_by_role("heading", name="thatlook", exact=False).first).to_be_visible()
        document = page.request.get("/schema/openapi.json").json()
        operations = sum(len(methods) for methods in document["paths"].values())
        expect(page.locator(".opblock")).to_have_count(operations)

        block = page.locator(".opblock").filter(has=page.locator('[data-path="/healthz"]'))
        block.locator("button").first.click()
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".responses-table.live-responses-table")).to_contain_text("200")
        expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    assert blocked == []


RELEASE = {
    "swagger-ui-bundle.js": "93b7b0862a80e2786f85b560be7693c2344354ffa7e7e224f850a54349724c31",
    "swagger-ui.css": "9e576f8322132c76949da47f9bb53c891373c303ea3a761ff548ffc9de50a98c",
}
"""SHA-256 of the files of swagger-ui-dist 5.31.0, as its makers publish it (`npm pack swagger-ui-dist@5.31.0`)."""


def test_the_files_are_those_of_the_release() -> None:
    """Another package brings them; whether packed or not, they are what the makers of Swagger UI published."""
    with TestClient(Shop().app()) as client:
        for name, digest in RELEASE.items():
            for coding in ("identity", "gzip"):
                sent = client.get(f"/docs/{name}", headers={"Accept-Encoding": coding})
                assert sha256(sent.content).hexdigest() == digest


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file is a plain 404; without the package the words name it, and where the document is."""
    with TestClient(Shop().app()) as client:
        packed = client.get("/docs/swagger-ui.css")
        assert packed.headers["cache-control"].startswith("public")
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < len(packed.content) / 4
        assert client.get("/docs/../../pyproject.toml").status_code == 404
        assert client.get("/docs/redoc.standalone.js").status_code == 404
        monkeypatch.setattr(reference, "CARRIER", "no-such-package")
        answer = client.get("/docs/swagger-ui-bundle.js", headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 404
        assert "/schema/openapi.json" in answer.json()["detail"]
