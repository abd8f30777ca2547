"""Google Merchant's XML: RSS and Atom, sloppy ones too. One bad item never stops the rest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from engine.domain import Availability, Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from ingest.feeds import merchant_xml
from ingest.feeds.reader import read_feed

HEAD = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">
<channel>
<title>A shop</title>
<link>https://shop.example</link>
<description><![CDATA[A <item> in words]]></description>
<!-- <item><g:id>commented out</g:id></item> -->
"""
TAIL = "</channel>\n</rss>\n"


def item(number: int, more: str = "") -> str:
    return (
        f"<item>\n<g:id>{number}</g:id>\n<g:title>Dress {number}</g:title>\n"
        f"<g:link>https://shop.example/{number}</g:link>\n<g:image_link>{number}.jpg</g:image_link>\n{more}</item>\n"
    )


def read(tmp_path: Path, text: str | bytes, name: str = "feed.xml") -> list[tuple[int, Product | FeedError]]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_feed(path))


def products(rows: list[tuple[int, Product | FeedError]]) -> list[Product]:
    assert not [row for _, row in rows if isinstance(row, FeedError)]
    return [row for _, row in rows if isinstance(row, Product)]


def test_rss_items_are_products_at_their_lines(tmp_path: Path) -> None:
    more = """<title>the shop's own words</title>
<guid>42</guid>
<pubDate>today</pubDate>
<g:additional_image_link>a.jpg</g:additional_image_link>
<g:additional_image_link>b.jpg</g:additional_image_link>
<g:price>49.90 EUR</g:price>
<g:sale_price>39.90 EUR</g:sale_price>
<g:availability>out of stock</g:availability>
<g:color>Navy/White</g:color>
<g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping>
<g:product_detail><g:section_name>Fabric</g:section_name><g:attribute_name>lining</g:attribute_name>
<g:attribute_value>silk &amp; wool</g:attribute_value></g:product_detail>
<description><![CDATA[A dress &nbsp;for <b>tea</b> & cake.]]></description>
"""
    rows = read(tmp_path, HEAD + item(1, more) + item(2) + TAIL)
    assert [line for line, _ in rows] == [8, 27]
    first, second = products(rows)
    assert (first.product_id, first.title, first.link) == ("1", "Dress 1", "https://shop.example/1")
    assert first.images == ("1.jpg", "a.jpg", "b.jpg")
    assert (first.price, first.sale_price, first.currency) == (49.9, 39.9, "EUR")
    assert (first.availability, first.color) == (Availability.OUT_OF_STOCK, "Navy/White")
    assert first.attributes == {"lining": "silk & wool"}
    assert first.description.startswith("A dress")
    assert first.description.endswith("& cake.")
    assert second.product_id == "2"


def test_atom_entries_with_names_of_their_own(tmp_path: Path) -> None:
    """A link as an attribute, Google's id before Atom's, another prefix for Atom itself."""
    feed = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>A shop</title><updated>2026-01-01T00:00:00Z</updated>
<entry><id>tag:shop.example,2026:7</id><g:id>7</g:id><title>Red <b>skirt</b></title><updated>now</updated>
<link rel="alternate" href="https://shop.example/7"/><g:image_link>7.jpg</g:image_link></entry>
</feed>"""
    (product,) = products(read(tmp_path, feed))
    assert (product.product_id, product.title, product.link) == ("7", "Red skirt", "https://shop.example/7")
    assert product.attributes == {}


def test_a_bad_item_is_told_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    bare = item(2, "<g:brand>H & M</g:brand>\n")
    rows = read(tmp_path, HEAD + item(1) + bare + item(3, "<g:brand>Café&eacute;&amp;Co</g:brand>\n") + TAIL)
    assert [line for line, _ in rows] == [8, 14, 21]
    good, bad, named = (row for _, row in rows)
    assert isinstance(good, Product)
    assert isinstance(bad, FeedError)
    assert bad.reason == "The item is not well-formed XML (not well-formed (invalid token) in its line 6)."
    assert isinstance(named, Product)
    assert named.brand == "Caféé&Co"


def test_items_of_a_feed_without_line_breaks_are_told_apart(tmp_path: Path) -> None:
    """Each counts as a line, so that an id that comes again is seen."""
    feed = (HEAD + item(1) + item(2) + item(1) + TAIL).replace("\n", "")
    rows = read(tmp_path, feed)
    assert [line for line, _ in rows] == [1, 2, 3]
    assert isinstance(rows[2][1], FeedError)
    assert "line 1 already" in rows[2][1].reason


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252", "UTF-8", "utf-16"])
def test_the_declared_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = HEAD.replace('"1.0"?>', f'"1.0" encoding="{encoding}"?>') + item(1, "<g:brand>Märchen</g:brand>") + TAIL
    (product,) = products(read(tmp_path, text.encode(encoding)))
    assert product.brand == "Märchen"


def test_bytes_of_another_encoding_refuse_their_item_alone(tmp_path: Path) -> None:
    odd = item(1, "<g:brand>Märchen</g:brand>").encode("latin-1")
    rows = read(tmp_path, HEAD.encode() + odd + item(2).encode() + TAIL.encode())
    assert isinstance(rows[0][1], FeedError)
    assert "save it as UTF-8" in rows[0][1].reason
    assert isinstance(rows[1][1], Product)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_tags_may_be_cut_anywhere_by_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """The declaration must come with the first part, so this feed needs none."""
    monkeypatch.setattr(merchant_xml, "_CHUNK", chunk)
    feed = HEAD.partition("\n")[2] + item(1, "<g:brand><![CDATA[</item>]]></g:brand>") + item(2) + TAIL
    rows = read(tmp_path, feed)
    assert [line for line, _ in rows] == [7, 13]
    assert [p.brand for p in products(rows)] == ["</item>", None]


def test_an_endless_item_is_left_out_without_being_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merchant_xml, "MAX_LINE", 2_000)
    monkeypatch.setattr(merchant_xml, "_CHUNK", 500)
    words = "long\n" * 3000
    rows = read(tmp_path, HEAD + item(1, f"<description>{words}</description>") + item(2) + TAIL)
    assert isinstance(rows[0][1], FeedError)
    assert "too long" in rows[0][1].reason
    assert (rows[1][0], isinstance(rows[1][1], Product)) == (8 + 5 + 3000 + 1, True)


def test_no_entity_of_the_feed_is_ever_expanded(tmp_path: Path) -> None:
    """Neither a bomb nor a file of this machine: the document type is not read."""
    bomb = '<!DOCTYPE rss [<!ENTITY a "boom"><!ENTITY f SYSTEM "file:///etc/passwd">]>\n'
    head = HEAD.replace("<rss", bomb + "<rss")
    rows = read(tmp_path, head + item(1, "<g:brand>&a;</g:brand>") + item(2, "<g:brand>&f;</g:brand>") + TAIL)
    assert [isinstance(row, FeedError) and "undefined entity" in row.reason for _, row in rows] == [True, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + item(1), "</rss> is missing"),
        (HEAD + item(1)[:-9], "ends inside the item of line 8"),
        ("<html><body>Sign in</body></html>", "without an <item> or <entry>"),
        (HEAD + "<item><g:id>1</g:id></item>" + TAIL, "no column title, link, image_link"),
        ('<?xml version="1.0" encoding="klingon"?>' + HEAD.partition("\n")[2] + item(1) + TAIL, "encoding (klingon)"),
        ('<?xml version="1.0" encoding="hex"?>' + HEAD.partition("\n")[2] + item(1) + TAIL, "encoding (hex)"),
    ],
)
def test_a_feed_that_is_none_says_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FeedUnreadable) as raised:
        read(tmp_path, text)
    assert words in str(raised.value)


def test_a_comment_before_the_feed_is_not_taken_for_it(tmp_path: Path) -> None:
    """The feed's end is looked for by the name of its first element."""
    head = HEAD.replace("<rss", "<!-- made by <b>a program</b> -->\n<rss")
    assert [p.product_id for p in products(read(tmp_path, head + item(1) + TAIL))] == ["1"]


def test_a_packed_feed_is_known_by_its_first_character(tmp_path: Path) -> None:
    rows = read(tmp_path, gzip.compress((HEAD + item(1) + TAIL).encode()), "feed")
    assert [p.product_id for p in products(rows)] == ["1"]


GOOGLE = "http://base.google.com/ns/1.0"
SCOPES = {
    "another prefix": (f'xmlns:p="{GOOGLE}"', "p:{}"),
    "the same namespace over TLS": (f'xmlns:g="{GOOGLE.replace("http", "https")}/"', "g:{}"),
    "the default namespace": (f'xmlns="{GOOGLE}"', "{}"),
    "no declaration": ("", "g:{}"),
    "Google's prefix for others": (f'xmlns:g="urn:shop" xmlns:x="{GOOGLE}"', "x:{}"),
}
FIELDS = {"id": "1", "title": "Dress", "link": "https://shop.example/1", "image_link": "1.jpg"}


def scoped(scope: str, more: str = "") -> str:
    declared, tag = SCOPES[scope]
    fields = "".join(f"<{tag.format(name)}>{value}</{tag.format(name)}>" for name, value in FIELDS.items())
    return f"<rss {declared} xmlns:media='http://search.yahoo.com/mrss/'><channel><item>{fields}{more}</item></channel></rss>"


@pytest.mark.parametrize("scope", SCOPES)
def test_the_namespace_decides_and_not_the_prefix(tmp_path: Path, scope: str) -> None:
    """Whatever Google's namespace is called, and whatever else is called `g`."""
    (product,) = products(read(tmp_path, scoped(scope)))
    assert (product.product_id, product.title, product.link) == ("1", "Dress", "https://shop.example/1")


@pytest.mark.parametrize("scope", SCOPES)
def test_the_same_name_in_another_namespace_is_another_field(tmp_path: Path, scope: str) -> None:
    """A title, picture or price of another vocabulary is none of the product's."""
    more = (
        "<media:title>Video</media:title><media:link>https://other.example</media:link><media:price>1 EUR</media:price>"
    )
    (product,) = products(read(tmp_path, scoped(scope, more)))
    assert (product.title, product.link, product.price) == ("Dress", "https://shop.example/1", None)
    if scope == "Google's prefix for others":
        (product,) = products(
            read(tmp_path, scoped(scope, "<g:title>Other</g:title><g:id>9</g:id><g:price>1 EUR</g:price>"))
        )
        assert (product.product_id, product.title, product.price) == ("1", "Dress", None)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("rel", ['rel="self"', 'rel="enclosure"', 'rel="alternate"', ""])
def test_the_products_own_link_wins(tmp_path: Path, rel: str, first: bool) -> None:
    """Over those of Atom in an RSS item, wherever they stand."""
    atom = f'<a:link xmlns:a="http://www.w3.org/2005/Atom" {rel} href="https://shop.example/feed.xml"/>'
    own = "<link>https://shop.example/1</link>"
    fields = "<title>A</title><g:id>1</g:id><g:image_link>1.jpg</g:image_link>"
    body = atom + own if first else own + atom
    (product,) = products(read(tmp_path, f"{HEAD}<item>{fields}{body}</item>{TAIL}"))
    assert product.link == "https://shop.example/1"


def test_atoms_page_is_told_from_its_other_links(tmp_path: Path) -> None:
    links = "".join(
        f'<link rel="{rel}" href="https://shop.example/{rel}"/>' for rel in ("self", "edit", "alternate", "next")
    )
    feed = f"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="{GOOGLE}"><link rel="self" href="https://shop.example"/>
<entry>{links}<title>A</title><g:id>1</g:id><g:image_link>1.jpg</g:image_link><summary>Soft</summary></entry></feed>"""
    (product,) = products(read(tmp_path, feed))
    assert (product.link, product.description) == ("https://shop.example/alternate", "Soft")


def test_an_element_that_comes_again(tmp_path: Path) -> None:
    """Of what a product has one of, the first counts; colours, pictures and categories may be several."""
    more = """<g:title>Other</g:title><g:link>https://shop.example/other</g:link><g:id>1</g:id>
<g:price>9 EUR</g:price><g:price>8 EUR</g:price><g:color>navy</g:color><g:color>white</g:color>
<g:brand></g:brand><g:brand>Acme</g:brand><g:image_link>2.jpg</g:image_link><g:fit>slim</g:fit><g:fit>long</g:fit>"""
    (product,) = products(read(tmp_path, HEAD + item(1, more) + TAIL))
    assert (product.product_id, product.title, product.link) == ("1", "Dress 1", "https://shop.example/1")
    assert (product.price, product.brand, product.images) == (9.0, "Acme", ("1.jpg", "2.jpg"))
    assert product.color == "navy/white"
    assert product.attributes == {"fit": "slim, long"}


def test_comments_instructions_and_document_types_are_passed_anywhere(tmp_path: Path) -> None:
    """With what looks like items, ends and quotes in them."""
    noise = "<!-- it's <item> --><?php echo '<item>' ?>"
    head = HEAD.replace("<rss", f"{noise}<!DOCTYPE rss [ <!ENTITY x '<item>'> {noise} ]>{noise}<rss")
    more = "<!-- </item> --><?x </item> ?><g:brand>A<!-- b -->c</g:brand>"
    rows = read(tmp_path, head + noise + item(1, more) + noise + item(2) + TAIL + noise)
    assert [product.brand for product in products(rows)] == ["Ac", None]


def test_an_item_without_end_costs_itself_alone(tmp_path: Path) -> None:
    """The next one begins inside it."""
    rows = read(tmp_path, HEAD + item(1).replace("</item>", "") + item(2) + TAIL)
    assert isinstance(rows[0][1], FeedError)
    assert "does not end" in rows[0][1].reason
    assert isinstance(rows[1][1], Product)


@pytest.mark.parametrize(
    "text", ["caf&eacute; &amp; bar", "caf&#233; &#38; bar", "<![CDATA[café & bar]]>", "café &#x26; bar"]
)
def test_entities_are_decoded_once(tmp_path: Path, text: str) -> None:
    (product,) = products(read(tmp_path, HEAD + item(1, f"<g:brand>{text}</g:brand>") + TAIL))
    assert product.brand == "café & bar"


def test_bytes_that_the_declared_encoding_does_not_have_refuse_their_item(tmp_path: Path) -> None:
    head = HEAD.replace('"1.0"?>', '"1.0" encoding="us-ascii"?>')
    rows = read(tmp_path, (head + item(1, "<g:brand>Märchen</g:brand>") + item(2) + TAIL).encode("latin-1"))
    assert isinstance(rows[0][1], FeedError)
    assert isinstance(rows[1][1], Product)
