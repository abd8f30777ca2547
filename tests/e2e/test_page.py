"""The page in a real browser: a merchandiser uploads a photo, sees hits with links, refines in words."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from models.studio.feed import write_catalogue
from tests.fixtures.program import PROGRAM, Server, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1200,1400",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a home into which a drawn shop was ingested."""
    home = tmp_path_factory.mktemp("home")
    write_tiny_profile(home / "models" / "tiny")
    feed = write_catalogue(home / "shop", 12, seed=4, size=(120, 160))
    subprocess.run([*PROGRAM, "ingest", str(feed)], env=environment(home), check=True, capture_output=True)
    running = start(home, home / "serve.log")
    yield running
    stop(running)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    """Chromium without a window, with a profile of its own."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromium-driver are not installed (see .ci/system-packages)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*QUIET, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def wait_for_status(browser: WebDriver, words: str) -> str:
    def said(driver: WebDriver) -> str | None:
        text = driver.find_element(By.ID, "status").text
        return text if words in text else None

    return str(WebDriverWait(browser, 30).until(said))


def test_photo_hits_words_and_a_bad_file(browser: WebDriver, server: Server, tmp_path: Path) -> None:
    """Two garments with pictures and shop links; words bring another answer; a file that is no picture says so."""
    look, broken = tmp_path / "look.png", tmp_path / "broken.png"
    Image.new("RGB", (256, 256), (190, 40, 60)).save(look)
    broken.write_bytes(b"no picture")
    browser.get(str(server.client.base_url))
    browser.find_element(By.ID, "image").send_keys(str(look))
    wait_for_status(browser, "products in")
    sections = browser.find_elements(By.CSS_SELECTOR, "#results section")
    assert {s.find_element(By.TAG_NAME, "h2").text.split()[0] for s in sections} == {"Upper", "Lower"}
    assert len(browser.find_elements(By.CSS_SELECTOR, "#look a")) == 2
    links = [a.get_attribute("href") for a in browser.find_elements(By.CSS_SELECTOR, "#results li a")]
    assert links
    assert all(link and link.startswith("https://shop.example/") for link in links)
    _every_picture_is_shown(browser)

    browser.find_element(By.ID, "text").send_keys("blue")
    browser.find_element(By.ID, "go").click()
    wait_for_status(browser, "products in")
    assert "the words" in browser.find_element(By.ID, "results").text

    browser.find_element(By.ID, "image").send_keys(str(broken))
    assert "not an image" in wait_for_status(browser, "not an image")
    errors = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert all("422" in message for message in errors)


SLOW_FIRST_ANSWER = """
const real = window.fetch, hit = { title: "of the first photo", why: [], variants: [], score: 1, link: "", image: "" };
const late = { garments: [{ class: "dress", hits: [hit], also: [] }], notes: [], timing_ms: {}, width: 9, height: 9 };
let calls = 0;
window.fetch = (...asked) => {
  if (calls++) return real(...asked);
  window.firstSignal = asked[1].signal;
  return new Promise((answer) => setTimeout(() => answer(new Response(JSON.stringify(late))), 2500));
};
"""


def test_a_late_answer_never_stands_under_a_newer_photo(browser: WebDriver, server: Server, tmp_path: Path) -> None:
    """The second photo ends the first one's request; its answer, should it come all the same, is not shown."""
    for name, size in (("first", 200), ("second", 240)):
        Image.new("RGB", (size, size), (190, 40, 60)).save(tmp_path / f"{name}.png")
    browser.get(str(server.client.base_url))
    browser.execute_script(SLOW_FIRST_ANSWER)
    browser.find_element(By.ID, "image").send_keys(str(tmp_path / "first.png"))
    browser.find_element(By.ID, "image").send_keys(str(tmp_path / "second.png"))
    wait_for_status(browser, "products in")
    assert browser.execute_script("return window.firstSignal.aborted")
    time.sleep(3)
    assert "of the first photo" not in browser.find_element(By.ID, "results").text
    assert len(browser.find_elements(By.CSS_SELECTOR, "#look a")) == 2
    assert browser.execute_script("return document.querySelector('#look img').naturalWidth") == 240


def _every_picture_is_shown(browser: WebDriver) -> None:
    """Scroll through the page, as pictures load when they come into view."""
    for picture in browser.find_elements(By.CSS_SELECTOR, "#results li img"):
        browser.execute_script("arguments[0].scrollIntoView()", picture)
        WebDriverWait(browser, 10).until(
            lambda d, p=picture: d.execute_script("return arguments[0].naturalWidth > 0", p)
        )
