"""What the tests of the page share: a browser, and a server of fakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.fixtures.browser import launched, serving_fakes


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_fakes() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser
