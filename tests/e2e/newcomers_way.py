"""A newcomer's way in the page: a photo, a filter, words, a link, and that link in a fresh browser.

    python -m tests.e2e.newcomers_way http://127.0.0.1:8080 look.jpg [--phone]

prints clicks, keys and seconds of each step: the machine's time, without that of a person who reads and decides. The
link carries a small copy of the photo, so that of products that are nearly alike others may stand on the first page.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.fixtures.browser import LAPTOP, PHONE, launched, tab

CHOOSING_A_FILE = 2
"""Clicks: one opens the system's window, one chooses in it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way."""

    name: str
    clicks: int
    keys: int
    seconds: float


@dataclass
class Way:
    """A visitor's hands, counted.

    Attributes:
        shared: how many products were shown when the link was copied; `kept` of them the fresh browser shows too.
    """

    page: Page
    steps: list[Step] = field(default_factory=list)
    shared: int = 0
    kept: int = 0
    _clicks: int = 0
    _keys: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile, until products are shown."""
        start, self._clicks, self._keys = time.perf_counter(), 0, 0
        yield
        settled(self.page)
        self.steps.append(Step(name, self._clicks, self._keys, time.perf_counter() - start))

    def click(self, target: Locator) -> None:
        """Once."""
        target.click()
        self._clicks += 1

    def write(self, target: Locator, words: str) -> None:
        """A click into the field, the words, Enter."""
        self.click(target)
        target.fill(words)
        target.press("Enter")
        self._keys += len(words) + 1

    def unfold(self, name: str) -> None:
        """Open a group of tools, where the screen is too narrow to show all of them."""
        group = self.page.locator(".unfolds").get_by_role("button", name=name)
        if group.is_visible() and group.get_attribute("aria-expanded") != "true":
            self.click(group)

    def choose(self, photo: Path) -> None:
        """A photo of this machine."""
        self.page.set_input_files("#image", photo)
        self._clicks += CHOOSING_A_FILE


def settled(page: Page) -> None:
    """Wait until the answer to what was done last is shown."""
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#results .card:not(.skeleton)").first).to_be_visible()


def shown(page: Page) -> list[str]:
    """The ids of the products shown."""
    ids: list[str] = page.locator("#results .card").evaluate_all("all => all.map((card) => card.dataset.id)")
    return ids


def newcomers_way(browser: Browser, address: str, photo: Path, *, phone: bool = False, words: str = "red") -> Way:
    """From a photo to a filtered, refined, shared result, and what of it the link brings back."""
    viewport = {"viewport": PHONE, "is_mobile": True, "has_touch": True} if phone else {"viewport": LAPTOP}
    with tab(browser, address, permissions=["clipboard-read", "clipboard-write"], **viewport) as page:
        page.goto("/")
        expect(page.locator("#image")).to_be_attached()
        way = Way(page)
        with way.step("photo"):
            way.choose(photo)
        with way.step("filter"):
            way.unfold("Filters")
            way.click(page.locator(".filters .fold button").first)
            way.click(page.locator(".values input").first)
            page.wait_for_function("() => location.hash.includes('filters')")
        page.keyboard.press("Escape")
        with way.step("words"):
            way.unfold("Words")
            way.write(page.locator("#text"), words)
            page.wait_for_function("() => location.hash.includes('words')")
        with way.step("link"):
            way.unfold("Share")
            way.click(page.locator("#share"))
            expect(page.locator("#status")).to_contain_text("The link is copied")
        link, found = page.evaluate("navigator.clipboard.readText()"), shown(page)
    start = time.perf_counter()
    with tab(browser, address, **viewport) as other:
        other.goto(link)
        settled(other)
        way.steps.append(Step("link in a fresh browser", 0, 0, time.perf_counter() - start))
        way.shared, way.kept = len(set(found)), len(set(found) & set(shown(other)))
    return way


def main() -> None:
    """Walk it on a running server, and tell."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("address")
    asked.add_argument("photo", type=Path)
    asked.add_argument("--phone", action="store_true")
    asked.add_argument("--words", default="with long sleeves")
    given = asked.parse_args()
    with launched() as browser:
        way = newcomers_way(browser, given.address, given.photo, phone=given.phone, words=given.words)
    steps = way.steps
    whole = Step("all", sum(s.clicks for s in steps), sum(s.keys for s in steps), sum(s.seconds for s in steps))
    for step in [*steps, whole]:
        sys.stdout.write(f"{step.name:24} {step.clicks:3} clicks {step.keys:4} keys {step.seconds:7.2f} s\n")
    sys.stdout.write(f"{way.kept} of {way.shared} products are shown in the fresh browser too\n")


if __name__ == "__main__":
    main()
