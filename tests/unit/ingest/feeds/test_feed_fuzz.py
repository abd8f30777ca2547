"""Feeds with bytes turned, cut, doubled and put in: rows, refused rows, or one refusal of the feed; nothing else."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path

import pytest

from engine.errors import FeedUnreadable
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions

TRIES, BUDGET_S = 120, 5.0
"""For each format, and for one feed of a few hundred bytes."""
CSV = "id,title,link,image_link,description\n" + "".join(
    f'{n},"Shirt, {n}",https://x.example/{n},{n}.jpg,"soft ""silk""\nand wool"\n' for n in range(4)
)
ROWS = [
    {"id": n, "title": 'A {["', "link": f"https://x.example/{n}", "image_link": "1.jpg", "a": [{}]} for n in range(3)
]
XML = """<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]>
<rss xmlns:g="http://base.google.com/ns/1.0"><channel><!-- c -->
<item><g:id>1</g:id><title><![CDATA[A & b]]></title><link>https://x.example/1</link>
<g:image_link>1.jpg</g:image_link></item>
<item><g:id>2</g:id><title>&eacute; &amp; c</title><link>https://x.example/2</link>
<g:image_link>2.jpg</g:image_link></item>
</channel></rss>"""
SHOPIFY = """Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Status
a,A,<p>x</p>,V,Color,Red,s1,9.90,https://x.example/1.jpg,active
a,,,,,Blue,s2,9.90,,
a,,,,,,,,https://x.example/2.jpg,
"""
WOO = """ID,Type,SKU,Name,Published,In stock?,Regular price,Images,Parent,Attribute 1 name,Attribute 1 value(s)
1,variable,p,A,1,1,,https://x.example/1.jpg,,Color,"Red, Blue"
2,variation,q,A,1,1,9,,id:1,Color,Red
"""
SEEDS = {
    "feed.csv": CSV.encode(), "sep.csv": b"sep=,\n" + CSV.encode(), "wide.txt": CSV.encode("utf-16"),
    "feed.csv.gz": gzip.compress(CSV.encode() * 9), "feed.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "feed.json": json.dumps({"items": ROWS}, indent=1).encode(), "feed.xml": XML.encode(),
    "shopify.csv": SHOPIFY.encode(), "woo.csv": WOO.encode(),
}  # fmt: skip
PIECES = [b'"', b"\n", b"\r", b",", b";", b"<", b">", b"<!--", b"-->", b"<![CDATA[", b"{", b"}", b"[", b"]", b"\x00",
          b"\xff", b"\\", b"'", b"&", b"<item>", b"</item>", b"<?", b"\xef\xbb\xbf", b"\xff\xfe", b'"":', b"1e999",
          b"NaN", b'="', b' xmlns:g="x"', b"sep=,\n", b"\x1f\x8b", b"PK\x03\x04", b"id,", b"\xf0\x9f"]  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, kind = chance.randrange(len(found) + 1), chance.random()
        if kind < 0.3 and found:
            found[at % len(found)] ^= 1 << chance.randrange(8)
        elif kind < 0.6:
            found[at:at] = chance.choice(PIECES)
        elif kind < 0.8:
            del found[at : at + chance.randint(1, 40)]
        elif kind < 0.95:
            begin = chance.randrange(len(found) + 1)
            found[at:at] = found[begin : begin + chance.randint(1, 200)]
        else:
            del found[at:]
    return bytes(found)


@pytest.mark.parametrize("name", SEEDS)
def test_nothing_but_a_refusal_comes_out_of_a_broken_feed(tmp_path: Path, name: str) -> None:
    """Every row has a line; nothing is raised but that the feed cannot be read; nothing takes long."""
    chance = random.Random(name)
    options = FeedOptions(shop_url="https://shop.example", currency="EUR")
    for _ in range(TRIES):
        path = tmp_path / name
        path.write_bytes(mutated(SEEDS[name], chance))
        began = time.monotonic()
        why = ""
        try:
            assert all(line >= 1 for line, _ in read_feed(path, options=options))
        except FeedUnreadable as error:
            why = error.message
        assert "\n" not in why
        assert time.monotonic() - began < BUDGET_S
