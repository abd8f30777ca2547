"""What a visitor refines by, and what the page says of how sure it is: over an API of fakes, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.fixtures import page_answers as answers
from tests.fixtures.browser import violations
from tests.fixtures.page_searches import SEARCHES, Asked, search

CATALOGUE = {"products": 40, "exact": True, "facets": answers.FACETS, "price": answers.PRICE}


class Facets:
    """Answers for the whole catalogue; with filters there are fewer products."""

    def __init__(self, page: Page, document: object = CATALOGUE) -> None:
        self.document = document
        self.asked: list[dict[str, object]] = []
        page.route("**/v1/facets*", self)

    def __call__(self, route: Route) -> None:
        filters = parse_qs(urlsplit(route.request.url).query).get("filters")
        self.asked.append(json.loads(filters[0]) if filters else {})
        route.fulfill(json={**self.document, "products": 12} if filters else self.document)  # type: ignore[dict-item]


def test_filters_are_offered_before_the_first_search(page: Page, look: Path) -> None:
    """Names, values and counts of the whole catalogue; what is set holds for the search that follows, and on reload."""
    facets = Facets(page)
    page.goto("/")
    page.locator("[data-name=brand] button").first.click()
    expect(page.locator(".values li").first).to_contain_text("Norrvik")
    expect(page.locator(".values small").first).to_have_text("12")
    assert violations(page) == []
    page.get_by_role("checkbox", name="Norrvik").check()
    expect(page.locator("#status")).to_have_text("12 products fit. Choose a photo, or describe what you look for.")
    assert facets.asked[-1] == {"brand": ["norrvik"]}
    page.reload()
    expect(page.get_by_role("button", name="Remove filter: Norrvik")).to_be_visible()
    asked = search(page, look)
    assert '"brand":["norrvik"]' in asked.bodies[-1]
    expect(page.locator("#sort")).to_be_visible()


def test_a_catalogue_without_products_says_how_to_fill_it(page: Page) -> None:
    """No filters are offered then; the way to the feeds is."""
    Facets(page, {"products": 0, "exact": True, "facets": [], "price": None})
    page.goto("/")
    page.get_by_role("link", name="Import a feed").click()
    expect(page.locator("#feed")).to_be_attached()


def test_a_server_that_tells_no_facets_is_searched_all_the_same(page: Page, look: Path) -> None:
    page.route("**/v1/facets*", lambda route: route.fulfill(status=503, json={"detail": "Busy."}))
    page.goto("/")
    expect(page.locator(".filters")).to_have_count(0)
    search(page, look)
    expect(page.locator(".filters")).to_be_visible()


def test_how_many_are_of_the_same_kind_is_said_in_words(page: Page, look: Path) -> None:
    """Of the first ten their sum; where good matches end the mean of what follows; of one product its own share."""
    sure = [answers.hit(n, confidence=0.93 - n / 20) for n in range(12)]
    search(page, look, answers.answer(answers.garment("upper_wear", [60, 60, 140, 140], sure)))
    expect(page.locator("section header small")).to_contain_text(
        "12 products · about 7 of the first 10 are the same kind"
    )
    expect(page.locator(".end")).to_have_text(
        "Good matches end here; what follows is alike in part. About 5 of 10 are the same kind."
    )
    page.get_by_role("button", name="Why Checked shirt 0").click()
    expect(page.locator(".parts")).to_contain_text("About 9 of 10 products that match so well")


def test_how_many_products_there_are_is_said_once(page: Page, look: Path) -> None:
    """Of one garment all there are, not those on the page; of several each says its own."""
    shirts = answers.full()["garments"][0]
    search(page, look, answers.answer(shirts))
    expect(page.locator("#status")).to_have_text("40+ products in 48 ms.")
    expect(page.locator("section header small")).to_contain_text("40+ products")
    page.unroute(SEARCHES)
    Asked(page)
    page.set_input_files("#image", look)
    expect(page.locator("#status")).to_have_text("3 garments in 48 ms.")
    expect(page.get_by_role("tab")).to_have_text(["All", "Upper wear40+", "Outerwear3", "Lower wear8"])


def test_what_is_refused_for_good_is_not_offered_again(page: Page, look: Path) -> None:
    """A photo that the server finds too large; where no garment was found it can be marked."""
    page.route(
        SEARCHES, lambda route: route.fulfill(status=413, json={"detail": "Too large.", "code": "image-too-large"})
    )
    page.set_input_files("#image", look)
    expect(page.locator(".failure")).to_contain_text("Too large.")
    expect(page.locator(".failure button")).to_have_count(0)
    page.unroute(SEARCHES)
    page.route(SEARCHES, lambda route: route.fulfill(status=422, json={"detail": "None.", "code": "no-garment-found"}))
    page.set_input_files("#image", look)
    page.get_by_role("button", name="Mark the garment").click()
    expect(page.locator(".editor button").first).to_be_focused()


def test_nothing_is_said_of_what_was_not_measured(page: Page, look: Path) -> None:
    """One hit without a confidence, as with words, and none of the sentences stands there."""
    hits = [answers.hit(n, confidence=0.8 if n else None) for n in range(12)]
    search(page, look, answers.answer(answers.garment("upper_wear", [60, 60, 140, 140], hits)))
    expect(page.locator("section header small")).to_have_text("12 products")
    page.get_by_role("button", name="Why Checked shirt 0").click()
    expect(page.locator(".parts")).not_to_contain_text("same kind")


def test_a_box_is_drawn_where_no_garment_was_seen(page: Page, look: Path) -> None:
    """The photo's own size is known without an answer; what went wrong is said once, and to screen readers too."""
    words = {"detail": "No garment was found.", "code": "no-garment-found"}
    page.route(SEARCHES, lambda route: route.fulfill(status=422, json=words))
    page.set_input_files("#image", look)
    expect(page.locator(".failure")).to_contain_text("No garment was found.")
    expect(page.locator("#status")).to_have_class("hidden")
    page.unroute(SEARCHES)
    asked = Asked(page, answers.answer(answers.garment("upper_wear", [60, 90, 140, 210], [answers.hit(1)])))
    page.get_by_role("button", name="Add a box").click()
    page.keyboard.press("Enter")
    expect(page.locator("#results .card")).to_have_count(1)
    assert '[{"box":[60,90,140,210]}]' in asked.bodies[-1]


def test_garments_of_one_kind_are_numbered(page: Page, look: Path) -> None:
    """Two shirts and a coat: each tab has a name of its own."""
    boxes = ([60, 60, 140, 140], [20, 60, 60, 140])
    shirts = [answers.garment("upper_wear", box, [answers.hit(n)]) for n, box in enumerate(boxes)]
    search(page, look, answers.answer(*shirts, answers.garment("outerwear", [0, 0, 9, 9], [answers.hit(7)])))
    expect(page.get_by_role("heading", level=2)).to_have_text(["Upper wear 1", "Upper wear 2", "Outerwear"])


def test_variety_of_brands(page: Page, look: Path) -> None:
    """Offered where variety is asked for at all; the API's `diversity_by`, and part of the address."""
    asked = search(page, look)
    expect(page.locator("#brands")).to_have_count(0)
    page.locator("#slider-variety").press("End")
    page.locator("#brands").check()
    page.wait_for_function("() => location.hash.includes('brands=1')")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    assert 'name="diversity_by"\r\n\r\nbrand' in asked.bodies[-1]
