"""What the page does with photos: several of one look, a live camera, a click where nothing is outlined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.fixtures import page_answers as answers
from tests.fixtures.browser import tab, violations
from tests.fixtures.page_searches import Asked


def settled(page: Page) -> None:
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()


def shown(page: Page, look: Path, document: Any = None) -> Asked:
    asked = Asked(page, document)
    page.set_input_files("#image", look)
    settled(page)
    return asked


def test_several_photos_of_a_look_are_one_search(page: Page, browser: Browser, address: str, look: Path) -> None:
    """All are sent; outlines are of the photo that is shown; no box is offered; a link brings all of them along."""
    second = answers.garment("foot_wear", [1, 1, 50, 50], [answers.hit(70)], photo=1)
    asked = shown(page, look, answers.answer(answers.garment("dress", [10, 10, 90, 90], [answers.hit(1)]), second))
    assert asked.photos() == 1
    for name in ("back", "side"):
        Image.new("RGB", (120, 160), (20, 40, 160)).save(look.with_name(f"{name}.png"))
        page.set_input_files("#add-photo", look.with_name(f"{name}.png"))
        expect(page.locator(".more-photos li")).to_have_count(1 if name == "back" else 2)
        settled(page)
    assert asked.photos() == 3
    expect(page.locator("#look a")).to_have_count(1)
    expect(page.get_by_role("button", name="Add a box")).to_have_count(0)
    assert violations(page) == []

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#share")
    expect(page.locator("#status")).to_contain_text("The link is copied")
    with tab(browser, address) as other:
        there = Asked(other)
        other.goto(page.evaluate("navigator.clipboard.readText()"))
        settled(other)
        assert there.photos() == 3

    page.get_by_role("button", name="Remove back.png").click()
    settled(page)
    assert asked.photos() == 2
    page.click("#show-code")
    assert page.locator("#code").inner_text().count("-F image=@") == 2


def test_several_photos_are_chosen_at_once(page: Page, look: Path) -> None:
    """The first is shown, the others beside it; one that is none stops all of them, by its name; six are too many."""
    asked = Asked(page)
    side = look.with_name("side.png")
    Image.new("RGB", (120, 160), (20, 40, 160)).save(side)
    page.set_input_files("#image", [look, side])
    expect(page.locator(".more-photos li")).to_have_count(1)
    settled(page)
    assert asked.photos() == 2
    look.with_name("words.png").write_bytes(b"no photo")
    page.set_input_files("#image", [look, look.with_name("words.png")])
    expect(page.locator("#status")).to_contain_text("“words.png” is not an image")
    page.set_input_files("#image", [look] * 6)
    expect(page.locator("#status")).to_contain_text("at most 5 photos")
    assert len(asked.bodies) == 1


def test_five_photos_are_the_most(page: Page, look: Path) -> None:
    """The fifth is taken, and a sixth is not offered."""
    asked = shown(page, look)
    for n in range(4):
        page.set_input_files("#add-photo", look)
        expect(page.locator(".more-photos li")).to_have_count(n + 1)
        settled(page)
    assert asked.photos() == 5
    expect(page.locator("#add-photo")).to_have_count(0)


def test_a_photo_is_taken_with_the_live_camera(page: Page) -> None:
    """The dialog shows what the camera sees; a click searches with it, and the camera is let go."""
    page.context.grant_permissions(["camera"])
    asked = Asked(page)
    page.click("#camera")
    take = page.get_by_role("button", name="Take the photo")
    expect(take).to_be_focused()
    assert violations(page) == []
    page.evaluate("window.tracks = document.querySelector('video').srcObject.getTracks()")
    take.click()
    settled(page)
    assert asked.photos() == 1
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("window.tracks.every((track) => track.readyState === 'ended')")
    assert page.locator("#look img").evaluate("img => img.naturalWidth > 100")


def test_a_camera_that_is_refused_leaves_the_file(page: Page, look: Path) -> None:
    """It is said what can be done, and a photo can be chosen there and then."""
    page.add_init_script("""
      navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); };
    """)
    page.reload()
    asked = Asked(page)
    page.click("#camera")
    expect(page.get_by_role("alert")).to_contain_text("Allow it for this address")
    assert violations(page) == []
    page.set_input_files("dialog input[type=file]", look)
    settled(page)
    assert asked.photos() == 1


def test_a_click_where_nothing_is_outlined(page: Page, look: Path) -> None:
    """A garment that was left out comes back by the point; elsewhere a box is put there, to be fitted and searched."""
    asked = shown(page, look)
    page.get_by_role("tab", name="Lower wear").click()
    asked.document = answers.answer(*answers.full()["garments"][:2])
    page.get_by_role("button", name="Leave it out").click()
    expect(page.locator("#look a")).to_have_count(2)
    photo = page.locator("#look svg")
    box = photo.bounding_box()
    assert box
    scale = box["width"] / 200
    asked.document = answers.full()
    photo.click(position={"x": 100 * scale, "y": 250 * scale})
    settled(page)
    page.wait_for_function("() => location.hash.includes('point')")
    assert asked.garments[-1]["point"] == pytest.approx([100, 250], abs=2)
    assert "box" not in asked.garments[-1]

    photo.click(position={"x": 20 * scale, "y": 20 * scale})
    expect(page.locator(".editor button").first).to_be_focused()
    page.keyboard.press("Enter")
    settled(page)
    page.wait_for_function("() => location.hash.includes('box')")
    assert asked.garments[-1]["box"] == pytest.approx([0, 0, 50, 65], abs=2)


def test_variety_is_asked_for_and_comes_back_with_the_address(page: Page, look: Path) -> None:
    """The slider is the API's `diversity`; in searches by words it is there too."""
    asked = shown(page, look)
    page.locator("#slider-variety").fill("3")
    page.wait_for_function("() => location.hash.includes('diversity=0.75')")
    settled(page)
    assert 'name="diversity"\r\n\r\n0.75' in asked.bodies[-1]
    page.reload()
    settled(page)
    assert 'name="diversity"\r\n\r\n0.75' in asked.bodies[-1]
    assert page.locator("#slider-variety").input_value() == "3"
    page.goto("/#search?words=dress")
    page.locator("#slider-variety").fill("4")
    page.wait_for_function("() => location.hash.includes('diversity=1')")
    settled(page)
    assert json.loads(asked.bodies[-1])["diversity"] == 1


def test_what_is_typed_stays_when_the_page_draws_anew(page: Page, look: Path) -> None:
    """The name of a garment, while an answer to something else comes in."""
    shown(page, look)
    page.get_by_role("tab", name="Outerwear").click()
    page.get_by_role("button", name="Rename").click()
    name = page.get_by_label("Name of this garment")
    name.fill("Trench co")
    page.evaluate("dispatchEvent(new Event('offline')); dispatchEvent(new Event('online'))")
    page.wait_for_timeout(150)
    assert name.input_value() == "Trench co"
    page.keyboard.press("End")
    page.keyboard.type("at")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Trench coat")).to_be_visible()


def test_nothing_alike_is_told_where_the_garment_is(page: Page, look: Path) -> None:
    """A line above the nearest products of that garment, and none at the others."""
    far = answers.garment("foot_wear", [60, 200, 140, 290], [answers.hit(9)], no_match=True)
    shown(page, look, answers.answer(answers.garment("dress", [10, 10, 90, 90], [answers.hit(1)]), far))
    expect(page.locator("section").filter(has_text="Footwear").locator(".far")).to_contain_text("nothing much like it")
    expect(page.locator(".far")).to_have_count(1)
    assert violations(page) == []


def test_the_rest_of_the_look_is_shown(page: Page, look: Path) -> None:
    """The product's own picture with its other garments, each with products; an answer without any says why."""
    shown(page, look)
    worn = answers.answer(
        answers.garment("lower_wear", [60, 200, 140, 290], [answers.hit(3)]), image="/v1/images/products/p%201/0.png"
    )
    alone = answers.answer(notes=["This product is alone in its picture."], image="/v1/images/products/p%201/0.png")
    page.route("**/look?**", lambda route: route.fulfill(json=worn if "p0" in route.request.url else alone))
    page.get_by_role("button", name="The rest of the look of Checked shirt 0").click()
    expect(page.locator(".subject")).to_contain_text("Worn with Checked shirt 0")
    expect(page.locator("#look a")).to_have_count(1)
    assert violations(page) == []
    page.go_back()
    settled(page)
    page.get_by_role("button", name="The rest of the look of Checked shirt 1", exact=True).click()
    expect(page.locator("#notes")).to_contain_text("alone in its picture")
    expect(page.locator(".failure")).to_be_visible()


def test_a_picture_that_cannot_be_had_leaves_a_sign(page: Page, look: Path) -> None:
    """No torn picture: a sign stands in its place, and the card is whole."""
    page.route("**/v1/images/**", lambda route: route.fulfill(status=404, body=""))
    shown(page, look)
    expect(page.locator(".card .picture > svg").first).to_be_visible()
    expect(page.locator(".card .picture img")).to_have_count(0)


def test_right_to_left_titles_wherever_they_stand(page: Page, look: Path) -> None:
    """On a card, in the head of what others shall be like, among the pinned and in their table."""
    title = "قميص أزرق"
    asked = answers.garment("upper_wear", [10, 10, 90, 90], [answers.hit(1, title=title), answers.hit(2)])
    shown(page, look, answers.answer(asked))
    direction = "one => getComputedStyle(one).direction"
    assert page.get_by_role("heading", name=title).evaluate(direction) == "rtl"
    page.get_by_role("button", name=f"Pin {title}").click()
    page.get_by_role("button", name="Pin Checked shirt 2").click()
    page.get_by_role("button", name="Compare 2").click()
    assert page.locator("dialog").get_by_text(title, exact=True).first.evaluate(direction) == "rtl"
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"More like {title}").click()
    assert page.locator(".like b").evaluate(direction) == "rtl"


FORCED = """() => {
  const seen = (one) => one && getComputedStyle(one);
  const tab = seen(document.querySelector("[role=tab][aria-selected=true]"));
  const nav = seen(document.querySelector("nav [aria-current=page]"));
  const outline = seen(document.querySelector(".outline.chosen polygon"));
  const button = seen(document.querySelector("#go"));
  return { tab: tab.outlineStyle, nav: nav.textDecorationLine, stroke: outline.stroke, border: button.borderTopStyle,
           text: button.color, ground: button.backgroundColor };
}"""


def test_forced_colours_leave_every_state_to_be_told(page: Page, look: Path) -> None:
    """What is chosen has an outline or a line besides its colour, and buttons have borders and the system's colours."""
    page.emulate_media(forced_colors="active")
    shown(page, look)
    page.get_by_role("tab", name="Upper wear").click()
    told = page.evaluate(FORCED)
    assert told["tab"] == "solid"
    assert told["nav"] == "underline"
    assert told["border"] == "solid"
    assert told["text"] != told["ground"]
    assert told["stroke"] not in ("none", told["ground"])
    assert violations(page) == []
