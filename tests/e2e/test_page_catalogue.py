"""The page's second view in a real browser, over an API of fakes: products, feeds, searches in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fixtures import page_answers as answers
from tests.fixtures.browser import PHONE, tab, violations

PRODUCT = "/#catalogue?id=p+1%2Fa"
JOB = {
    "job_id": "j1", "state": "running", "source": "upload", "feed": "autumn.csv", "cancelling": False,
    "created": "2026-11-29T22:25:01Z", "started": None, "finished": None, "run_id": 7, "done": 40, "total": 100,
    "counts": {"read": 40, "indexed": 38, "bad_rows": 2}, "summary": None, "error": None,
}  # fmt: skip


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with tab(browser, address) as page:
        yield page


class Jobs:
    """Plays the feeds of a server: keeps what was sent, tells one job."""

    def __init__(self, page: Page) -> None:
        self.sent: list[tuple[str, str, bytes]] = []
        self.job: dict[str, Any] | None = None
        page.route("**/v1/ingest", self)
        page.route("**/v1/ingest/jobs**", self)
        page.route("**/v1/ingest/jobs/**", self)

    def __call__(self, route: Route) -> None:
        request = route.request
        if request.method == "GET":
            route.fulfill(json={"jobs": [self.job] if self.job else []})
            return
        self.sent.append((request.method, urlsplit(request.url).path, request.post_data_buffer or b""))
        self.job = JOB if request.method == "POST" else {**JOB, "cancelling": True}
        route.fulfill(status=202, json=self.job)


def accessible(page: Page) -> None:
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_product_with_its_pictures_and_another_try(page: Page) -> None:
    """Which picture is searched, why one is refused, what is seen in one; the focus goes back to the list."""
    page.goto("/#catalogue")
    page.get_by_role("button", name="Linen dress").click()
    expect(page.locator(".pictures li")).to_have_count(2)
    expect(page.locator(".pictures .refused")).to_contain_text("The person is seen from the back.")
    assert urlsplit(page.url).fragment.startswith("catalogue?id=")
    tried: list[str] = []
    page.on("request", lambda request: tried.append(request.url) if request.method == "POST" else None)
    page.click("#retry")
    expect(page.locator("#status")).to_contain_text("indexed again")
    assert tried[0].endswith("/v1/products/p%201%2Fa/retry")
    accessible(page)
    page.get_by_role("button", name="Close this product").click()
    expect(page.get_by_role("button", name="Linen dress")).to_be_focused()


def test_the_list_has_small_pictures_that_come_when_they_are_in_sight(page: Page) -> None:
    """Of products with one, as small as they are shown; nothing moves when they come; what costs what stands beside."""
    asked: list[str] = []

    def picture(route: Route) -> None:
        asked.append(route.request.url.split("/v1/")[1])
        route.fulfill(
            content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
        )

    page.route("**/picture?**", picture)
    page.route("**/v1/products?**", lambda route: route.fulfill(json={"products": PRODUCTS, "next_after": None}))
    page.goto("/#catalogue")
    first = page.locator("[data-product=n0]")
    expect(first.locator("img")).to_have_attribute("loading", "lazy")
    page.wait_for_function("() => document.querySelector('.list img')?.naturalWidth")
    assert asked[0] == "products/n0/picture?side=128"
    assert not any("products/n1/" in one or "products/n99/" in one for one in asked)
    assert page.evaluate(SHIFTED) == 0
    expect(first).to_contain_text("n0 · €20 · sale €15 · Sold out")
    expect(page.locator("[data-product=n1]")).to_contain_text("refused")


PRODUCTS = [
    {
        "product_id": f"n{n}", "state": "refused" if n == 1 else "indexed", "indexed_items": int(n != 1),
        "product": {
            "title": f"Dress n{n}", "brand": None, "price": 20.0, "sale_price": None if n else 15.0, "currency": "EUR",
            "availability": "in_stock" if n else "out_of_stock",
        },
    }
    for n in range(100)
]  # fmt: skip
SHIFTED = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((one) => {
    if (one.sources.some(({ node }) => node?.parentElement?.closest(".list ul"))) sum += one.value;
  }))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""


def test_on_a_phone_a_product_stands_in_place_of_the_list(page: Page) -> None:
    """In sight at once; closing it brings the list back, with the focus where it was."""
    page.set_viewport_size(PHONE)
    page.goto("/#catalogue")
    page.get_by_role("button", name="Linen dress").click()
    expect(page.locator(".product")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Linen dress")).to_be_hidden()
    page.get_by_role("button", name="Close this product").click()
    expect(page.get_by_role("button", name="Linen dress")).to_be_focused()


def test_an_import_is_told_once(page: Page) -> None:
    """A feed that was dropped here is a job, and its run is not told again; others are."""
    jobs = Jobs(page)
    jobs.job = JOB
    runs = [{"run_id": n, "feed": f, "started": None, "finished": None, "counts": {}} for n, f in ((7, "a"), (3, "b"))]
    page.route("**/v1/ingest/runs?**", lambda route: route.fulfill(json={"runs": runs}))
    page.goto("/#catalogue?pane=feeds")
    expect(page.locator(".jobs > li b[dir=auto]")).to_have_text(["autumn.csv", "b"])


def test_what_is_seen_in_a_stored_picture(page: Page) -> None:
    """The garments of the stored picture, as outlines over it and by their names, and how the person stands."""
    picture = {"image_link": "https://shop.example/p1.jpg", "stored": "/v1/images/products/p%201/0.png"}
    page.route(
        "**/pictures", lambda route: route.fulfill(json={"pictures": [{**picture, "stage": None, "reason": None}]})
    )
    seen = {**answers.full(), "people": 1, "view": "front", "full_shot": True}
    page.route("**/analysis", lambda route: route.fulfill(json=seen))
    page.goto(PRODUCT)
    page.get_by_role("button", name="Show what was detected").click()
    told = "Detected: Upper wear, Outerwear, Lower wear. Front view, head to ankles."
    expect(page.locator(".pictures li")).to_contain_text(told)
    expect(page.locator(".seen polygon")).to_have_count(3)


def test_products_are_found_by_words_and_state(page: Page) -> None:
    """Both go with one request; nothing found is told."""
    asked: list[dict[str, list[str]]] = []

    def listed(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query))
        route.fulfill(json={"products": [], "next_after": None})

    page.route("**/v1/products?**", listed)
    page.goto("/#catalogue")
    page.fill("#find", "norrvik dress")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="refused").click()
    expect(page.locator(".list")).to_contain_text("No product fits.")
    page.wait_for_function("() => location.hash.includes('state=refused')")
    assert asked[-1] == {"limit": ["50"], "q": ["norrvik dress"], "state": ["refused"]}


def test_price_and_stock_are_written_without_the_pictures(page: Page) -> None:
    """As a merge patch of what was changed."""
    sent: list[Any] = []

    def patched(route: Route) -> None:
        if route.request.method != "PATCH":
            route.fallback()
            return
        sent.append((route.request.headers["content-type"], route.request.post_data_json))
        route.fulfill(status=422, json={"detail": "The price must be above 0."})

    page.route("**/v1/products/p%201%2Fa", patched)
    page.goto(PRODUCT)
    page.get_by_label("Price EUR").fill("55")
    page.get_by_label("Availability").select_option("out_of_stock")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#status")).to_contain_text("above 0")
    assert sent == [("application/merge-patch+json", {"availability": "out_of_stock", "price": "55 EUR"})]


def test_a_feed_is_taken_by_dropping_it(page: Page) -> None:
    """Its progress is told while it is read, the rows that it lost on demand, and it can be ended."""
    jobs = Jobs(page)
    page.goto("/#catalogue")
    expect(page.get_by_role("button", name="Linen dress")).to_be_visible()
    page.evaluate(DROP_FEED, ["photo.png", "x"])
    expect(page.locator("#status")).to_contain_text("is no feed")
    page.evaluate(DROP_FEED, ["autumn.csv", "id,title\n1,Dress\n"])
    expect(page.get_by_role("progressbar", name="Progress of autumn.csv")).to_be_visible()
    expect(page.locator(".jobs").first).to_contain_text("40 of 100 rows")
    (method, path, body) = jobs.sent[0]
    assert (method, path) == ("POST", "/v1/ingest")
    assert b'name="feed"; filename="autumn.csv"' in body
    page.get_by_text("2 rows were not imported").first.click()
    expect(page.locator(".errors li").first).to_contain_text("Line 1: p1 no price in line 1")
    accessible(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".badge.running")).to_have_text("stopping")
    assert jobs.sent[1][:2] == ("DELETE", "/v1/ingest/jobs/j1")


DROP_FEED = """([name, text]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], name));
  dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
}"""


def test_searches_in_vain(page: Page) -> None:
    """What was asked for and not found; where nothing is remembered, how that is switched on."""
    page.route(
        "**/v1/events/**", lambda route: route.fulfill(status=404, json={"detail": "Off.", "code": "events-off"})
    )
    page.goto("/#catalogue?pane=nomatch")
    expect(page.locator(".failure")).to_contain_text("THATLOOK_EVENTS=1")
    row = {"query": "velvet cape", "kind": "text", "count": 14, "best_score": 0.21, "last": "2026-11-29T20:01:00Z"}
    page.route("**/v1/events/**", lambda route: route.fulfill(json={"queries": [row]}))
    page.get_by_label("Period").select_option("30")
    expect(page.get_by_role("link", name="velvet cape")).to_have_attribute("href", "#search?words=velvet%20cape")
    accessible(page)
