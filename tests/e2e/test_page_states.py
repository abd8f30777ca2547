"""Each state of the page in a real browser, over an API of fakes: what it shows, says and sends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fixtures import page_answers as answers
from tests.fixtures.browser import PHONE, tab, violations
from tests.fixtures.page_searches import SEARCHES, Asked, search


def status(page: Page, words: str) -> None:
    expect(page.locator("#status")).to_contain_text(words)


# ---- axe-core, in every state, in both schemes


def _empty(page: Page, look: Path) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def _loading(page: Page, look: Path) -> None:
    page.route(SEARCHES, lambda route: None)
    page.set_input_files("#image", look)
    expect(page.locator(".skeleton").first).to_be_visible()


def _full(page: Page, look: Path) -> None:
    search(page, look)


def _one_garment(page: Page, look: Path) -> None:
    search(page, look)
    page.get_by_role("tab", name="Upper wear").click()
    page.get_by_role("button", name="Rename").click()


def _folds_open(page: Page, look: Path) -> None:
    search(page, look)
    page.locator("[data-name=price] button").first.click()
    expect(page.get_by_label("Products by price")).to_be_visible()


def _more_filters(page: Page, look: Path) -> None:
    search(page, look)
    page.locator("[data-name=rest] button").first.click()


def _why(page: Page, look: Path) -> None:
    search(page, look)
    page.get_by_role("button", name="Why Checked shirt 0").click()
    expect(page.locator("meter").first).to_be_visible()


def _box(page: Page, look: Path) -> None:
    search(page, look)
    page.get_by_role("button", name="Add a box").click()
    expect(page.locator(".editor")).to_be_visible()


def _compare(page: Page, look: Path) -> None:
    search(page, look)
    page.get_by_role("button", name="Pin Checked shirt 0").click()
    page.get_by_role("button", name="Pin Checked shirt 1 ").click()
    page.get_by_role("button", name="Compare 2").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _code(page: Page, look: Path) -> None:
    search(page, look)
    page.click("#show-code")
    expect(page.locator("#code")).to_contain_text("curl")


def _key(page: Page, look: Path) -> None:
    Asked(page, {"detail": "A key is needed.", "code": "unauthorized"}, 401)
    page.set_input_files("#image", look)
    expect(page.get_by_label("API key")).to_be_visible()


def _refused(page: Page, look: Path) -> None:
    Asked(page, {"detail": "No garment was found.", "code": "no-garment-found"}, 422)
    page.set_input_files("#image", look)
    status(page, "No garment was found.")


def _unreachable(page: Page, look: Path) -> None:
    page.route(SEARCHES, lambda route: route.abort())
    page.set_input_files("#image", look)
    status(page, "did not answer")


def _nothing(page: Page, look: Path) -> None:
    Asked(page, answers.answer(answers.garment("dress", [10, 10, 90, 90], [])))
    page.set_input_files("#image", look)
    status(page, "Nothing was found.")


def _similar(page: Page, look: Path) -> None:
    search(page, look)
    page.route(
        "**/similar**",
        lambda route: route.fulfill(
            json=answers.answer(
                answers.garment("upper_wear", [0, 0, 1, 1], [answers.hit(3)]) | {"box": None}, width=None
            )
        ),
    )
    page.get_by_role("button", name="More like Checked shirt 0").click()
    expect(page.locator(".like")).to_contain_text("Checked shirt 0")


STATES = (
    _empty, _loading, _full, _one_garment, _folds_open, _more_filters, _why, _box, _compare, _code, _key, _refused,
    _unreachable, _nothing, _similar,
)  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=[state.__name__.strip("_") for state in STATES])
def test_every_state_is_accessible(browser: Browser, address: str, look: Path, state: Any) -> None:
    """No violation; none of contrast where the scheme is dark; and on a phone nothing is wider than the screen."""
    with tab(browser, address) as page:
        page.goto("/")
        state(page, look)
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page, "color-contrast") == []
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


# ---- what is done with the photo


def test_a_click_goes_through_what_overlaps(page: Page, look: Path) -> None:
    """Where a shirt's outline lies within a coat's, the first click means the shirt and the next one the coat."""
    search(page, look)
    photo = page.locator("#look svg")
    box = photo.bounding_box()
    assert box
    at = {"x": box["width"] / 2, "y": box["height"] * 100 / 300}
    names = []
    for _ in range(3):
        photo.click(position=at)
        names.append(page.locator("[role=tab][aria-selected=true]").inner_text().split("\n")[0])
    assert names == ["Upper wear", "Outerwear", "Upper wear"]


def test_a_box_is_drawn_moved_and_searched(page: Page, look: Path) -> None:
    """Dragging on the photo asks for that box beside the garments seen; the arrow keys move and resize one."""
    asked = search(page, look)
    photo = page.locator("#look svg").bounding_box()
    assert photo
    scale = photo["width"] / 200
    page.mouse.move(photo["x"] + 20 * scale, photo["y"] + 220 * scale)
    page.mouse.down()
    page.mouse.move(photo["x"] + 120 * scale, photo["y"] + 280 * scale, steps=4)
    page.mouse.up()
    expect(page.locator("#results.busy")).to_have_count(0)
    garments = asked.garments
    assert [one.get("index") for one in garments[:3]] == [0, 1, 2]
    assert garments[3]["box"] == pytest.approx([20, 220, 120, 280], abs=2)

    page.get_by_role("button", name="Add a box").click()
    expect(page.locator(".editor button").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".editor")).to_have_count(0)
    page.wait_for_function("() => location.hash.includes('garments')")
    assert asked.garments[-1]["box"] == [64, 90, 144, 216]


def test_garments_are_left_out_renamed_and_of_another_kind(page: Page, look: Path) -> None:
    """Only what is kept is asked for; a name is the page's affair; another kind is asked for by the garment's box."""
    asked = search(page, look)
    page.get_by_role("tab", name="Outerwear").click()
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_label("Name of this garment")).to_be_focused()
    page.get_by_label("Name of this garment").fill("Trench")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Trench")).to_be_visible()
    assert len(asked.bodies) == 1
    page.locator(".garment-menu select").select_option("full_body")
    page.wait_for_function("() => document.querySelector('#results').getAttribute('aria-busy') === 'false'")
    assert asked.garments[1] == {"box": [40, 40, 160, 200], "supercategory": "full_body"}
    page.get_by_role("button", name="Leave it out").click()
    page.wait_for_function("() => !location.hash.includes('full_body')")
    assert [one.get("index") for one in asked.garments] == [0, 2]


TAKE_5_KB = """async () => {
  const { settings } = await import(document.querySelector("script[src]").src.replace("app.js", "search.js"));
  settings.maxImageBytes = 5000;
}"""


def test_a_photo_too_large_or_of_no_kind_is_told_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    """By its name, with what the server takes; nothing is sent."""
    page.evaluate(TAKE_5_KB)
    asked = Asked(page)
    for name, data, words in (
        ("film.mp4", b"\x00\x00\x00\x18ftypisom" + bytes(9), "is not an image"),
        ("feed.csv", b"id,title\n1,Dress\n", "is not an image"),
        ("nothing.jpg", b"", "is empty"),
        ("large.jpg", b"\xff\xd8\xff" + bytes(6000), "the most is"),
    ):
        (tmp_path / name).write_bytes(data)
        page.set_input_files("#image", tmp_path / name)
        status(page, words)
        status(page, name)
    assert asked.bodies == []


def test_a_photo_is_pasted_dropped_kept_for_this_visit_and_put_away(page: Page, look: Path) -> None:
    """However it comes it is searched; afterwards it is among the recent ones, also after a reload, until forgotten."""
    asked = Asked(page)
    for kind in ("paste", "drop"):
        page.evaluate(HAND_OVER, [kind, list(look.read_bytes())])
        expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()
        page.click("#put-away")
        expect(page.locator("#look")).to_have_count(0)
    assert len(asked.bodies) == 2
    page.reload()
    recent = page.get_by_role("button", name="Search with")
    expect(recent).to_have_count(2)
    recent.first.click()
    expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()
    page.get_by_role("button", name="Forget them").click()
    expect(page.get_by_role("button", name="Search with")).to_have_count(0)


HAND_OVER = """([kind, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], kind + ".png", { type: "image/png" }));
  const given = kind === "paste" ? { clipboardData: transfer } : { dataTransfer: transfer };
  const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
  dispatchEvent(new Kind(kind, { bubbles: true, cancelable: true, ...given }));
}"""


# ---- refining


def test_words_and_filters_for_one_garment_or_all(page: Page, look: Path) -> None:
    """In the tab of all they go with the search; in a garment's tab they go with that garment alone."""
    asked = search(page, look)
    page.fill("#text", "navy")
    page.fill("#unwanted", "stripes, leather")
    page.click("#go")
    page.wait_for_function("() => location.hash.includes('words=navy')")
    assert asked.last["text"] == ["navy"]
    assert asked.last["not_text"] == ["stripes", "leather"]
    page.get_by_role("tab", name="Lower wear").click()
    expect(page.locator(".scope")).to_contain_text("Lower wear")
    page.locator("[data-name=brand] button").first.click()
    page.get_by_role("checkbox", name="Ostra").check()
    page.wait_for_function("() => location.hash.includes('ostra')")
    assert asked.garments[2] == {"index": 2, "filters": {"brand": ["ostra"]}}
    assert "filters" not in asked.last


def test_price_stock_order_and_sliders_are_asked_for(page: Page, look: Path) -> None:
    """Each control is a field of the API; the histogram's bars choose a range."""
    asked = search(page, look)
    page.locator("[data-name=price] button").first.click()
    page.get_by_role("button", name="€20 to €40").click()
    page.keyboard.press("Escape")
    expect(page.locator("[data-name=price] > button")).to_be_focused()
    page.get_by_label("Available only").check()
    page.get_by_label("Order").select_option("price_asc")
    page.locator("#slider-reads").fill("4")
    page.locator("#slider-colour").fill("-4")
    page.wait_for_function("() => location.hash.includes('colour=-4')")
    assert json.loads(asked.last["filters"][0]) == {"price": {"min": 20, "max": 40}}
    assert asked.last["unavailable"] == ["hidden"]
    assert asked.last["sort"] == ["price_asc"]
    weights = json.loads(asked.last["weights"][0])
    assert weights["semantic"] / weights["visual"] == pytest.approx(8, rel=0.01)
    assert weights["color"] == 0


def test_the_focus_stays_where_the_hands_are(page: Page, look: Path) -> None:
    """A box that is ticked with the keyboard keeps the focus when the answer comes; tabs go by arrow keys."""
    search(page, look)
    page.locator("[data-name=brand] button").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function("() => location.hash.includes('norrvik')")
    page.wait_for_function("() => document.querySelector('#results').getAttribute('aria-busy') === 'false'")
    expect(page.get_by_role("checkbox", name="Norrvik")).to_be_focused()
    page.get_by_role("tab", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Upper wear")).to_be_focused()
    expect(page.get_by_role("tab", name="Upper wear")).to_have_attribute("aria-selected", "true")


def test_more_products_come_by_their_cursor(page: Page, look: Path) -> None:
    """The next page of one garment is added below; the good matches end where they ended."""
    asked = search(page, look)
    page.get_by_role("tab", name="Upper wear").click()
    expect(page.locator("#results .card")).to_have_count(12)
    expect(page.locator(".end")).to_have_count(1)
    asked.document = answers.answer(
        answers.garment("upper_wear", [60, 60, 140, 140], [answers.hit(n) for n in range(11, 16)])
    )
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#results .card")).to_have_count(16)
    assert asked.last["cursor"] == ["c1"]
    assert page.locator("#results .end").evaluate("line => line.previousElementSibling.dataset.id") == "p6"


def test_words_without_an_end_stay_in_their_places(page: Page, look: Path) -> None:
    """A shop's title, price or reason, and a visitor's word told again, neither widen the page nor leave their card."""
    endless, sizes = "w" * 600, [{"size": f"Size {n}", "availability": "in_stock"} for n in range(60)]
    odd = answers.hit(
        0, title=endless, brand=endless, why=[endless], price=10**15, list_price=2 * 10**15, currency="IDR"
    )
    hits = [odd, answers.hit(1, title="<img src=x onerror=alert(1)>", variants=sizes)]
    page.set_viewport_size(PHONE)
    search(page, look, answers.answer(answers.garment("upper_wear", [60, 60, 140, 140], hits), notes=[endless]))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_role("heading", name="<img src=x")).to_be_visible()
    inside = """card => [...card.querySelectorAll("*")].every(
        part => part.getBoundingClientRect().right <= card.getBoundingClientRect().right + 1)"""
    assert page.locator("#results .card").first.evaluate(inside)
    assert page.locator(".sizes").evaluate("line => line.clientHeight") < 80


def test_an_address_brings_the_state_back(page: Page, browser: Browser, address: str, look: Path) -> None:
    """In the same tab with the photo itself; on another machine by the copied link, which carries a small copy."""
    asked = search(page, look)
    page.fill("#text", "navy")
    page.click("#go")
    page.get_by_label("Available only").check()
    page.get_by_role("tab", name="Outerwear").click()
    page.wait_for_function("() => location.hash.includes('buyable=1') && location.hash.includes('tab=g1')")
    page.reload()
    expect(page.get_by_role("tab", name="Outerwear")).to_have_attribute("aria-selected", "true")
    assert asked.last["text"] == ["navy"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#share")
    status(page, "The link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert len(link) < 10_000
    assert "img=" not in parse_qs(urlsplit(link).query)
    with tab(browser, address) as other:
        there = Asked(other)
        other.goto(link)
        expect(other.get_by_role("tab", name="Outerwear")).to_have_attribute("aria-selected", "true")
        assert there.last["text"] == ["navy"]
        assert there.last["unavailable"] == ["hidden"]
        assert other.evaluate("document.querySelector('#look img').naturalWidth") == 200
        other.goto(page.url)
        expect(other.locator(".failure")).to_contain_text("only its sender has")


def test_back_leads_to_the_search_before(page: Page, look: Path) -> None:
    """More like a card, and back to the photo."""
    _similar(page, look)
    page.go_back()
    expect(page.locator("#look")).to_be_visible()
    expect(page.get_by_role("tab", name="Outerwear")).to_be_visible()


def test_code_csv_and_what_strangers_write(page: Page, look: Path) -> None:
    """The code asks the same; no formula and no script of a feed does anything; titles follow their own direction."""
    odd = answers.hit(1, title='=1+1,"<img src=x onerror=alert(1)>', link="javascript:alert(1)", brand="مصنع")
    search(
        page, look, answers.answer(answers.garment("dress", [10, 10, 90, 90], [odd, answers.hit(2, title="قميص أزرق")]))
    )
    assert page.locator("#results li a").evaluate_all("all => all.map((a) => a.protocol)") == ["https:"]
    assert page.get_by_role("heading", name="قميص أزرق").evaluate("one => getComputedStyle(one).direction") == "rtl"
    with page.expect_download() as saved:
        page.click("#csv")
    text = Path(saved.value.path()).read_text("utf-8-sig")
    assert text.splitlines()[1].startswith('Dress,1,p1,"\'=1+1,""<img')
    page.click("#show-code")
    assert "-F image=@look.png" in page.locator("#code").inner_text()
    page.get_by_role("button", name="Python").click()
    assert 'shop.search_image(\n        Path("look.png"),' in page.locator("#code").inner_text()


# ---- when things go wrong


def test_a_busy_server_is_asked_again(page: Page, look: Path) -> None:
    """Where it says when; the visitor reads why it takes longer."""
    tries: list[int] = []

    def busy(route: Route) -> None:
        tries.append(1)
        if len(tries) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "Too much to do.", "code": "busy"})
        else:
            route.fulfill(json=answers.full())

    page.route(SEARCHES, busy)
    page.set_input_files("#image", look)
    status(page, "Too much to do. Trying again in 1 s.")
    expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()
    assert len(tries) == 2


def test_offline_is_told_and_the_search_is_made_when_the_line_is_back(page: Page, look: Path) -> None:
    """What was found stays; the search that failed is made again by itself."""
    search(page, look)
    page.unroute(SEARCHES)
    page.context.set_offline(True)
    page.fill("#text", "navy")
    page.click("#go")
    status(page, "You are offline")
    expect(page.locator("#results .card").first).to_be_visible()
    Asked(page)
    page.context.set_offline(False)
    status(page, " ms.")


def test_a_key_is_asked_for_and_sent(page: Page, look: Path) -> None:
    """A refusal for want of a key asks for one; the search is made again with it."""
    seen: list[str | None] = []

    def guarded(route: Route) -> None:
        seen.append(route.request.headers.get("authorization"))
        allowed = seen[-1] == "Bearer tl_secret"
        route.fulfill(
            status=200 if allowed else 401, json=answers.full() if allowed else {"detail": "A key is needed."}
        )

    page.route(SEARCHES, guarded)
    page.set_input_files("#image", look)
    page.get_by_label("API key").fill("tl_secret")
    page.keyboard.press("Enter")
    expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()
    assert seen == [None, "Bearer tl_secret"]


COLOR = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name)"


def test_borders_of_controls_can_be_seen(page: Page, look: Path) -> None:
    """At least 3:1 against what is around them, in both schemes (WCAG 1.4.11)."""
    search(page, look)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        edge, ground, card = (page.evaluate(COLOR, name) for name in ("--edge", "--ground", "--card"))
        assert min(_contrast(edge, ground), _contrast(edge, card)) >= 3, scheme


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    """WCAG's relative luminance of `#rgb` or `#rrggbb`."""
    digits = color.strip().lstrip("#")
    pairs = [d * 2 for d in digits] if len(digits) == 3 else [digits[n : n + 2] for n in (0, 2, 4)]
    parts = [int(pair, 16) / 255 for pair in pairs]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_of_the_page_is_there(address: str) -> None:
    """Each text that a module asks for by name stands in en.js."""
    folder = Path(__file__).parents[2] / "api/page"
    known = set(re_texts((folder / "en.js").read_text(), r'^  "([\w.]+)":'))
    asked = {name for file in folder.glob("*.js") for name in re_texts(file.read_text(), r'\bt\("([\w.]+)"')}
    assert {name for name in asked if not name.endswith(".")} <= known


def re_texts(text: str, pattern: str) -> list[str]:
    return re.findall(pattern, text, re.MULTILINE)
