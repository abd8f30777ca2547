"""The quirks of files that are feeds all the same: tables, JSON in its shapes, encodings, archives."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from engine.domain import Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions

HEADER = "id,title,link,image_link"
GOOD = {"id": "p1", "title": "A shirt", "link": "https://shop.example/p1", "image_link": "p1.jpg"}


def line(number: int | str, more: str = "") -> str:
    return f"{number},Shirt {number},https://x.example/{number},{number}.jpg{more}\n"


def read(
    folder: Path, content: str | bytes, name: str = "feed.csv", options: FeedOptions | None = None
) -> tuple[list[Product], list[FeedError]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = [row for _, row in read_feed(path, options=options)]
    return [r for r in rows if isinstance(r, Product)], [r for r in rows if isinstance(r, FeedError)]


def ids(folder: Path, content: str | bytes, name: str = "feed.csv", options: FeedOptions | None = None) -> list[str]:
    products, errors = read(folder, content, name, options)
    assert errors == []
    return [product.product_id for product in products]


@pytest.mark.parametrize(
    "first", ["sep=;", '"sep=;"', "SEP=;\r", "\ufeffsep=;", "sep=^", "sep=\\t", "sep=\t", "sep=;;;;"]
)
def test_excels_first_line_names_the_separator(tmp_path: Path, first: str) -> None:
    """Quoted or not, with a byte order mark, and for separators that no header would show."""
    mark = "^" if "^" in first else "\t" if "t" in first or "\t" in first else ";"
    assert ids(tmp_path, first + "\n" + (HEADER + "\n" + line(1)).replace(",", mark)) == ["1"]


@pytest.mark.parametrize("words", ["w" * 140_000, "w " * 1_000_000, "w\n" * 200_000, 'a ""b"" ' * 50_000])
def test_a_cell_of_any_size_is_read(tmp_path: Path, words: str) -> None:
    """A description over lines too is cut as from every other format."""
    (product,), errors = read(tmp_path, f'{HEADER},description\n{line(1)[:-1]},"{words}"\n')
    assert (errors, product.product_id) == ([], "1")
    assert 9_000 < len(product.description) <= 10_000


def test_a_header_of_any_length_is_read(tmp_path: Path) -> None:
    """A hundred thousand columns, of which a row fills one."""
    header = ",".join([HEADER, *(f"c{n}" for n in range(100_000))])
    (product,), errors = read(tmp_path, header + "\n" + line(1, "," * 99_999 + ",slim"))
    assert (errors, product.attributes) == ([], {"c99999": "slim"})


@pytest.mark.parametrize(
    "header",
    ["ID,TITLE,LINK,IMAGE_LINK", ' id , title ,"link", Image Link ', "g:id,g:title,g:link,g:image_link",
     "\ufeffid,title,link,image_link", '"id","title","link","image\nlink"', "\n\n  \nid,title,link,image_link"],
)  # fmt: skip
def test_headers_as_programs_write_them(tmp_path: Path, header: str) -> None:
    """Case, blanks, prefixes, quotes, a line end in a quoted name, empty lines before it."""
    assert ids(tmp_path, f"{header}\n{line(1)}") == ["1"]


def test_empty_columns_and_blank_lines_say_nothing(tmp_path: Path) -> None:
    """Separators at the end of the header, of rows, or of both; lines of separators or blanks."""
    assert ids(tmp_path, f"{HEADER},,\n{line(1)}{line(2, ',')}{line(3, ',,')}\n , ,,,\n{line(4, ',,,')}") == list(
        "1234"
    )


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\n\r\n"])
def test_line_ends_of_any_kind(tmp_path: Path, end: str) -> None:
    """An old Mac's too, and both mixed."""
    assert ids(tmp_path, (HEADER + "\n" + line(1) + line(2)).replace("\n", end)) == ["1", "2"]


def test_columns_of_pictures_may_come_again(tmp_path: Path) -> None:
    """Also under a plural name."""
    content = f"{HEADER},additional_image_link,additional_image_links\n{line(1, ',a.jpg,b.jpg')}"
    (product,), _ = read(tmp_path, content)
    assert product.images == ("1.jpg", "a.jpg", "b.jpg")


@pytest.mark.parametrize(
    ("rows", "good", "bad"),
    [
        (line(1) + '2,"open,https://x.example/2,2.jpg,w\n' + line(3), ["1", "3"], [3]),
        (line(1) + '2,B,https://x.example/2,2.jpg,"open to the end\n' + line(3), ["1", "3"], [3]),
        (line(1, ',"w"') + line(2, ',"w') + line(3, ',"w"') + line(4), ["1", "3", "4"], [3]),
        (line(1) + line(2, ',"a"b') + line(3), ["1", "2", "3"], []),
        (line(1) + line(2, ',"two\nlines"') + line(3, ',"w') + line(4), ["1", "2", "4"], [5]),
    ],
)
def test_an_open_quote_costs_its_row_alone(tmp_path: Path, rows: str, good: list[str], bad: list[int]) -> None:
    """Wherever it is, no other row is swallowed; the id that stands before it is told."""
    products, errors = read(tmp_path, f"{HEADER},note\n{rows}")
    assert [p.product_id for p in products] == good
    assert [e.line for e in errors] == bad
    assert all(e.product_id and "uot" in e.reason for e in errors)


@pytest.mark.integration
def test_many_open_quotes_cost_their_rows_alone(tmp_path: Path) -> None:
    """Every tenth of 20,000 rows has one."""
    rows = "".join(line(n, ',"w' if n % 10 == 0 else "") for n in range(1, 20_001))
    products, errors = read(tmp_path, f"{HEADER},note\n{rows}")
    assert (len(products), len(errors)) == (18_000, 2_000)


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ('"=""00123"""', "00123"),
        ('="00123"', "00123"),
        ("'00123", "00123"),
        ("'=1+1", "=1+1"),
        ("'-5", "-5"),
        ("'a", "'a"),
    ],
)
def test_what_only_spreadsheets_need_is_no_part_of_a_value(tmp_path: Path, cell: str, read_as: str) -> None:
    """`="00123"` keeps its zeros; an apostrophe goes where it keeps a formula or a number from being one."""
    assert ids(tmp_path, f"{HEADER}\n{cell},A,https://x.example/1,1.jpg\n") == [read_as]


def test_an_apostrophe_of_a_name_stays(tmp_path: Path) -> None:
    """'47 is a brand."""
    (product,), _ = read(tmp_path, f"{HEADER},brand\n{line(1, chr(44) + chr(39) + '47')}")
    assert product.brand == "'47"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("name", ["feed.csv", "feed.jsonl", "feed.json"])
def test_unicode_in_every_form(tmp_path: Path, encoding: str, name: str) -> None:
    """With a byte order mark or without."""
    rows = [{**GOOD, "title": "Weiß"}, {**GOOD, "id": "p2"}]
    csv = "".join(",".join(row.values()) + "\n" for row in [{key: key for key in GOOD}, *rows])
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    content = {"feed.csv": csv, "feed.jsonl": lines, "feed.json": json.dumps(rows, indent=1, ensure_ascii=False)}[name]
    products, errors = read(tmp_path, content.encode(encoding), name)
    assert ([p.title for p in products], errors) == (["Weiß", "A shirt"], [])


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "shift_jis"])
def test_another_encoding_is_told_by_row_or_named(tmp_path: Path, encoding: str) -> None:
    """Without `--encoding` the rows that are not UTF-8 are refused with their line; with it they are read."""
    title = "靴" if encoding == "shift_jis" else "Größe"
    content = f"{HEADER}\n{line(1)}2,{title},https://x.example/2,2.jpg\n".encode(encoding)
    products, (error,) = read(tmp_path, content)
    assert ([p.product_id for p in products], error.line, "UTF-8" in error.reason) == (["1"], 3, True)
    products, errors = read(tmp_path, content, options=FeedOptions(encoding=encoding))
    assert ([p.title for p in products], errors) == (["Shirt 1", title], [])


def test_nul_characters_are_left_out(tmp_path: Path) -> None:
    """Between letters, in CSV and JSON."""
    (product,), _ = read(tmp_path, f"{HEADER}\n1,A\x00B,https://x.example/1,1.jpg\n")
    assert product.title == "AB"
    (product,), _ = read(tmp_path, json.dumps({**GOOD, "title": "A\x00B"}), "feed.jsonl")
    assert product.title == "AB"


ROWS = [GOOD, {**GOOD, "id": "p2", "shipping": [{"country": "DE"}], "note": 'a "{[" b \\'}, {**GOOD, "id": "p3"}]
SHAPES = {
    "list": json.dumps(ROWS),
    "list, indented": json.dumps(ROWS, indent=2),
    "list, not indented": json.dumps(ROWS, indent=0),
    "list, a product a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "list, commas first": "[" + "\n,".join(map(json.dumps, ROWS)) + "]",
    "list, begun in the line": "[" + ",\n".join(map(json.dumps, ROWS)) + "]",
    "objects, one after the other": "".join(map(json.dumps, ROWS)),
    "objects, indented": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "objects with commas": ",\n".join(json.dumps(row, indent=2) for row in ROWS),
    "text sequence": "".join(f"\x1e{json.dumps(row)}\n" for row in ROWS),
    "envelope, named": json.dumps({"title": "A shop", "count": 3, "products": ROWS}),
    "envelope, plain": json.dumps({"products": ROWS}),
    "envelope, indented": json.dumps({"shop": {"id": 1}, "meta": {"items": []}, "items": ROWS}, indent=2),
    "envelope in an envelope": json.dumps({"data": {"meta": [1, {"a": 2}], "products": ROWS}, "next": None}),
    "lines": "\n\n".join(map(json.dumps, ROWS)),
    "lines with carriage returns": "\r".join(map(json.dumps, ROWS)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["feed.json", "feed.jsonl", "feed", "feed.txt"])
def test_json_in_its_shapes(tmp_path: Path, shape: str, name: str) -> None:
    """A list, objects one after the other, a list under a key: told by what is in the file, not by its name."""
    assert ids(tmp_path, SHAPES[shape], name) == ["p1", "p2", "p3"]


@pytest.mark.parametrize(
    ("content", "good", "lines"),
    [
        (f"[{json.dumps(GOOD)},\n{{broken}},\n{json.dumps({**GOOD, 'id': 'p2'})}]", ["p1", "p2"], [2]),
        (f'[\n{json.dumps(GOOD, indent=1)},\n{{"id": [1, 2}},\n{json.dumps({**GOOD, "id": "p2"})}]', ["p1", "p2"], [8]),
        (
            f'[\n{json.dumps(GOOD, indent=1)},\n7, "x", {{"id": "a\n"}},\n{json.dumps({**GOOD, "id": "p2"})}]',
            ["p1", "p2"],
            [8],
        ),
        ('{"id": 1' + f"\n{json.dumps(GOOD)}\n", ["p1"], [1]),
    ],
)
def test_a_bad_object_costs_itself_alone(tmp_path: Path, content: str, good: list[str], lines: list[int]) -> None:
    """In a list as in lines."""
    products, errors = read(tmp_path, content, "feed.json")
    assert ([p.product_id for p in products], [e.line for e in errors]) == (good, lines)


@pytest.mark.parametrize(
    "content", [json.dumps(ROWS)[:-1], json.dumps(ROWS, indent=1)[:-40], "[\n" + json.dumps(GOOD) + ",\n"]
)
def test_json_that_is_cut_short_says_so(tmp_path: Path, content: str) -> None:
    """What was whole is read before, so that nothing is pruned for want of its end."""
    (tmp_path / "feed.json").write_text(content)
    rows = []
    with pytest.raises(FeedUnreadable, match=r"cut short|ends inside"):
        rows.extend(read_feed(tmp_path / "feed.json"))
    assert isinstance(rows[0][1], Product)


def test_numbers_and_keys_of_json(tmp_path: Path) -> None:
    """Ids that are numbers keep every digit; NaN is nothing; a key that comes again must say the same."""
    rows = [
        '{"id": 12345678901234567890123, "brand": NaN, "gtin": 1.0, %s}',
        '{"id": 7, "id": 7, "color": "", "colour": "red", %s}',
        '{"id": 8, "brand": "A", "Brand": "B", %s}',
        '{"id": 9, "price": Infinity, %s}',
        '{"id": ' + "9" * 5_000 + ", %s}",
    ]
    rest = json.dumps(GOOD)[1:-1].partition(", ")[2]
    products, errors = read(tmp_path, "\n".join(row % rest for row in rows), "feed.jsonl")
    assert [p.product_id for p in products] == ["12345678901234567890123", "7"]
    assert (products[0].brand, products[1].color) == (None, "red")
    assert [(e.line, e.product_id) for e in errors] == [(3, "8"), (4, None), (5, None)]
    assert "brand more than once" in errors[0].reason


def zipped(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return data.getvalue()


CSV = HEADER + "\n" + line(1) + line(2)


def test_archives(tmp_path: Path) -> None:
    """gzip, several members of it, gzip in gzip, a zip with one feed beside a Mac's own files."""
    packed = gzip.compress(CSV.encode())
    parts = gzip.compress((HEADER + "\n" + line(1)).encode()) + gzip.compress(line(2).encode())
    for content in (packed, parts, gzip.compress(packed), zipped(feed_csv=CSV, _DS_Store="x")):
        assert ids(tmp_path, content, "feed.csv") == ["1", "2"]
    assert ids(tmp_path, zipped(export_csv=CSV), "feed.zip") == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(zipped(a_csv=CSV, b_csv=CSV), "2 files"), (zipped(), "0 files"), (b"BZh91AY", "bzip2"), (b"%PDF-1.4", "PDF"),
     (b"\xd0\xcf\x11\xe0a", "Excel"), (gzip.compress(zipped(a_csv=CSV)), "zip inside"), (b"PAR1\x15", "Parquet")],
)  # fmt: skip
def test_files_of_another_kind_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    """Each with what to do."""
    with pytest.raises(FeedUnreadable, match=words):
        read(tmp_path, content)


@pytest.mark.parametrize("cut", [60, 8, 1])
def test_a_small_archive_that_is_cut_short_gives_what_it_has(tmp_path: Path, cut: int) -> None:
    """Its rows first, then the damage; a cut in the last bytes, which only check the rest, is one too."""
    rows = "".join(line(n) for n in range(200))
    (tmp_path / "feed.csv.gz").write_bytes(gzip.compress((HEADER + "\n" + rows).encode())[:-cut])
    found = []
    with pytest.raises(FeedUnreadable, match="cut short"):
        found.extend(read_feed(tmp_path / "feed.csv.gz"))
    assert len(found) > 50


def test_a_password_in_an_address_is_not_told(tmp_path: Path) -> None:
    """Whatever is wrong with the row."""
    content = (
        f"{HEADER},price\n1,A,ftp://me:secret@x.example/1,1.jpg,\n2,A,https://x.example/2,2.jpg,https://me:secret@x\n"
    )
    _, errors = read(tmp_path, content)
    assert len(errors) == 2
    assert not any("secret" in error.reason for error in errors)
