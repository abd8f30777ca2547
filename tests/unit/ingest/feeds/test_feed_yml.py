"""Yandex's YML, and XML whose products are in `<product>`, as shops' own programs write it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.domain import Availability, Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from ingest.feeds.reader import read_feed
from ingest.feeds.yml import category_paths

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE yml_catalog SYSTEM "shops.dtd">
<yml_catalog date="2026-11-30 12:00"><shop>
<name>A shop</name><url>https://shop.example/</url>
<currencies><currency id="RUR" rate="1"/></currencies>
<categories>
<category id="1">Одежда &amp; обувь</category>
<category id="11" parentId="1"><![CDATA[Платья]]></category>
<category id='111' parentId='11'>Вечерние</category>
<category id="7" parentId="8">A</category><category id="8" parentId="7">B</category>
</categories>
<offers>
"""
TAIL = "</offers>\n</shop></yml_catalog>\n"
OFFER = """<offer id="a1" available="true" group_id="g1">
<url>https://shop.example/a1</url><price>2490</price><oldprice>2990</oldprice><currencyId>RUR</currencyId>
<categoryId>111</categoryId><picture>https://shop.example/1.jpg</picture><picture>https://shop.example/2.jpg</picture>
<vendor>Acme</vendor><name>Платье Acme</name><description><![CDATA[<b>Красивое</b> платье]]></description>
<param name="Цвет">красный</param><param name="Размер" unit="RU">44</param><param name="Подкладка">шёлк</param>
<delivery>true</delivery><sales_notes>Prepaid</sales_notes></offer>
"""


def read(tmp_path: Path, text: str) -> list[Product | FeedError]:
    (tmp_path / "feed.xml").write_text(text)
    return [row for _, row in read_feed(tmp_path / "feed.xml")]


def offer(tmp_path: Path, text: str = OFFER) -> Product:
    (product,) = read(tmp_path, HEAD + text + TAIL)
    assert isinstance(product, Product), product
    return product


def test_an_offer_is_a_product(tmp_path: Path) -> None:
    product = offer(tmp_path)
    assert (product.product_id, product.item_group_id, product.link) == ("a1", "g1", "https://shop.example/a1")
    assert (product.title, product.brand, product.color) == ("Платье Acme", "Acme", "красный")
    assert product.images == ("https://shop.example/1.jpg", "https://shop.example/2.jpg")
    assert (product.price, product.sale_price, product.currency) == (2990, 2490, "RUB")
    assert product.category == "Одежда & обувь > Платья > Вечерние"
    assert product.attributes == {"size": "44 RU", "Подкладка": "шёлк"}
    assert product.description == "Красивое платье"
    assert product.availability is Availability.IN_STOCK


@pytest.mark.parametrize(
    ("written", "instead", "meant"),
    [
        ('available="true"', 'available="false"', Availability.BACKORDER),
        ('available="true"', "available='False'", Availability.BACKORDER),
        ('available="true"', "", Availability.IN_STOCK),
        ('available="true"', 'disabled="true"', Availability.OUT_OF_STOCK),
        ("<delivery>", "<count>0</count><delivery>", Availability.OUT_OF_STOCK),
        ("<delivery>", "<count>10</count><delivery>", Availability.IN_STOCK),
    ],
)
def test_what_can_be_bought(tmp_path: Path, written: str, instead: str, meant: Availability) -> None:
    """What is not available is made to order, as the format has it."""
    assert offer(tmp_path, OFFER.replace(written, instead)).availability is meant


@pytest.mark.parametrize("before", ["", "2490", "1 990", "soon"])
def test_a_price_that_was_never_higher(tmp_path: Path, before: str) -> None:
    product = offer(tmp_path, OFFER.replace("2990", before))
    assert (product.price, product.sale_price) == (2490, None)


def test_kind_brand_and_model_are_a_title(tmp_path: Path) -> None:
    text = OFFER.replace("<name>Платье Acme</name>", "<typePrefix>Платье</typePrefix><model>X1</model>")
    assert offer(tmp_path, text).title == "Платье Acme X1"


@pytest.mark.parametrize(
    "written",
    [
        "<category id = ' 11 ' parentID='1'>Платья</category>",
        "<Category parentId='1' id='11'><![CDATA[<b>Платья</b>]]></Category>",
        "<category id='11' parentId='1'><![CDATA[Пла]]><![CDATA[тья]]></category>",
    ],
)
def test_categories_as_programs_write_them(tmp_path: Path, written: str) -> None:
    text = HEAD.replace('<category id="11" parentId="1"><![CDATA[Платья]]></category>', written)
    (product,) = read(tmp_path, text + OFFER + TAIL)
    assert isinstance(product, Product)
    assert product.category == "Одежда & обувь > Платья > Вечерние"


def test_categories_that_are_their_own_parents(tmp_path: Path) -> None:
    """Each is named once; an id that no category has says nothing."""
    assert offer(tmp_path, OFFER.replace(">111<", ">7<")).category == "B > A"
    assert offer(tmp_path, OFFER.replace(">111<", ">99<")).category is None


def test_a_broken_offer_costs_itself_alone(tmp_path: Path) -> None:
    rows = read(tmp_path, HEAD + OFFER.replace("</vendor>", "") + OFFER.replace("a1", "a2") + TAIL)
    assert [type(row) for row in rows] == [FeedError, Product]


def test_what_is_required_is_named_as_google_does(tmp_path: Path) -> None:
    with pytest.raises(FeedUnreadable, match="no column link"):
        read(tmp_path, HEAD + OFFER.replace("https://shop.example/a1", "") + TAIL)


@pytest.mark.parametrize(("around", "name"), [("products", "product"), ("catalog", "item"), ("Shop", "offer")])
def test_products_in_other_elements(tmp_path: Path, around: str, name: str) -> None:
    """Google's names count, an id also as an attribute; what comes first is what products are in."""
    inner = "<title>A shirt</title><link>https://shop.example/1</link><image_link>1.jpg</image_link><entry>x</entry>"
    text = f'<{around}><meta/><{name} id="1">{inner}</{name}><{name}><id>2</id>{inner}</{name}></{around}>'
    ids = [row.product_id for row in read(tmp_path, text)]
    assert ids == ["1", "2"]


INNER = "<title>A shirt</title><link>https://shop.example/1</link><image_link>1.jpg</image_link>"
ALONE = 'title="A shirt" link="https://shop.example/1" image_link="1.jpg"'


@pytest.mark.parametrize(
    "text",
    [
        f"<product><id>1</id>{INNER}</product><product><id>2</id>{INNER}</product>",
        f"<?xml version='1.0'?><item><id>1</id>{INNER}</item>\n<item><id>2</id>{INNER}</item>\n",
        f"<Products><Product id='1'>{INNER}</Product><Product id='2'>{INNER}</Product></Products>",
        f"<RSS><CHANNEL><ITEM><ID>1</ID>{INNER}</ITEM><ITEM><ID>2</ID>{INNER}</ITEM></CHANNEL></RSS>",
        f"<products><product id='1' {ALONE}/><product/><product id='2' {ALONE} /></products>",
        f"<products><product id='1' {ALONE}/><product id='2'>{INNER}</product></products>",
    ],
)
def test_products_without_a_root_in_capitals_or_in_attributes_alone(tmp_path: Path, text: str) -> None:
    """None of them is lost in silence; an element that says nothing is none."""
    assert [row.product_id for row in read(tmp_path, text)] == ["1", "2"]


def test_an_empty_offer_is_told(tmp_path: Path) -> None:
    rows = read(tmp_path, HEAD + '<offer id="a0"/>' + OFFER + TAIL)
    assert [(type(row), row.product_id) for row in rows] == [(FeedError, "a0"), (Product, "a1")]


def test_hostile_categories_take_no_time() -> None:
    """Attributes and names of any length are looked at once."""
    start = time.process_time()
    for text in (
        "a" * 500_000,
        "a:" * 250_000,
        "<category " * 50_000,
        "<category>" * 50_000,
        "<category><![CDATA[" * 30_000,
    ):
        assert not category_paths(f"<categories><category {text}></category></categories>").get("1")
    assert time.process_time() - start < 5


def test_a_feed_that_ends_too_early(tmp_path: Path) -> None:
    with pytest.raises(FeedUnreadable, match="</yml_catalog> is missing"):
        read(tmp_path, HEAD + OFFER)
