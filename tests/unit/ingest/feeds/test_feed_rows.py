"""Feeds: every dialect that is read, and every bad row, told with its line and why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from engine.domain import Availability, Product
from engine.errors import FeedUnreadable
from engine.products.money import parse_money
from engine.seams import FeedError
from ingest.feeds.columns import column_name
from ingest.feeds.reader import read_feed

GOOD = {"id": "p1", "title": "A shirt", "link": "https://shop.example/p1", "image_link": "p1.jpg"}
HEADER = "id,title,link,image_link"


def read(path: Path) -> tuple[list[Product], list[FeedError]]:
    rows = [row for _, row in read_feed(path)]
    return [r for r in rows if isinstance(r, Product)], [r for r in rows if isinstance(r, FeedError)]


def jsonl(tmp_path: Path, *rows: object) -> Path:
    feed = tmp_path / "feed.jsonl"
    feed.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return feed


def text(tmp_path: Path, content: str | bytes, name: str = "feed.csv") -> Path:
    feed = tmp_path / name
    feed.write_bytes(content if isinstance(content, bytes) else content.encode())
    return feed


def test_every_field_of_google_merchant_is_taken(tmp_path: Path) -> None:
    """Each of Google's names reaches its place, and further columns become attributes."""
    feed = jsonl(
        tmp_path,
        {
            **GOOD, "description": "Soft", "additional_image_link": ["b.jpg", "p1.jpg", "c.jpg"],
            "price": "49.90 EUR", "sale_price": "39.90 EUR", "availability": "preorder", "brand": "Acme",
            "color": "Navy/White", "gender": "female", "age_group": "adult", "size": "M", "material": "cotton",
            "pattern": "striped", "product_type": "Tops > Shirts", "google_product_category": "212",
            "item_group_id": "g1", "fit": "slim", "Sleeve Length": "long", "attributes": {"neck": "crew"},
        },
    )  # fmt: skip
    (product,), errors = read(feed)
    assert errors == []
    assert product == Product(
        "p1", "A shirt", "https://shop.example/p1", ("p1.jpg", "b.jpg", "c.jpg"), "Soft", 49.9, 39.9, "EUR",
        Availability.PREORDER, "Acme", "Navy/White", "female", "Tops > Shirts", "g1",
        {"age_group": "adult", "size": "M", "material": "cotton", "pattern": "striped", "fit": "slim",
         "Sleeve Length": "long", "neck": "crew"},
        ("Tops > Shirts", "Apparel & Accessories > Clothing > Shirts & Tops"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["image_link", "g:image_link", "Image Link", "image-link", "IMAGE LINK", "imageLink", " image_link ",
     "G:Image_Link"],
)  # fmt: skip
def test_dialects_of_a_header_are_one_name(header: str) -> None:
    """Google's prefix, spaces, hyphens, case and humps make no difference."""
    assert column_name(header) == "image_link"


def test_an_unknown_header_keeps_its_own_name() -> None:
    """Only the prefix goes, as the name becomes a filter."""
    assert column_name("g:Sleeve Length") == "Sleeve Length"


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [("49.90 EUR", 49.9, "EUR"), ("EUR 49.90", 49.9, "EUR"), ("49,90 €", 49.9, "EUR"), ("$1,299.00", 1299.0, "USD"),
     ("1.299,00 eur", 1299.0, "EUR"), ("1,299", 1299.0, None), ("1.299", 1.299, None), ("1 299,50 zł", 1299.5, "PLN"),
     ("1'299.50 CHF", 1299.5, "CHF"), ("1.234.567", 1234567.0, None), ("0", 0.0, None), (12, 12.0, None),
     (9.5, 9.5, None), ("49.90\u00a0EUR", 49.9, "EUR")],
)  # fmt: skip
def test_prices_as_shops_write_them(written: object, amount: float, currency: str | None) -> None:
    """The decimal mark is told from the thousands', the currency from either side."""
    assert parse_money(written) == (amount, currency)


@pytest.mark.parametrize(
    "written",
    ["free", "-5 EUR", "EUR", "10 EUR USD", "EUR 10 USD", "1,2,3", "1.2.3 EUR", "nan", float("nan"), float("inf"), -1,
     True, "10-20 EUR", "10..5", "1,23,45.00", "12;50 EUR"],
)  # fmt: skip
def test_broken_prices(written: object) -> None:
    """What is not clearly an amount of money is no price."""
    with pytest.raises(ValueError, match=r"price|currenc"):
        parse_money(written)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "id is empty"),
        ({"id": "x" * 201}, "201 characters"),
        ({"id": "a\nb"}, "control"),
        ({"title": "  "}, "title is empty"),
        ({"title": None}, "title is empty"),
        ({"link": "javascript:alert(1)"}, "not an http"),
        ({"link": "/p1"}, "not an http"),
        ({"image_link": ""}, "image_link is empty"),
        ({"image_link": []}, "image_link is empty"),
        ({"price": "cheap"}, "price: 'cheap' is not a price"),
        ({"sale_price": "-1 EUR"}, "sale_price"),
        ({"price": "10 EUR", "sale_price": "9 USD"}, "different currencies"),
        ({"availability": "maybe"}, "availability 'maybe'"),
        ({"title": "caf\ud800"}, "UTF-8"),
    ],
)
def test_a_bad_row_is_told_and_the_rest_goes_on(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    """One bad row between two good ones: both good ones come, the bad one with its line and its reason."""
    feed = jsonl(tmp_path, {**GOOD, "id": "a"}, {**GOOD, **change}, {**GOOD, "id": "z"})
    products, (error,) = read(feed)
    assert [p.product_id for p in products] == ["a", "z"]
    assert error.line == 2
    assert reason in error.reason


@pytest.mark.parametrize("line", ["{broken", "[1, 2]", '"text"', "{}}", "\x00", "[" * 100_000])
def test_a_line_that_is_no_object(tmp_path: Path, line: str) -> None:
    """Broken JSON is that line's matter alone."""
    products, (error,) = read(jsonl(tmp_path, GOOD, "", line, {**GOOD, "id": "z"}))
    assert len(products) == 2
    assert (error.line, error.product_id) == (3, None)
    assert "JSON object" in error.reason


def test_a_duplicate_id_is_told_and_the_first_stays(tmp_path: Path) -> None:
    """The second row names the line of the first."""
    (product,), (error,) = read(jsonl(tmp_path, GOOD, {**GOOD, "title": "Another"}))
    assert product.title == "A shirt"
    assert (error.line, error.product_id, error.feed) == (2, "p1", "feed.jsonl")
    assert "line 1" in error.reason


def test_an_id_whose_first_row_was_bad_may_come_again(tmp_path: Path) -> None:
    """A row that was not taken does not stand in the way of a good one."""
    products, errors = read(jsonl(tmp_path, {**GOOD, "price": "?"}, GOOD))
    assert [p.product_id for p in products] == ["p1"]
    assert len(errors) == 1


@pytest.mark.parametrize("name", ["feed.csv", "feed.tsv", "feed.txt", "feed", "feed.csv.gz"])
@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_separators_are_found_by_the_header(tmp_path: Path, name: str, mark: str) -> None:
    """Whatever the suffix says, the mark that gives the most known names separates."""
    content = mark.join(GOOD) + "\r\n" + mark.join(GOOD.values()) + "\r\n"
    feed = text(tmp_path, gzip.compress(content.encode()) if name.endswith("gz") else content, name)
    (product,), errors = read(feed)
    assert (product.product_id, product.images, errors) == ("p1", ("p1.jpg",), [])


def test_quoted_newlines_and_byte_order_marks(tmp_path: Path) -> None:
    """A quoted cell may go over lines; the next row's line is still right."""
    content = f'\ufeff{HEADER},description\n1,A,https://x.example/1,1.jpg,"two\nlines, ""quoted"""\n2,,https://x.example/2,2.jpg,\n'
    (product,), (error,) = read(text(tmp_path, content))
    assert product.description == 'two\nlines, "quoted"'
    assert (error.line, error.product_id) == (4, "2")


def test_utf_16_is_read(tmp_path: Path) -> None:
    """Spreadsheets save tab-separated text so."""
    content = "id\ttitle\tlink\timage_link\n1\tHemd in Weiß\thttps://x.example/1\t1.jpg\n"
    (product,), _ = read(text(tmp_path, content.encode("utf-16"), "feed.txt"))
    assert product.title == "Hemd in Weiß"


def test_a_row_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    """Latin-1 in one row leaves the others."""
    content = f"{HEADER}\n1,Weiß,https://x.example/1,1.jpg\n".encode("latin-1") + b"2,A,https://x.example/2,2.jpg\n"
    (product,), (error,) = read(text(tmp_path, content))
    assert product.product_id == "2"
    assert (error.line, "UTF-8" in error.reason) == (2, True)


def test_a_stray_quote_does_not_swallow_the_rows_behind(tmp_path: Path) -> None:
    """An open quotation mark costs its own row; the rows behind it are read."""
    rows = [f"{i},A,https://x.example/{i},{i}.jpg\n" for i in range(1, 500)]
    rows[1] = '2,"A,https://x.example/2,2.jpg\n'
    products, errors = read(text(tmp_path, HEADER + "\n" + "".join(rows)))
    assert len(products) == 498
    assert [(e.line, "quotation" in e.reason) for e in errors] == [(3, True)]


def test_an_inch_mark_inside_a_cell_is_no_quote(tmp_path: Path) -> None:
    """`5" heel` is a title."""
    (product,), errors = read(text(tmp_path, f'{HEADER}\n1,Boot 5" heel,https://x.example/1,1.jpg\n'))
    assert (product.title, errors) == ('Boot 5" heel', [])


def test_rows_of_another_length(tmp_path: Path) -> None:
    """Too many cells or too few for a known column are told; empty ones at the end may be missing or too many."""
    content = f"{HEADER},price,fit\n1,A,https://x.example/1,1.jpg,9 EUR\n2,A,https://x.example/2\n" \
              "3,A,https://x.example/3,3.jpg,9 EUR,slim,more\n4,A,https://x.example/4,4.jpg,9 EUR,slim,,\n"  # fmt: skip
    products, errors = read(text(tmp_path, content))
    assert [p.product_id for p in products] == ["1", "4"]
    assert [(e.line, e.reason) for e in errors] == [
        (3, "The row has 3 cells, the header 6."), (4, "The row has 7 cells, the header 6."),
    ]  # fmt: skip


def test_an_endless_line_costs_itself_alone(tmp_path: Path) -> None:
    """A line of several megabytes is no row, in both formats."""
    content = f"{HEADER}\n1,{'x' * 5_000_000},https://x.example/1,1.jpg\n2,A,https://x.example/2,2.jpg\n"
    products, errors = read(text(tmp_path, content))
    assert ([p.product_id for p in products], [e.line for e in errors]) == (["2"], [2])
    products, errors = read(jsonl(tmp_path, GOOD, {**GOOD, "id": "y" * 5_000_000}, {**GOOD, "id": "z"}))
    assert ([p.product_id for p in products], [e.line for e in errors]) == (["p1", "z"], [2])


@pytest.mark.parametrize(
    ("cell", "images"),
    [("b.jpg,c.jpg", ("b.jpg", "c.jpg")), ("https://x.example/b.jpg, https://x.example/c", ("https://x.example/b.jpg", "https://x.example/c")),
     ("https://x.example/w_1,h_2/b.jpg", ("https://x.example/w_1,h_2/b.jpg",))],
)  # fmt: skip
def test_several_pictures_in_one_cell(tmp_path: Path, cell: str, images: tuple[str, ...]) -> None:
    """Commas separate pictures, but those inside an address stay."""
    content = f'{HEADER},additional_image_link\n1,A,https://x.example/1,1.jpg,"{cell}"\n'
    (product,), _ = read(text(tmp_path, content))
    assert product.images == ("1.jpg", *images)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("in stock", "in_stock"), ("In Stock", "in_stock"), ("https://schema.org/OutOfStock", "out_of_stock"),
     ("pre-order", "preorder"), ("", "in_stock"), ("backorder", "backorder")],
)  # fmt: skip
def test_availability_in_its_dialects(tmp_path: Path, written: str, meant: str) -> None:
    """Old feeds write it with spaces, pages as addresses of schema.org."""
    (product,), _ = read(jsonl(tmp_path, {**GOOD, "availability": written}))
    assert product.availability == meant


def test_a_missing_column_names_it_and_what_was_found(tmp_path: Path) -> None:
    """The shop's staff see at once which column to add or rename."""
    with pytest.raises(FeedUnreadable, match=r"no column image_link\. Columns found: foto, id, link, title"):
        read(text(tmp_path, "id,title,link,foto\n1,A,https://x.example/1,1.jpg\n"))
    with pytest.raises(FeedUnreadable, match="no column link"):
        read(jsonl(tmp_path, {"id": "1", "title": "A", "image_link": "1.jpg"}))
    with pytest.raises(FeedUnreadable, match="color more than once"):
        read(text(tmp_path, f"{HEADER},color,Colour\n"))


def test_feeds_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    """No such file, a folder, nothing in it, or a format of another kind: each is said."""
    with pytest.raises(FeedUnreadable, match="There is no feed"):
        read(tmp_path / "none.csv")
    with pytest.raises(FeedUnreadable, match="is a folder"):
        read(tmp_path)
    with pytest.raises(FeedUnreadable, match="no column"):
        read(text(tmp_path, ""))
    with pytest.raises(FeedUnreadable, match="XML"):
        read(text(tmp_path, "<?xml version='1.0'?><rss/>", "feed.xml"))
    with pytest.raises(FeedUnreadable, match="without a list of products"):
        read(text(tmp_path, "[1, 2]", "feed.json"))


def test_an_archive_that_is_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    """Rows before the damage come; then the damage is told."""
    rows = "".join(json.dumps({**GOOD, "id": f"{i}-{hash(str(i))}"}) + "\n" for i in range(5_000))
    whole = gzip.compress(rows.encode())
    rows_read = []
    with pytest.raises(FeedUnreadable, match="cut short"):
        rows_read.extend(read_feed(text(tmp_path, whole[: len(whole) // 2], "feed.jsonl.gz")))
    assert 100 < len(rows_read) < 5_000
