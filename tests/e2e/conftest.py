"""What the tests of the page share: a browser, and a server of fakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.fixtures.browser import launched, serving_fakes, tab


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_fakes() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with tab(browser, address) as page:
        page.goto("/")
        yield page


@pytest.fixture
def look(tmp_path: Path) -> Path:
    """A photo of 200 × 300 pixels, as `page_answers` has it."""
    Image.new("RGB", (200, 300), (190, 40, 60)).save(tmp_path / "look.png")
    return tmp_path / "look.png"
