"""`thatlook serve` as a program with tiny models: products in over HTTP, a photo in, hits out, gone when deleted."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from tests.fixtures.program import PROGRAM, Server, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile

COLORS = {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (30, 160, 30)}


def photo(shirt: tuple[int, int, int], kind: str = "JPEG", trousers: tuple[int, int, int] = (40, 40, 40)) -> bytes:
    """Somebody in a shirt and trousers, where the tiny segmenter sees them."""
    picture = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((80, 40, 176, 120), fill=shirt)
    draw.rectangle((80, 124, 176, 228), fill=trousers)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


class _Pictures(BaseHTTPRequestHandler):
    """A shop's picture server: /red.jpg and so on."""

    def do_GET(self) -> None:
        color = COLORS.get(self.path.strip("/").removesuffix(".jpg"))
        body = photo(color) if color else b"no picture"
        self.send_response(200 if color else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """The address of a shop's pictures."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny profile."""
    folder = tmp_path_factory.mktemp("home")
    write_tiny_profile(folder / "models" / "tiny")
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """A running server on the home."""
    running = start(home, home / "serve.log")
    yield running
    if running.process.poll() is None:
        stop(running)


@pytest.fixture(scope="module")
def catalogue(server: Server, pictures: str) -> Server:
    """Three shirts (with trousers) taken in over HTTP, each in its colour."""
    rows = [
        {
            "id": name,
            "title": f"{name} shirt",
            "link": f"https://shop.example/{name}",
            "image_link": f"{pictures}/{name}.jpg",
            "price": f"{10 * n}.00 EUR",
            "brand": "Acme" if n < 3 else "Other",
            "color": name,
        }
        for n, name in enumerate(COLORS, 1)
    ]
    lost = {"id": "lost", "title": "t", "link": "https://shop.example", "image_link": f"{pictures}/gone.jpg"}
    receipt = server.client.put("/v1/products", json=[*rows, lost, {"id": "bad"}])
    assert (receipt.status_code, receipt.json()["accepted"], receipt.json()["rejected"]) == (202, 4, 1)
    for name in COLORS:
        assert server.settled(name)["state"] == "indexed", server.log.read_text()
    return server


def _shirts(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    (shirt,) = [g for g in response.json()["garments"] if g["supercategory"] == "upper_wear"]
    return [hit["product_id"] for hit in shirt["hits"]]


def test_a_photo_in_hits_out(catalogue: Server) -> None:
    """Each garment of the photo is answered for; the nearest shirt is the one of its colour, with its link."""
    for name, color in COLORS.items():
        response = catalogue.client.post("/v1/search/image", files={"image": ("a.jpg", photo(color))}, data={"k": "2"})
        assert _shirts(response)[0] == name
        assert len(_shirts(response)) == 2
    document = response.json()
    assert {g["supercategory"] for g in document["garments"]} == {"upper_wear", "lower_wear"}
    assert (document["width"], document["height"]) == (256, 256)
    hit = document["garments"][0]["hits"][0]
    assert hit["link"] == f"https://shop.example/{hit['product_id']}"
    assert {"decode", "segment", "embed", "total"} <= set(document["timing_ms"])
    picture = catalogue.client.get(hit["image"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    again = catalogue.client.post("/v1/search/image", json={"image_id": hit["image"]})
    assert _shirts(again)[0] == hit["product_id"]


def test_filters_words_and_products(catalogue: Server) -> None:
    """Filters leave only what matches; a box, the whole image, a text and a product search as well."""
    green = photo(COLORS["green"])
    files = {"image": ("a.jpg", green)}
    search = catalogue.client.post
    acme = {"filters": '{"brand": "acme", "price": {"min": 15}}'}
    assert _shirts(search("/v1/search/image", files=files, data=acme)) == ["blue"]
    boxed = {"box": "80,40,176,120", "supercategory": "upper_wear", "k": "1"}
    assert _shirts(search("/v1/search/image", files=files, data=boxed)) == ["green"]
    whole = search("/v1/search/image?whole_image=true&supercategory=upper_wear&k=3", content=green, headers=_JPEG)
    assert sorted(_shirts(whole)) == sorted(COLORS)
    text = search("/v1/search/text", json={"text": "red", "supercategory": "upper_wear"})
    assert _shirts(text)[0] == "red"
    hybrid = search("/v1/search/hybrid", files=files, data={"text": "blue", "weights": '{"text": 1000}'})
    assert _shirts(hybrid)[0] == "blue"
    similar = catalogue.client.get("/v1/products/red/similar?k=5")
    assert sorted(_shirts(similar)) == ["blue", "green"]


_JPEG = {"Content-Type": "image/jpeg"}


@pytest.mark.parametrize(
    ("content", "query", "status", "code"),
    [
        (photo(COLORS["red"])[:700], "", 422, "image-unreadable"),
        (b"", "", 422, "image-unreadable"),
        (b"<svg/>", "", 422, "image-unreadable"),
        (photo(COLORS["red"], "BMP") * 110, "", 413, "image-too-large"),
        (photo(COLORS["red"]), "?box=1000,1000,1200,1200&supercategory=upper_wear", 422, "query-rejected"),
        (photo(COLORS["red"]), "?box=10,10,100,100", 422, "query-rejected"),
        (photo(COLORS["red"]), "?whole_image=true", 422, "query-rejected"),
        (photo(COLORS["red"]), "?supercategory=hats", 422, "query-rejected"),
        (photo(COLORS["red"]), "?supercategory=foot_wear", 422, "no-garment-found"),
        (photo(COLORS["red"]), "?k=0", 422, "request-invalid"),
    ],
)
def test_bad_input(catalogue: Server, content: bytes, query: str, status: int, code: str) -> None:
    """The real engine's refusals, each with its status and code."""
    response = catalogue.client.post(f"/v1/search/image{query}", content=content, headers=_JPEG)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert catalogue.client.get("/healthz").status_code == 200


def test_pixel_bomb(catalogue: Server) -> None:
    """A few bytes that declare a gigapixel are refused without decoding."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    response = catalogue.client.post("/v1/search/image", content=bomb, headers={"Content-Type": "image/png"})
    assert (response.status_code, response.json()["code"]) == (413, "image-too-large")
    assert "30000 × 30000 pixels; the most is 50,000,000" in response.json()["detail"]


def test_ingest_state(catalogue: Server) -> None:
    """What was refused can be asked for, with its reason."""
    status = catalogue.client.get("/v1/ingest/status").json()
    assert status["products"]["indexed"] == 3
    lost = catalogue.settled("lost")
    assert lost["state"] in ("refused", "failed")
    assert "404" in json.dumps(lost["refusals"]) + str(lost["reason"])


def test_home_in_use(catalogue: Server, home: Path, tmp_path: Path) -> None:
    """A second program on the same home says so in one line, and in one JSON document, and changes nothing."""
    picture = tmp_path / "look.jpg"
    picture.write_bytes(photo(COLORS["red"]))
    done = subprocess.run(
        [*PROGRAM, "search", str(picture), "--json"],
        env=environment(home),
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "home-in-use"
    assert b"in use" in done.stderr
    assert b"Traceback" not in done.stderr


def test_port_in_use(catalogue: Server, tmp_path: Path) -> None:
    """A second server on the same port fails at once, in one line, before it opens its home."""
    command = [*PROGRAM, "serve", "--port", str(catalogue.client.base_url.port)]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, timeout=90, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Address already in use. Choose another --port." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_end(catalogue: Server, home: Path, tmp_path: Path) -> None:
    """Deleted is gone at once; SIGTERM ends with status 0; the command line and a new server find the rest."""
    assert catalogue.client.delete("/v1/products/red").status_code == 204
    assert catalogue.client.get("/v1/products/red").status_code == 404
    files = {"image": ("a.jpg", photo(COLORS["red"]))}
    assert "red" not in _shirts(catalogue.client.post("/v1/search/image", files=files))
    assert stop(catalogue) == 0, catalogue.log.read_text()
    for line in catalogue.log.read_text().splitlines():
        assert json.loads(line)["level"] != "error", line

    picture = tmp_path / "look.png"
    picture.write_bytes(photo(COLORS["blue"], "PNG"))
    command = [*PROGRAM, "search", str(picture), "-k", "1", "--supercategory", "upper_wear", "--filter", "price<=50"]
    done = subprocess.run([*command, "--json"], env=environment(home), capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [hit["product_id"] for hit in document["garments"][0]["hits"]] == ["blue"]
    people = subprocess.run(command, env=environment(home), capture_output=True, timeout=90, check=False)
    assert (people.returncode, people.stdout) == (0, b"")
    assert b"blue shirt" in people.stderr

    again = start(home, tmp_path / "again.log")
    assert (
        _shirts(again.client.post("/v1/search/text", json={"text": "green", "supercategory": "upper_wear"}))[0]
        == "green"
    )
    assert stop(again) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["search"], 2, "Give an IMAGE"),
        (["search", "missing.jpg"], 2, "does not exist"),
        (["search", "--text", "x" * 10_000], 2, "10,000 characters"),
        (["search", "--text", "red", "--filter", "sleeve=long"], 2, "There is no filter 'sleeve'"),
        (["search", "--text", "red", "--filter", "price<=cheap"], 2, "needs a number"),
        (["search", "--text", "red", "-k", "0"], 2, "1<=x<=100"),
        (["serve", "--port", "99999"], 2, "99999"),
        (["serve", "--workers", "2"], 2, "shared stores"),
    ],
)
def test_usage(home: Path, arguments: list[str], status: int, words: str) -> None:
    """Wrong usage is one clear message and status 2, before anything is loaded."""
    done = subprocess.run(
        [*PROGRAM, *arguments], env=environment(home), capture_output=True, timeout=90, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
