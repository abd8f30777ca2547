"""Feeds made to cost more than they are worth: each is read or refused in time that grows with its size alone."""

from __future__ import annotations

import gzip
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.domain import Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from ingest.feeds.reader import read_feed

BUDGET_S = 8.0
"""For each file; the worst takes about 1 s alone on a quiet core, a quadratic reader minutes."""
SIZE = 200_000
HEADER = "id,title,link,image_link,description\n"
ROW = "1,A,https://x.example/1,1.jpg,words\n"
ITEM = "<item><id>1</id><title>A</title><link>https://x.example/1</link><g:image_link>1.jpg</g:image_link>{}</item>"
RSS = '<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>{}</channel></rss>'
OBJECT = {"id": "1", "title": "A", "link": "https://x.example/1", "image_link": "1.jpg"}


def times(piece: str, size: int = SIZE) -> str:
    return piece * (size // len(piece))


XML = {
    "comments begun": times("<!--"),
    "comments begun in a feed": RSS.format(times("<!--")),
    "comments begun in an item": RSS.format(ITEM.format(times("<!--"))),
    "CDATA begun": RSS.format(times("<![CDATA[")),
    "instructions begun": times("<?x "),
    "document types begun": times("<!DOCTYPE x ["),
    "brackets": times("<"),
    "tags begun": times("<a "),
    "tags with quotes begun": times('<a b="'),
    "items begun": "<rss>" + times("<item>"),
    "items begun with blanks": "<rss>" + times("<item "),
    "items ended": "<rss>" + times("</item>"),
    "an end with blanks": "<rss><item>" + times("</item   "),
    "a name without end": "<" + "a" * SIZE,
    "a prefix without end": "<" + "a" * SIZE + ":item>",
    "a declaration of the encoding": "<?xml " + times("encoding "),
    "namespaces": RSS.format("").replace("<rss", "<rss " + times("xmlns:a = ")),
    "elements in elements": RSS.format(ITEM.format(times("<a>") + times("</a>"))),
    "elements side by side": RSS.format(ITEM.format("<description>" + times("<b/>x") + "</description>")),
    "one field again and again": RSS.format(ITEM.format(times("<g:color>a</g:color>"))),
    "attributes": RSS.format(ITEM.format("<a " + " ".join(f'a{i}=""' for i in range(20_000)) + "/>")),
    "prefixes": RSS.format(ITEM.format("".join(f"<p{i}:a/>" for i in range(20_000)))),
    "entities": RSS.format(ITEM.format(times("&eacute;"))),
    "ampersands": RSS.format(ITEM.format(times("&"))),
    "a bomb": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + RSS.format(ITEM.format("&b;")),
    "punycode": '<?xml version="1.0" encoding="punycode"?>' + times("a-"),
}
JSON = {
    "lists in lists": times("["),
    "objects begun": times('{"a":'),
    "objects in a list, begun": "[" + times("{"),
    "closed otherwise": '{"a":' + "{" * 100_000 + "]" * 100_000,
    "skipped and closed otherwise": '{"products":[],"a":' + "{" * 100_000 + "]" * 100_000,
    "quotes": times('"'),
    "quotes in an object": "{" + times('"'),
    "escapes": '{"' + times("\\"),
    "keys with blanks": "{" + times('"a"' + " " * 500 + ":"),
    "nested in a row": json.dumps(OBJECT)[:-1] + ', "attributes": ' + "[" * 900 + "]" * 900 + "}",
    "nested very deeply": json.dumps(OBJECT)[:-1] + ', "a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "more parts than a product has": json.dumps(OBJECT)[:-1] + ', "a": [' + "0," * 300_000 + "0]}",
    "a number without end": json.dumps(OBJECT)[:-1] + ', "a": ' + "1" * SIZE + "}",
    "keys without end": json.dumps(dict.fromkeys(map(str, range(40_000)), "a") | OBJECT),
}
CSV = {
    "quotes": HEADER + ROW + times('"'),
    "quotes that open again": HEADER + ROW + times('a"b,"c\n'),
    "quotes that close each other": HEADER + ROW + times('"""\n'),
    "lines that are one quote": HEADER + ROW + times('"\n'),
    "cells": HEADER + ROW + times(","),
    "columns": HEADER.strip() + times(",c") + "\n" + ROW,
    "columns of all names": ",".join([HEADER.strip(), *(f"c{i}" for i in range(200_000))]) + "\n" + ROW,
    "a header in quotes": times('"'),
    "a header of marks": times("\t,;|"),
    "line ends": HEADER + ROW + times("\n"),
    "carriage returns": HEADER + ROW + times("\r"),
    "NULs": HEADER + ROW + times("\x00"),
    "a cell": HEADER + ROW.replace("words", "w" * 3_000_000),
    "formulas": HEADER + ROW.replace("words", "=" + times('"')),
    "addresses with passwords": HEADER.replace("description", "price") + ROW.replace("words", times("://a:")),
}  # fmt: skip


def read(path: Path) -> tuple[list[Product], list[FeedError], str | None]:
    """What a feed gives, and why it breaks off, if it does; fails the test where it takes too long."""
    rows: list[Product | FeedError] = []
    began, why = time.monotonic(), None
    try:
        rows.extend(row for _, row in read_feed(path))
    except FeedUnreadable as error:
        why = error.message
    assert time.monotonic() - began < BUDGET_S
    return [r for r in rows if isinstance(r, Product)], [r for r in rows if isinstance(r, FeedError)], why


@pytest.mark.parametrize("name", XML)
def test_xml(tmp_path: Path, name: str) -> None:
    """A product that is there is read, and nothing else is one."""
    (tmp_path / "feed.xml").write_text(XML[name], "utf-8")
    products, errors, why = read(tmp_path / "feed.xml")
    assert [p.product_id for p in products] in ([], ["1"])
    assert products or errors or why
    assert all(len(error.reason) < 400 for error in errors)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_json(tmp_path: Path, name: str, suffix: str) -> None:
    """The same of JSON, by lines and as a document."""
    (tmp_path / f"feed.{suffix}").write_text(JSON[name], "utf-8")
    products, errors, why = read(tmp_path / f"feed.{suffix}")
    assert [p.product_id for p in products] in ([], ["1"])
    assert products or errors or why


@pytest.mark.parametrize("name", CSV)
def test_csv(tmp_path: Path, name: str) -> None:
    """The same of CSV; the good row before what is hostile is read."""
    (tmp_path / "feed.csv").write_text(CSV[name], "utf-8", newline="")
    products, errors, why = read(tmp_path / "feed.csv")
    if name not in ("a header in quotes", "a header of marks", "addresses with passwords"):
        assert [p.product_id for p in products] == ["1"]
    assert products or errors or why
    assert all(len(error.reason) < 400 for error in errors)


def zeros(name: str, count: int, piece: bytes = b"\n") -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        path = folder / name
        block = piece * ((1 << 20) // len(piece))
        with gzip.open(path, "wb", 9) as packed:
            packed.write((HEADER + ROW).encode())
            for _ in range(count):
                packed.write(block)
        return path

    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [(zeros("feed.csv.gz", 3), "blanks"), (zeros("feed.csv.gz", 20, b"a"), "times its size"),
     (zeros("feed.csv.gz", 8, b"a,b\n"), "bad rows"), (zeros("feed.jsonl.gz", 3, b"\x00"), "blanks")],
)  # fmt: skip
def test_a_bomb_is_refused(tmp_path: Path, made: Callable[[Path], Path], words: str) -> None:
    """Line ends, letters, rows and NULs that a few KB of gzip grow into."""
    products, _, why = read(made(tmp_path))
    assert why is not None
    assert words in why
    assert [p.product_id for p in products] in ([], ["1"])


def test_a_zip_that_lies_is_refused(tmp_path: Path) -> None:
    """A member of blanks, and one whose announced size is wrong."""
    path = tmp_path / "feed.csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("feed.csv", HEADER + ROW + " " * (3 << 20))
    products, _, why = read(path)
    assert ([p.product_id for p in products], "blanks" in str(why)) == (["1"], True)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    assert read(path)[2]
