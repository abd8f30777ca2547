"""Feeds as spreadsheets, databases, shop programs and APIs really write them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from engine.domain import Product
from engine.errors import FeedUnreadable
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions
from tests.unit.ingest.feeds.test_feed_formats import GOOD, HEADER, ids, line, read

ROWS = f"{HEADER}\n{line(1)}{line(2)}"
GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'


@pytest.mark.parametrize(
    "content",
    [
        f"My shop's feed\n\n{ROWS}",
        f"# exported 2026-11-30\n# by a program\n{ROWS}",
        f'"Products, all"\n{ROWS}',
        "\n".join(f'"{row}"' for row in ROWS.splitlines()),
        "\n".join([HEADER, *(f'"{row}"' for row in ROWS.splitlines()[1:])]),
        'id, "title", "link", "image_link"\n'
        + "".join(f'"{n}", "Shirt, red", "https://x.example/{n}", 1.jpg\n' for n in (1, 2)),
        f"{ROWS}\x1a",
        f"{ROWS}{chr(0) * 3000}",
        f"{HEADER}\n{chr(0) * 40}\n{line(1)}\x1a\n{line(2)}",
    ],
)
def test_tables_with_something_around_them(tmp_path: Path, content: str) -> None:
    """Titles and comments before the header, rows that are one cell, blanks before quotes, padding, an end mark."""
    assert ids(tmp_path, content) == ["1", "2"]


def test_marks_within_marks(tmp_path: Path) -> None:
    """A row with `\\"` for a quotation mark, and one that a spreadsheet made one cell, are read; others stay bad."""
    odd = '3,"A \\"fancy\\" shirt, red",https://x.example/3,3.jpg\n"4,""Shirt, blue"",https://x.example/4,4.jpg"\n'
    products, errors = read(tmp_path, f"{HEADER}\n{odd}5,a,b,c,d,e\n{line(6)}")
    assert [product.title for product in products] == ['A "fancy" shirt, red', "Shirt, blue", "Shirt 6"]
    assert [error.line for error in errors] == [4]


def test_errors_of_a_spreadsheet_are_empty_cells(tmp_path: Path) -> None:
    """ "#N/A" is no colour and no price, and where an id should be the row is bad."""
    products, errors = read(
        tmp_path, f"{HEADER},color,price\n{line(1)[:-1]},#N/A,#REF!\n#VALUE!,Shirt,https://x.example/2,2.jpg,red,\n"
    )
    assert [(product.color, product.price) for product in products] == [(None, None)]
    assert "id is empty" in errors[0].reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("feed.json", ROWS),
        ("feed.csv", json.dumps({"products": [{**GOOD, "id": "1"}, {**GOOD, "id": "2"}]}, indent=1)),
        ("feed.txt", "[ " + json.dumps({**GOOD, "id": "1"}) + ",\n" + json.dumps({**GOOD, "id": "2"}) + "]"),
    ],
)
def test_a_feed_under_another_kinds_name(tmp_path: Path, name: str, content: str) -> None:
    """What is in the file decides, where that is plain."""
    assert ids(tmp_path, content, name) == ["1", "2"]


CONTENT_API = {"offerId": "1", "title": "A", "link": "https://x.example/1", "imageLink": "https://x.example/1.jpg"}


@pytest.mark.parametrize(
    "document",
    [
        {"resources": [CONTENT_API]},
        {"products": [{"offerId": "1", "productAttributes": {k: v for k, v in CONTENT_API.items() if k != "offerId"}}]},
        {"data": {"products": {"edges": [{"cursor": "x", "node": {**GOOD, "id": "1"}}]}}},
        {"took": 3, "hits": {"total": 1, "hits": [{"_id": "x", "_source": {**GOOD, "id": "1"}}]}},
        [{**GOOD, "id": "1", "image_link": {"url": "https://x.example/1.jpg"}}],
        [{**GOOD, "id": "1", "image_link": [{"src": "1.jpg"}], "additional_image_link": [{"src": "2.jpg"}, "3.jpg"]}],
    ],
)
def test_answers_of_apis_are_feeds(tmp_path: Path, document: object) -> None:
    """Google's Content and Merchant APIs, GraphQL, a search engine, and pictures that are objects."""
    assert ids(tmp_path, json.dumps(document), "feed.json") == ["1"]


SHIRTS = [{**GOOD, "id": n, "title": f"Shirt {n}"} for n in ("1", "2")]
NAMES, VALUES = list(SHIRTS[0]), [list(shirt.values()) for shirt in SHIRTS]
COLUMNS = {name: [shirt[name] for shirt in SHIRTS] for name in NAMES}
WITHOUT_ID = {shirt["id"]: {name: value for name, value in shirt.items() if name != "id"} for shirt in SHIRTS}


@pytest.mark.parametrize(
    "document",
    [
        WITHOUT_ID,
        {"0": SHIRTS[0], "1": SHIRTS[1]},
        {"status": "ok", "count": 2, "products": WITHOUT_ID, "next": {"page": 2}},
        {"count": 2, **WITHOUT_ID},
        COLUMNS,
        {name: {str(row): value for row, value in enumerate(column)} for name, column in COLUMNS.items()},
        {"data": COLUMNS},
        {"columns": NAMES, "index": [0, 1], "data": VALUES},
        {"columns": [{"name": name, "type": "text"} for name in NAMES], "rows": VALUES},
        {"range": "A1:D3", "values": [NAMES, *VALUES]},
        [NAMES, *VALUES],
        {"result": {"header": NAMES, "rows": VALUES}},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_tables_and_objects_under_their_ids_are_feeds(tmp_path: Path, document: object, indent: int | None) -> None:
    """As programs for tables, databases and spreadsheets export: by id, by column, and by row behind the names."""
    products, errors = read(tmp_path, json.dumps(document, indent=indent), "feed.json")
    assert ([(one.product_id, one.title) for one in products], errors) == ([("1", "Shirt 1"), ("2", "Shirt 2")], [])


@pytest.mark.parametrize(
    "document",
    [
        {"products": SHIRTS, "featured": {**GOOD, "id": "9"}},
        {"featured": {**GOOD, "id": "9"}, "products": SHIRTS},
        {"products": SHIRTS, "deleted": {"9": {**GOOD, "id": "9"}}},
        {"shop": {"id": "7", "products": SHIRTS}},
    ],
)
def test_what_stands_beside_the_list_of_products_is_none_of_them(tmp_path: Path, document: object) -> None:
    """A key is an id only where every object has one."""
    assert ids(tmp_path, json.dumps(document), "feed.json") == ["1", "2"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"0": WITHOUT_ID["1"], "1": WITHOUT_ID["2"]}, "no column id"),
        (VALUES, "without names"),
        ({"data": VALUES, "columns": NAMES}, "without names"),
    ],
)
def test_a_place_in_a_table_is_no_id_and_rows_need_names(tmp_path: Path, document: object, words: str) -> None:
    """Numbers from 0 are places, which shift with each export."""
    with pytest.raises(FeedUnreadable, match=words):
        read(tmp_path, json.dumps(document), "feed.json")


def test_rows_of_a_table_are_bad_alone(tmp_path: Path) -> None:
    """One with too many values, one under its id without a title; a short one has nothing in its last columns."""
    rows = [[*NAMES, "color"], VALUES[0], [*VALUES[1], "red", "x"]]
    products, errors = read(tmp_path, json.dumps(rows), "feed.json")
    assert ([one.product_id for one in products], [one.line for one in errors]) == (["1"], [2])
    products, errors = read(tmp_path, json.dumps({**WITHOUT_ID, "3": {"title": "A"}}), "feed.json")
    assert ([one.product_id for one in products], [one.product_id for one in errors]) == (["1", "2"], ["3"])


def test_an_id_twice_in_one_line_counts_once(tmp_path: Path) -> None:
    """Products of a list without line ends are told apart as those of many lines are."""
    products, errors = read(tmp_path, json.dumps([SHIRTS[0], {**SHIRTS[1], "id": "1"}]), "feed.json")
    assert ([one.title for one in products], [one.line for one in errors]) == (["Shirt 1"], [2])


ONE, TWO = (json.dumps(GOOD | {"id": number}) for number in ("1", "2"))


@pytest.mark.parametrize(
    "content",
    [
        f"// export of today\n{ONE}\n# more\n{TWO}\n/* the end */\n",
        f"/* an export\n * of today\n */\n{ONE}\n{TWO}\n",
        f"/* 1 */ {ONE}\n/* 2 */ {TWO}\n",
        f"/* 1 */\n[{ONE},\n// two\n{TWO}]\n",
        f"# today\n[\n{ONE},\n{TWO}\n]\n",
        f")]}}',\n[{ONE},{TWO}]",
        f"callback([{ONE},\n{TWO}]);",
        f"var products = [{ONE}, {TWO}];\n",
        f'window.shop = {{"products": [{ONE}, {TWO}]}};\n',
    ],
)
def test_what_programs_write_around_json_is_no_product(tmp_path: Path, content: str) -> None:
    """Comments, a variable or function that takes it, what keeps a page from reading it."""
    assert ids(tmp_path, content, "feed.json") == ["1", "2"]


SAID = {"id": "1", "title": "A shirt", "link": "/p/1?v=2", "image_link": "1.jpg", "price": "10"}
SAID_ITSELF = {**SAID, "id": "2", "link": "https://x.example/2", "price": "$10"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("feed.csv", "\n".join(",".join(row) for row in (SAID, SAID.values(), SAID_ITSELF.values()))),
        ("feed.jsonl", "\n".join(json.dumps(row) for row in (SAID, SAID_ITSELF))),
        (
            "feed.xml",
            "".join(f"<item {' '.join(f'{k}={v!r}' for k, v in row.items())}/>" for row in (SAID, SAID_ITSELF)),
        ),
    ],
)
def test_what_the_shop_says_counts_where_the_feed_says_nothing(tmp_path: Path, name: str, content: str) -> None:
    """Its address for links that are paths, its currency for prices that name none; in every format."""
    (first, second), errors = read(tmp_path, content, name, FeedOptions("https://shop.example/en", "EUR"))
    assert not errors
    assert (first.link, first.price, first.currency) == ("https://shop.example/p/1?v=2", 10, "EUR")
    assert (second.link, second.price, second.currency) == ("https://x.example/2", 10, "USD")


def test_a_tab_inside_a_json_text_costs_no_product(tmp_path: Path) -> None:
    """Control characters that JSON forbids stand in texts of shops; what is really broken stays a bad row."""
    first = json.dumps({**GOOD, "id": "1"}).replace("A shirt", "A\tshirt\x01")
    products, errors = read(tmp_path, f"{first}\n{first.replace('A', chr(92) + 'x', 1)}\n", "feed.jsonl")
    assert ([product.title for product in products], len(errors)) == (["A shirt"], 1)


def rss(item: str, head: str = "") -> str:
    fields = "<g:id>1</g:id><link>https://x.example/1</link><g:image_link>1.jpg</g:image_link>"
    return f"{head}<rss {GOOGLE}><channel><item>{fields}{item}</item></channel></rss>"


def only(tmp_path: Path, content: str | bytes) -> Product:
    (product,), errors = read(tmp_path, content, "feed.xml")
    assert errors == []
    return product


@pytest.mark.parametrize("odd", ["A\x0b shirt", "A\x00 shirt", "A &#11;shirt", "A&#0; shirt", "A shirt&#xFFFF;"])
def test_characters_that_xml_forbids_are_left_out(tmp_path: Path, odd: str) -> None:
    """As they are from every other format."""
    assert only(tmp_path, rss(f"<title>{odd}</title>")).title == "A shirt"


def test_an_emoji_in_two_halves_is_put_together(tmp_path: Path) -> None:
    """Programs that count in UTF-16 write each half as a reference of its own; half a one is left out."""
    assert only(tmp_path, rss("<title>A &#55357;&#56407; B &#xD83D; &amp; &#233;</title>")).title == "A 👗 B & é"


def test_latin_1_is_windows_latin_1(tmp_path: Path) -> None:
    """As in browsers: a euro sign and quotation marks in a feed that says ISO-8859-1 are what the shop meant."""
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    odd = rss("<title>Café “x”</title><g:price>49,90 €</g:price>", head).encode("cp1252")
    product = only(tmp_path, odd)
    assert (product.title, product.price, product.currency) == ("Café “x”", 49.9, "EUR")


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1251"])
def test_utf_8_that_says_otherwise_is_utf_8(tmp_path: Path, encoding: str) -> None:
    """Programs convert the text and leave the declaration; what is really in that encoding is read in it."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    title = "Café" if encoding == "ISO-8859-1" else "Юбка"
    text = rss(f"<title>{title}</title>", head)
    assert only(tmp_path, text.encode()).title == title
    assert only(tmp_path, text.encode(encoding)).title == title
    late = text.replace("<rss", f"<!--{' ' * 200_000}--><rss")
    assert only(tmp_path, late.encode()).title == only(tmp_path, late.encode(encoding)).title == title


def test_lines_of_json_may_end_with_a_comma(tmp_path: Path) -> None:
    """As those of a list do whose brackets are missing."""
    assert ids(tmp_path, ",\n".join(json.dumps(shirt) for shirt in SHIRTS), "feed.jsonl") == ["1", "2"]


@pytest.mark.parametrize(
    "warning", ["<br />\n<b>Warning</b>: x in <b>a.php</b> on line 3<br />\n", "Notice: x\n", "\n\n"]
)
def test_a_programs_warnings_before_the_feed_are_passed_over(tmp_path: Path, warning: str) -> None:
    """The feed begins with its declaration, and lines are counted from the file's first."""
    (tmp_path / "feed.xml").write_text(warning + rss("<title>A</title>", '<?xml version="1.0"?>\n'))
    rows = list(read_feed(tmp_path / "feed.xml"))
    assert [(number, isinstance(row, Product)) for number, row in rows] == [(warning.count("\n") + 2, True)]


@pytest.mark.parametrize(
    "price",
    [
        "<g:price><g:value>49.90</g:value><g:currency>EUR</g:currency></g:price>",
        '<g:price currency="EUR">49.90</g:price>',
        '<price currencyCode="EUR">49.90</price>',
        '<g:price unit="EUR">49.90 EUR</g:price>',
    ],
)
def test_a_price_in_parts_is_no_lost_price(tmp_path: Path, price: str) -> None:
    """Its currency may be an element or an attribute."""
    product = only(tmp_path, rss(f"<title>A</title>{price}"))
    assert (product.price, product.currency) == (49.9, "EUR")


def tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("feed.csv")
        info.size = len(ROWS)
        archive.addfile(info, io.BytesIO(ROWS.encode()))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tar(), "a tar archive"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"<HTML>Sign in</HTML>", "a web page"),
        (b"", "is empty"),
        (b"\n \n\x00\x00", "is empty"),
    ],
)
@pytest.mark.parametrize("name", ["feed.csv", "feed.json", "feed.xml"])
def test_what_is_no_feed_is_called_by_its_name(tmp_path: Path, content: bytes, words: str, name: str) -> None:
    """Whatever the file is called; of an empty one JSON has no product, and XML no item."""
    path = tmp_path / name
    path.write_bytes(content)
    if words == "is empty" and name == "feed.json":
        assert not [row for _, row in read_feed(path) if isinstance(row, Product)]
        return
    with pytest.raises(FeedUnreadable, match=rf"{words}|without an <item>"):
        list(read_feed(path))


OWN = {"sku": "1", "name": "Shirt", "url": "https://x.example/1", "image": "1.jpg"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("feed.csv", "SKU,Name,URL,Image URL,Colour\n1,Shirt,https://x.example/1,1.jpg,navy\n"),
        ("feed.csv", "product_id;sku;name;url;image\n2;1;Shirt;https://x.example/1;1.jpg\n"),
        ("feed.json", json.dumps([OWN])),
        ("feed.jsonl", json.dumps({**OWN, "Product Name": "Cardigan"})),
        (
            "feed.json",
            json.dumps(
                [{"id": 1, "name": "Shirt", "permalink": OWN["url"], "sku": "S-1", "images": [{"src": "1.jpg"}]}]
            ),
        ),
        ("feed.xml", "<items><item>" + "".join(f"<{k}>{v}</{k}>" for k, v in OWN.items()) + "</item></items>"),
    ],
    ids=["csv", "sku first", "json", "two names", "woocommerce's api", "xml"],
)
def test_a_shops_own_names_stand_for_what_is_required(tmp_path: Path, name: str, content: str) -> None:
    """As tables of databases have them; the likeliest of several."""
    (product,), _ = read(tmp_path, content, name)
    assert (product.product_id, product.title, product.link) == ("1", "Shirt", "https://x.example/1")
    assert product.images == ("1.jpg",)


def test_google_s_names_go_before_a_shops_own(tmp_path: Path) -> None:
    """Then the shop's own are attributes, also of the row whose title is missing: that row is told."""
    content = f"{HEADER},name\n1,A,https://x.example/1,1.jpg,Shirt\n2,,https://x.example/2,2.jpg,Shirt\n"
    (product,), problems = read(tmp_path, content)
    assert (product.title, product.attributes) == ("A", {"name": "Shirt"})
    assert len(problems) == 1
