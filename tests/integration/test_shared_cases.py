"""Inputs of strangers that failed once, each with the value that its README calls right, with the starter models.

The files lie beside the repository, in `../shared/cases`; where that folder is missing, these tests are skipped. The
same kinds are tested on inputs made here wherever their code is tested.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import thatlook
from engine.domain import Product
from tests.fixtures.program import PROGRAM, ROOT, Server, environment, start, stop

CASES = ROOT.parent / "shared" / "cases"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not CASES.is_dir(), reason="the folder ../shared/cases is not beside this checkout"),
]
FEEDS = {
    "price-forms": "feed.jsonl", "sale-price-dates": "feed.xml", "category-google-id": "feed.jsonl",
    "html-entities": "feed.xml", "nfc-nfd": "feed.jsonl", "slash-values": "feed.csv", "csv-sep-line": "feed.csv",
    "csv-huge-description": "feed.csv", "item-group-sizes": "feed.jsonl", "cli-comma-value": "feed.jsonl",
    "poison-exif-ingest": "exif.jsonl", "poison-avif-ingest": "avif.jsonl", "avif-stops-ingest": "avif.jsonl",
}  # fmt: skip
POLOS = {"sc", "sc2", "sc3", "c1", "c2", "c3"}


class Shop:
    """A home that took every feed of the cases in, and what its runs and its ledger say."""

    def __init__(self, home: Path) -> None:
        self.home, self.runs = home, dict[str, Any]()
        with thatlook.open(home, profile="starter", threads=1) as shop:
            assert isinstance(shop, thatlook.Embedded)
            for case, feed in FEEDS.items():
                shutil.copytree(CASES / case, home / "cases" / case)
                self.runs[case] = shop.ingest(home / "cases" / case / feed)
            self.runs["german"] = shop.ingest(home / "cases/category-google-id/de.jsonl")
            self.runs["csv"] = shop.ingest(home / "cases/html-entities/feed.csv")
            with shop._used() as parts:
                self.entries = parts.ledger.get(list(parts.ledger.ids()))

    def product(self, product_id: str) -> Product:
        return self.entries[product_id].product

    def supercategories(self, product_id: str) -> set[str]:
        return {name for name, _ in self.entries[product_id].items}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tests.fixtures.program.environment", lambda home: environment(home) | {"THATLOOK_PROFILE": "starter"}
        )
        running = start(shop.home, shop.home / "server.log")
    yield running
    stop(running)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[thatlook.Client]:
    with thatlook.Client(str(server.client.base_url)) as client:
        yield client


def ids(answer: thatlook.Answer) -> list[str]:
    return [hit.product_id for garment in answer.garments for hit in garment.hits]


def test_one_bad_picture_stops_no_other_product(shop: Shop) -> None:
    """Odd EXIF is read, damaged AVIFs are refused alone, everything else is indexed."""
    assert (shop.runs["poison-exif-ingest"].indexed, shop.runs["poison-avif-ingest"].indexed) == (3, 2)
    assert (shop.runs["poison-avif-ingest"].refused, shop.runs["avif-stops-ingest"].indexed) == (1, 2)


def test_tables_of_any_size_and_of_excel(shop: Shop) -> None:
    """A huge cell is cut as in other formats; Excel's first line is no header."""
    assert 9_990 <= len(shop.product("h1").description) <= 10_000
    assert shop.product("s1").price == 49.90


def test_prices_and_sales(shop: Shop) -> None:
    """Every way to write a price; a sale counts while it lasts."""
    prices = [(shop.product(f"p{n}").price, shop.product(f"p{n}").currency) for n in range(5)]
    assert prices == [(49.9, "USD"), (49.9, "USD"), (49.9, "BRL"), (49.9, "USD"), (129900.0, "INR")]
    assert [shop.product(each).effective_price for each in ("past", "future", "now")] == [49.90, 49.90, 19.90]


@pytest.mark.parametrize("feed", ["feed.jsonl", "de.jsonl"])
def test_categories_by_number_path_and_language(shop: Shop, feed: str) -> None:
    """What the shop says of the kind decides; a row that says nothing has the kind of the rows with its picture."""
    rows = [json.loads(line) for line in (CASES / "category-google-id" / feed).read_text("utf-8").splitlines()]
    assert {row["id"]: shop.supercategories(row["id"]) for row in rows} == {row["id"]: {row["x_true"]} for row in rows}
    assert shop.runs["category-google-id" if feed == "feed.jsonl" else "german"].guessed == 0


def test_entities_and_composed_letters(shop: Shop, client: thatlook.Client) -> None:
    """Decoded once, in titles, brands and links; a brand and a file are found in either form."""
    assert (shop.product("cdata").title, shop.product("cdata").brand) == ('H&M Polo – "Navy"', "H&M")
    assert (shop.product("csv").link, shop.product("csv").brand) == ("https://s.example/1?a=1&b=2", "H&M")
    assert {"cdata", "csv"} <= set(ids(client.search_text("polo", k=20, filters={"brand": "H&M"})))
    assert set(ids(client.search_text("polo", k=20, filters={"brand": "Chloé"}))) == {"nfc", "nfd"}
    assert shop.runs["nfc-nfd"].indexed == 3


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"color": "Black/White"}, {"sc"}),
        ({"size": "16/34"}, {"sc2"}),
        ({"size": "34"}, {"sc3"}),
        ({"size": "S/M"}, {"sc"}),
        ({"material": "Cotton/Elastane"}, {"sc"}),
        ({"material": "cotton"}, {"sc", "sc2"}),
        ({"brand": "Barneys, New York"}, {"c1"}),
        ({"attributes": {"Size (EU)": "38"}}, {"c1"}),
    ],
)
def test_filters_find_what_a_field_says(client: thatlook.Client, filters: dict[str, Any], found: set[str]) -> None:
    """Exactly, and by the parts of what is a list."""
    assert set(ids(client.search_text("polo", k=100, filters=filters, group="none"))) & POLOS == found


@pytest.mark.parametrize("spelling", ["in stock", "instock", "InStock", "https://schema.org/InStock", "in_stock"])
def test_availability_in_every_spelling(client: thatlook.Client, spelling: str) -> None:
    """As feeds spell it; a word that is none of the four is refused with the four."""
    assert len(ids(client.search_text("polo", k=50, filters={"availability": spelling}))) > 10
    with pytest.raises(thatlook.FilterRejected, match="in_stock, out_of_stock, preorder, backorder"):
        client.search_text("polo", filters={"availability": "sometimes"})


def test_sizes_of_one_dress_are_one_hit(client: thatlook.Client) -> None:
    """Eleven sizes: once among the hits, with all as variants; all of them where asked for."""
    (dress,) = [hit for hit in client.search_text("grey striped maxi dress", k=10).garments[0].hits if hit.variants]
    assert dress.product_id.startswith("st-00026-")
    assert len(dress.variants) == 11
    every = ids(client.search_text("grey striped maxi dress", k=11, group="none"))
    assert sum(each.startswith("st-00026-") for each in every) == 11
    assert not [each for each in ids(client.similar("st-00026-XS", k=10)) if each.startswith("st-00026-")]


PICTURES = [
    *(f"exif-odd-type-500/{name}.jpg" for name in (
        "exif_make_rational", "exif_orient_last_two_xres_srational", "exif_resunit_slong", "exif_software_double",
        "exif_xres_ascii", "exif_ycbcrpos_rational",
    )),
    *(f"png-big-metadata/{name}.png" for name in (
        "flat", "flat_badexifchunk", "flat_badtextcrc", "flat_itxt2mbz", "flat_ztxt2mb")),
    *(f"tiff-orientation-size/flat_o{n}.tif" for n in (2, 5, 6, 7, 8)),
]  # fmt: skip


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_that_every_browser_shows(client: thatlook.Client, picture: str) -> None:
    """Upright, of their own size, with the same garment in them as in the plain picture."""
    answer, plain = (client.search_image(CASES / each) for each in (picture, "tiff-orientation-size/flat.png"))
    assert (answer.width, answer.height) == (480, 640)
    boxes = [each.garments[0].box or () for each in (answer, plain)]
    assert max(abs(a - b) for a, b in zip(*boxes, strict=True)) <= 3


def test_heic_and_color_profiles(client: thatlook.Client) -> None:
    """The same picture in another form: the same garment, colour and, within what rounding moves, scores."""
    pairs = [("heic-upload/base.png", "heic-upload/base.heic", 0.05)]
    for name in ("st-00021", "st-00035", "st-00083"):
        pairs += [
            (f"icc-ignored/{name}_srgb.jpg", f"icc-ignored/{name}_{p}.jpg", 0.05) for p in ("p3", "adobe", "prophoto")
        ]
    for plain, other, most in pairs:
        one, two = (client.search_image(CASES / each, k=3).garments[0] for each in (plain, other))
        assert one.supercategory == two.supercategory
        scores = {hit.product_id: hit.score for hit in two.hits}
        assert abs(one.hits[0].score - scores[one.hits[0].product_id]) <= most, other
        colors = [
            [why for why in hit.why if why.startswith("The colour of the photo")] for hit in (one.hits[0], two.hits[0])
        ]
        assert colors[0] == colors[1], other


@pytest.mark.parametrize("folder", ["avif-bitflip-500", "avif-damaged-500", "decode-escape", "avif-poisons-api-intake"])
def test_damaged_pictures_are_refused_by_name(client: thatlook.Client, folder: str) -> None:
    """422, never a failure of ours."""
    for picture in sorted((CASES / folder).iterdir()):
        if picture.name != "README":
            with pytest.raises(thatlook.ImageUnreadable, match=r"damaged|not an image"):
                client.search_image(picture)


def test_pictures_that_cost_more_than_they_are_worth(client: thatlook.Client) -> None:
    """20,000 scans are refused at once; 49 megapixels of 16-bit grey are answered within the budget."""
    begun = time.monotonic()
    with pytest.raises(thatlook.ImageTooLarge, match="scans"):
        client.search_image(CASES / "jpeg-many-scans/jpeg_20000_scans.jpg")
    assert time.monotonic() - begun < 2
    with contextlib.suppress(thatlook.NoGarmentFound):
        grey = client.search_image(CASES / "png-49mp-grey16/png_49MP_grey16.png")
        assert (grey.width, grey.height) == (7070, 7070)


def test_odd_requests_are_understood_or_refused(server: Server) -> None:
    """Parts without a file name, base64 of every kind, fields in latin-1, parameters beside a body."""
    polo = (CASES / "base64-forms/polo.jpg").read_bytes()
    url_safe = base64.urlsafe_b64encode(polo).decode().rstrip("=")
    forms = [url_safe, "DATA:image/jpeg;base64," + base64.b64encode(polo).decode(), base64.encodebytes(polo).decode()]
    for form in forms:
        assert server.client.post("/v1/search/image", json={"image_base64": form}).status_code == 200
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    for name in ('name="image"', 'name="image"; filename=""'):
        body = f"--x\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + polo + b"\r\n--x--\r\n"
        assert server.client.post("/v1/search/image", content=body, headers=boundary).status_code == 200
    latin = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nrobe \xe9t\xe9\r\n--x--\r\n'
    assert server.client.post("/v1/search/hybrid", content=latin, headers=boundary).status_code == 422
    beside = server.client.post(
        '/v1/search/image?k=2&filters={"price":{"max":1}}', files={"image": ("polo.jpg", polo)}
    ).json()
    assert [garment["hits"] for garment in beside["garments"]] == [[]]


def test_a_feed_of_markup_and_one_of_comments(tmp_path: Path) -> None:
    """Ids that look like markup are printed; 50,000 opened comments are read in the time that they are long."""
    shutil.copytree(CASES / "markup-id", tmp_path / "markup")
    for feed, told in ((tmp_path / "markup/markup.jsonl", "[/red]"), (CASES / "redos-xml-comment/rc50000.xml", "")):
        command = [*PROGRAM, "--home", str(tmp_path / "home"), "ingest", str(feed)]
        settings = environment(tmp_path / "home") | {"THATLOOK_PROFILE": "starter"}
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert told in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "unexpected" not in done.stderr
