"""Pictures from addresses and from S3: what is fetched, what is tried again, what is refused, and why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.objects.s3_settings import S3Settings
from ingest.images.not_fetched import ImageNotFetched
from ingest.images.sources import ImageSources, SourceRules
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from tests.contract.test_object_store import open_s3
from tests.fixtures.catalogue import picture, row, write_feed


class Shop(BaseHTTPRequestHandler):
    """Answers by path: `/503x2/a` fails twice and then gives the picture."""

    asked: dict[str, int] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked[self.path] = self.asked.get(self.path, 0) + 1
        kind = self.path.split("/")[1]
        if kind == "ok" or (kind == "503x2" and self.asked[self.path] > 2):
            self._answer(200, picture())
        elif kind == "moved":
            self.send_response(302)
            self.send_header("Location", "/ok/there%20it%20is.png")
            self.end_headers()
        elif kind == "loop":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        elif kind == "big":
            self._answer(200, b"x" * 50_000)
        else:
            self._answer(503 if kind.startswith("503") else 404, b"no")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def running_shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Shop.asked = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def shop() -> Iterator[str]:
    with running_shop() as address:
        yield address


@pytest.fixture
def slept() -> list[float]:
    return []


class Noted(threading.Event):
    """Waits for nothing, and notes for how long it would have."""

    def __init__(self, slept: list[float]) -> None:
        super().__init__()
        self.slept = slept

    def wait(self, timeout: float | None = None) -> bool:
        self.slept.append(timeout or 0)
        return self.is_set()


@pytest.fixture
def sources(slept: list[float]) -> ImageSources:
    return ImageSources(SourceRules(allow_private_hosts=True, max_bytes=20_000, backoff_s=0.5), Noted(slept))


@pytest.mark.parametrize("path", ["ok/a.png", "moved/a.png", "ok/größe 40.png", "ok/a%20b.png?w=1&h=2"])
def test_addresses_are_followed(sources: ImageSources, shop: str, path: str) -> None:
    """Redirects, spaces and accents as feeds have them."""
    assert sources.fetch(f"{shop}/{path}") == picture()


def test_a_server_in_trouble_is_asked_again(sources: ImageSources, shop: str, slept: list[float]) -> None:
    """Twice 503 and then a picture: it is had, after pauses that grow."""
    assert sources.fetch(f"{shop}/503x2/a.png") == picture()
    assert slept == [0.5, 1.0]


@pytest.mark.parametrize(
    ("path", "reason", "transient", "times"),
    [("503/a", "status 503", True, 3), ("404/a", "status 404", False, 1), ("loop/a", "more than 3 times", False, 4),
     ("big/a", "20,000 bytes", False, 1)],
)  # fmt: skip
def test_what_does_not_come_is_told(
    sources: ImageSources, shop: str, path: str, reason: str, transient: bool, times: int
) -> None:
    """The reason is for the shop's staff; a dead link is asked once, a server in trouble three times."""
    with pytest.raises(ImageNotFetched, match=reason) as told:
        sources.fetch(f"{shop}/{path}")
    assert told.value.transient is transient
    assert "image_url" not in told.value.reason
    assert Shop.asked[f"/{path}"] == times


def test_stopping_ends_the_tries(sources: ImageSources, shop: str) -> None:
    """When the run is stopped, a server in trouble is not asked again."""
    sources.stopping.set()
    with pytest.raises(ImageNotFetched, match="stopped") as told:
        sources.fetch(f"{shop}/503/a")
    assert told.value.transient
    assert Shop.asked["/503/a"] == 1


def test_nobody_answers(sources: ImageSources) -> None:
    """A port where nobody listens is trouble that may pass."""
    with pytest.raises(ImageNotFetched) as told:
        sources.fetch("http://127.0.0.1:9/a.png")
    assert told.value.transient


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "http://localhost/a.png", "http://169.254.169.254/latest", "http://10.0.0.1/a",
            "http://[::1]/a", "http://0x7f000001/a", "http://user:word@example.com/a", "http://example.com:22/a"]
)  # fmt: skip
def test_private_addresses_are_refused(url: str) -> None:
    """By default a feed cannot make ingest ask inside the network."""
    with pytest.raises(ImageNotFetched) as told:
        ImageSources(SourceRules(tries=1)).fetch(url)
    assert not told.value.transient or "found" in told.value.reason


def test_paths_need_a_folder() -> None:
    """A product from the API names no files of the server's."""
    with pytest.raises(ImageNotFetched, match="give an http"):
        ImageSources(SourceRules()).fetch("/etc/passwd")


def test_odd_paths_are_absent_not_fatal(tmp_path: Path) -> None:
    """Whatever a feed writes where a path belongs is told as a path that is not there."""
    sources = ImageSources(SourceRules(root=tmp_path))
    for odd in ("a\x00b", "x" * 5_000, "", ".", "~/a", "a%00b"):
        assert sources.stamp(odd) == "absent" or odd in ("", ".")
        with pytest.raises(ImageNotFetched):
            sources.fetch(odd)


def test_a_percent_encoded_path_is_found(tmp_path: Path) -> None:
    """Feeds made from addresses write spaces so."""
    (tmp_path / "a b.png").write_bytes(b"x")
    assert ImageSources(SourceRules(root=tmp_path)).fetch("a%20b.png") == b"x"


def test_pictures_from_s3(s3_settings: S3Settings) -> None:
    """Bytes and stamps come by bucket and key; a missing key is told, and a changed picture has another stamp."""
    store = open_s3(s3_settings, "shop-pictures")
    store.put("a/1.png", b"first", "image/png")
    sources = ImageSources(SourceRules(s3=s3_settings, max_bytes=100))
    assert sources.fetch("s3://shop-pictures/a/1.png") == b"first"
    stamp = sources.stamp("s3://shop-pictures/a/1.png")
    store.put("a/1.png", b"other", "image/png")
    assert sources.stamp("s3://shop-pictures/a/1.png") not in (stamp, "absent")
    assert sources.stamp("s3://shop-pictures/none.png") == "absent"
    with pytest.raises(ImageNotFetched, match="no such picture"):
        sources.fetch("s3://shop-pictures/none.png")
    store.put("big.png", b"x" * 101, "image/png")
    with pytest.raises(ImageNotFetched, match="100 bytes"):
        sources.fetch("s3://shop-pictures/big.png")
    with pytest.raises(ImageNotFetched, match="s3://bucket/key"):
        sources.fetch("s3://shop-pictures")
    with pytest.raises(ImageNotFetched, match="THATLOOK_S3_ENDPOINT"):
        ImageSources(SourceRules()).fetch("s3://shop-pictures/a/1.png")
    store.close()


@pytest.fixture
def parts(parts: IngestDependencies) -> IngestDependencies:
    return replace(parts, sources=SourceRules(allow_private_hosts=True, backoff_s=0.0))


def test_a_dead_link_is_told_and_tried_by_the_next_run(parts: IngestDependencies, shop: str, tmp_path: Path) -> None:
    """404: failed with its reason; when the shop has put the picture there, the next run takes it."""
    feed = write_feed(tmp_path, [row("a", f"{shop}/gone/a.png"), row("b", f"{shop}/ok/b.png")])
    summary = ingest_feed(parts, feed)
    assert (summary.failed, summary.indexed) == (1, 1)
    assert summary.products_refused == {
        "No picture could be fetched: The picture's address answered with status 404, not with a picture.": 1
    }
    again = ingest_feed(parts, feed)
    assert (again.failed, again.unchanged) == (1, 1)
    assert Shop.asked == {"/gone/a.png": 2, "/ok/b.png": 1}


def test_a_picture_server_in_trouble_costs_no_product(parts: IngestDependencies, shop: str, tmp_path: Path) -> None:
    """What is indexed stays while its pictures cannot be had; with a real 404 it goes."""
    ingest_feed(parts, write_feed(tmp_path, [row("a", f"{shop}/ok/a.png")]))
    summary = ingest_feed(parts, write_feed(tmp_path, [row("a", f"{shop}/503/a.png")]))
    entry = parts.ledger.get(["a"])["a"]
    assert (summary.updated, entry.items, parts.store.count("upper_wear_visual")) == (1, (("upper_wear", "a#0"),), 1)
    assert "kept" in (entry.reason or "")
    assert ingest_feed(parts, write_feed(tmp_path, [row("a", f"{shop}/503x2/a.png")])).indexed == 1
    assert ingest_feed(parts, write_feed(tmp_path, [row("a", f"{shop}/404/a.png")])).failed == 1
    assert parts.store.count("upper_wear_visual") == 0
