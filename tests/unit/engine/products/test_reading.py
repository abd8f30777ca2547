"""The rule book: fields in any dialect → one product, or every reason why not; what was changed is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.domain import Availability, Product
from engine.products.availability import availability_of
from engine.products.pictures import encoded_address
from engine.products.reading import Reading, product_id_of, read_product

GOOD: dict[str, Any] = {
    "id": "p1", "title": "A shirt", "link": "https://shop.example/p1", "image_link": "https://shop.example/p1.jpg",
}  # fmt: skip


def product(**fields: object) -> Product:
    reading = read_product(GOOD | fields)
    assert reading.reasons == ()
    assert reading.product is not None
    return reading.product


def read(**fields: object) -> Reading:
    return read_product(GOOD | fields)


def test_the_merchant_apis_own_form() -> None:
    """Google's JSON, nested and in camel case, is the same product as its feed's row."""
    nested = read_product(
        {
            "offerId": "p1",
            "contentLanguage": "de",
            "productAttributes": {
                "title": "A shirt", "link": "https://shop.example/p1", "imageLink": "https://shop.example/p1.jpg",
                "additionalImageLinks": ["https://shop.example/b.jpg"], "productTypes": ["Women > Shirts", "Sale"],
                "googleProductCategory": "212", "availability": "IN_STOCK", "itemGroupId": "g", "ageGroup": "ADULT",
                "price": {"amountMicros": "49900000", "currencyCode": "USD"},
                "salePrice": {"amountMicros": "39900000", "currencyCode": "USD"},
                "salePriceEffectiveDate": {"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-11-30T23:59:59Z"},
                "sizes": ["M"], "productDetails": [{"attributeName": "Fit", "attributeValue": "slim"}],
            },
            "customAttributes": [{"name": "sleeve", "value": "long"}],
        }
    ).product  # fmt: skip
    row = product(
        additional_image_link="https://shop.example/b.jpg", product_type="Women > Shirts; Sale", price="49.90 USD",
        google_product_category=212, item_group_id="g", age_group="ADULT", size="M", sale_price="39.90 USD", Fit="slim",
        sale_price_effective_date="2026-11-01T00:00:00Z/2026-11-30T23:59:59Z", sleeve="long", contentLanguage="de",
    )  # fmt: skip
    assert nested == row
    assert (row.price, row.sale_price, row.currency) == (49.9, 39.9, "USD")
    assert row.sale_end == datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert row.categories == ("Women > Shirts", "Sale", "Apparel & Accessories > Clothing > Shirts & Tops")
    assert row.attributes == {
        "size": "M", "age_group": "ADULT", "Fit": "slim", "sleeve": "long", "contentLanguage": "de",
    }  # fmt: skip


def test_attributes_that_are_named_like_fields() -> None:
    """They stand in for a field that is not given, and stay attributes beside one that is."""
    made = product(color="navy", attributes={"color": "red", "brand": "Acme", "offerId": "77"})
    assert (made.product_id, made.color, made.brand) == ("p1", "navy", "Acme")
    assert made.attributes == {"color": "red", "offerId": "77"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("H&amp;M Polo &#8211; &quot;Navy&quot;", 'H&M Polo – "Navy"'),
        ("AT&amp;amp;T", "AT&amp;T"),
        ("R&D; Q&A", "R&D; Q&A"),
        ("Caf&eacute; &#x2013; 50&nbsp;%", "Café – 50 %"),
        ("<b>Polo</b> shirt<br/>new", "Polo shirt new"),
        ("&lt;p&gt;Soft&lt;/p&gt;", "Soft"),
        ("Sizes < M and > L, <3", "Sizes < M and > L, <3"),
        ("Chloe\u0301", "Chloé"),
        ("\u202eevil\u202c so\u00adft \u200bhyphen\ufeff", "evil soft hyphen"),
        ("two\r\nlines\tand\x00 more", "two lines and more"),
        ("<script>alert(1)</script>Shirt<!-- note -->", "Shirt"),
        ("👩\u200d🦰 tee", "👩\u200d🦰 tee"),
    ],
)
def test_text_is_kept_in_one_form(written: str, kept: str) -> None:
    """Entities once, elements out, NFC, nothing invisible; what only looks like HTML stays."""
    assert product(title=written).title == kept
    assert product(brand=written).brand == kept
    assert product(fit=written).attributes["fit"] == kept


def test_entities_in_addresses() -> None:
    """A link from an escaped export leads where the shop meant; what is a parameter stays one."""
    made = product(link="https://s.example/1?a=1&amp;b=2&copy=3", image_link=" https://s.example/a&amp;b.jpg ")
    assert made.link == "https://s.example/1?a=1&b=2&copy=3"
    assert made.images == ("https://s.example/a&b.jpg",)


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<p", "&", "\u200b", "<style></"])
def test_hostile_text_costs_little(piece: str) -> None:
    """Whatever a description holds, it is read in one pass."""
    began = time.perf_counter()
    product(description=piece * 100_000)
    assert time.perf_counter() - began < 1


def test_ids_are_composed_and_never_merged() -> None:
    """One form of Unicode, nothing around; entities stay, and what cannot be seen inside an id is refused."""
    assert product(id=" cafe\u0301&amp;1\u200b ").product_id == "café&amp;1"
    assert product(id=123).product_id == "123"
    assert product_id_of({"id": "cafe\u0301"}) == "café"
    for broken in ("a\nb", "a\u200bb", "a\u202eb", "\ud800", "x" * 201, 10**5000, {"a": 1}):
        assert read(id=broken).product is None
        assert product_id_of({"id": broken}) is None


STOCK = {
    "in_stock": """
        almost sold out | fast ausverkauft | bientôt épuisé | casi agotado | stock: 5 | Lager 3 | qty=12 |
        3 items left | dostupné | na stanie | elérhető | saatavilla | In Stock (12) | 12 in stock | Only 3 left |
        10+ | > 10 | sofort verfügbar, Lieferzeit 1-3 Tage | in stock | In_Stock | instock | IN STOCK |
        https://schema.org/InStock | http://schema.org/InStock | InStock | schema:LimitedAvailability | available |
        available for order | active | continue | true | 1 | 7 | auf Lager | lieferbar | disponible | op voorraad |
        в наличии | InStoreOnly | disponibile | In stock and ready to ship | Few left in stock |
        Nur noch wenige verfügbar | ab Lager | 有库存 | 在庫あり | 재고 있음 | متوفر | raktáron | σε απόθεμα |
        Still available in our shop
    """,
    "out_of_stock": """
        isn't in stock | These aren't available | n'est plus disponible | plus en stock | no hay stock | agotadas |
        épuisée | nincs készleten | nem elérhető | ei saatavilla | není k dispozici | nedostupné | brak | stock: 0 |
        qty 0 | Lager=0 | 0 items left | end of life | not for sale | 0 in stock | ausverkauft, wieder ab Mai |
        out of stock | outofstock | OUT_OF_STOCK | https://schema.org/OutOfStock/ | sold out | SoldOut | deny | 0 |
        -2 | Discontinued | false | ausverkauft | nicht auf Lager | épuisé | epuise | rupture de stock | agotado |
        esaurito | uitverkocht | draft | unavailable | Temporarily sold out | Out of stock - back soon |
        out of stock until 12/12 | not in stock | nicht am Lager | není skladem | 缺货 | 売り切れ | 품절 | غير متوفر |
        not currently available | Limited edition, sold out
    """,
    "preorder": """
        bald wieder verfügbar | disponible prochainement | back in stock soon | Pre-Order (ships May) | preorder |
        pre-order | Pre order | https://schema.org/PreOrder | PreSale | vorbestellbar | précommande |
        Preorder until 2026-12-01 | available from 2026-12-01 | verfügbar ab Mai
    """,
    "backorder": """
        backorder | back-order | onbackorder | on backorder | https://schema.org/BackOrder | MadeToOrder |
        sur commande | on order | под заказ
    """,
}


@pytest.mark.parametrize("meant", STOCK)
def test_availability_as_shops_say_it(meant: str) -> None:
    """WooCommerce, Shopify, Zen Cart, schema.org, and several languages."""
    words = [word.strip() for word in STOCK[meant].split("|")]
    assert {word: availability_of(word) for word in words} == dict.fromkeys(words, Availability(meant))


@pytest.mark.parametrize(
    ("name", "written", "price", "currency"),
    [("price (EUR)", "49.90", 49.9, "EUR"), ("Price EUR", "49,90", 49.9, "EUR"), ("price_usd", 49.9, 49.9, "USD"),
     ("Price in GBP", "5", 5, "GBP"), ("price [€]", "1.299", 1299, "EUR"), ("price (ALL)", "5", 5, "ALL"),
     ("price_all", "5", None, None), ("price_old", "5", None, None), ("Price (incl. VAT)", "5", None, None),
     ("price_eur", "N/A", None, None)],
)  # fmt: skip
def test_a_columns_name_may_name_the_currency(
    name: str, written: object, price: float | None, currency: str | None
) -> None:
    """Where there is no price under its own name; a word that is a code too is none."""
    found = product(**{"price": None, "currency": None, name: written})
    assert (found.price, found.currency) == (price, currency)
    assert product(**{"price": "7 CHF", "currency": None, name: written}).price == 7


def test_a_sale_price_may_be_named_so_too() -> None:
    """And a value that contradicts its column's name is refused."""
    found = product(**{"price": None, "currency": None, "Price (EUR)": "9", "Sale Price (EUR)": "8"})
    assert (found.price, found.sale_price, found.currency) == (9, 8, "EUR")
    assert "two currencies" in read(**{"price": None, "currency": None, "price_eur": "9 USD"}).reasons[0]


NOTHING = ["N/A", "null", "#N/A", "None", "nan", "-", "undefined"]


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_a_program_writes_for_nothing_is_no_value(nothing: str) -> None:
    """Neither a brand nor a size, nor a group in which all products would be one; an id or a title is missing."""
    words = dict.fromkeys(("brand", "color", "gender", "size", "material", "pattern", "age_group"), nothing)
    found = product(item_group_id=nothing, **words)
    assert (found.brand, found.color, found.gender, found.item_group_id, dict(found.attributes)) == (None,) * 4 + ({},)
    for name in ("id", "title"):
        assert f"{name} is {nothing!r}, which says nothing" in read(**{name: nothing}).reasons[0]


def test_a_group_of_its_own_kind() -> None:
    """0 is none, of several the first counts, and one that a spreadsheet shortened would join strangers."""
    assert [product(item_group_id=group).item_group_id for group in ("0", 0, ["a", "b"], "00")] == [
        None,
        None,
        "a",
        "00",
    ]
    shortened = read(item_group_id="1.23457E+12")
    assert shortened.product is not None
    assert (shortened.product.item_group_id, "shortened" in shortened.notes[0]) == (None, True)


def test_an_id_that_a_spreadsheet_shortened_is_refused() -> None:
    """Many become one; what only looks a little like it is an id."""
    for written in ("1.23457E+12", "1,23457e+12"):
        assert "spreadsheet shortened" in read(id=written).reasons[0]
    assert [product(id=written).product_id for written in ("1E12", "A1.2E+3", "1.2E-3")] == [
        "1E12",
        "A1.2E+3",
        "1.2E-3",
    ]
    assert [read(**{name: True}).product for name in ("id", "title")] == [None, None]


@pytest.mark.parametrize(
    "written",
    ["http://http://x.example/p", "https://x.example:99999/p", "https://x.example:a/p", "https://.example/p",
     "https://x.example/p https://x.example/q", "https://x .example/p", "https://x.example\\p", "https://a..example/p"],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_no_link(written: str) -> None:
    """Two in one, a host or a port that there cannot be: a shopper would find nothing."""
    assert "is not an http(s) address" in read(link=written).reasons[0]


@pytest.mark.parametrize(
    "written",
    ["https://müller.example/ä", "https://x.example:8443/a%20b?to=https://y.example", "https://[2001:db8::1]/p",
     "https://x_y.example/p", "HTTPS://X.example", "https://x.example//p"],
)  # fmt: skip
def test_an_address_of_any_kind_is_a_link(written: str) -> None:
    """It is kept as it is written."""
    assert product(link=written).link == written


def test_booleans_and_unknown_words_for_stock() -> None:
    """JSON's true and false are read; an unknown word is refused with the list."""
    assert product(availability=True).availability is Availability.IN_STOCK
    assert product(availability=False).availability is Availability.OUT_OF_STOCK
    assert product(availability="N/A").availability is Availability.IN_STOCK
    assert availability_of("instock=false") is Availability.OUT_OF_STOCK
    assert availability_of("ask us") is availability_of("not sold out") is availability_of("ships in 3 days") is None
    (reason,) = read(availability="maybe").reasons
    assert "'maybe' is none of in_stock, out_of_stock, preorder, backorder" in reason


@pytest.mark.parametrize(
    ("fields", "paid", "note"),
    [
        ({"sale_price": "19.90 EUR"}, 19.9, ""),
        ({"sale_price": "0"}, 49.9, "no sale"),
        ({"sale_price": "49.90 EUR"}, 49.9, "no sale"),
        ({"sale_price": 60}, 49.9, "no sale"),
        ({"sale_price": 19.9, "sale_price_effective_date": "2020-01-01T00:00+0100/2020-01-31T23:59+0100"}, 49.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "2035-01-01/2035-02-01"}, 49.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "2020-01-01T00:00Z/2035-01-01T00:00Z"}, 19.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "2020-01-01 00:00:00 +0100 / "}, 19.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "/2020-01-31"}, 49.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "20200101/20350101"}, 19.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "1577836800/2051222400"}, 19.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "2020-01-01 00:00, 2020-01-31 24:00"}, 49.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "0000-00-00/9999-12-31T23:59Z"}, 19.9, ""),
        ({"sale_price": 19.9, "salePriceEffectiveDate": {"endTime": "2020-01-31T00:00:00Z"}}, 49.9, ""),
        ({"sale_price": 19.9, "sale_price_effective_date": "2035-01-01/2020-01-01"}, 49.9, "ends before it begins"),
        ({"sale_price": 19.9, "sale_price_effective_date": "next week"}, 49.9, "not a moment"),
        ({"sale_price": 19.9, "sale_price_effective_date": ""}, 19.9, ""),
    ],
)
def test_what_a_buyer_pays(fields: dict[str, Any], paid: float, note: str) -> None:
    """The dates decide; what is no sale, or cannot be told to be one, is the list price, and said so."""
    reading = read(price="49.90 EUR", **fields)
    assert reading.product is not None
    assert reading.product.price_at(datetime(2026, 11, 29, tzinfo=UTC)) == paid
    assert note in " ".join(reading.notes)
    assert bool(reading.notes) == bool(note)


@pytest.mark.parametrize(
    "nothing", ["N/A", "null", "-", " nan ", {"value": None, "currency": "EUR"}, {"amount": "", "currency": ""}, {}]
)
def test_a_place_left_empty_is_no_price(nothing: object) -> None:
    """What programs write where there is no price costs no product, and neither does it as a sale price."""
    assert product(price=nothing, sale_price=nothing, sale_price_effective_date="N/A").price is None
    made = product(price="49.90 EUR", sale_price=nothing)
    assert (made.price, made.sale_price) == (49.9, None)
    assert read(price={"currency": "EUR"}).product is None


def test_a_sale_to_come_begins_by_itself() -> None:
    """The product keeps the period, to the last second of a day named without a time."""
    made = product(price=50, sale_price=40, sale_price_effective_date="2026-12-01/2026-12-24", currency="EUR")
    days = [datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
    days += [datetime(2026, 12, 24, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 25, tzinfo=UTC)]
    assert [made.price_at(day) for day in days] == [50, 40, 40, 50]


@pytest.mark.parametrize(
    ("fields", "currency"),
    [
        ({"price": "$49.90", "currency": "AUD"}, "AUD"),
        ({"price": "$49.90", "sale_price": "CA$ 39.90"}, "CAD"),
        ({"price": 49.9, "sale_price": "39.90 EUR"}, "EUR"),
        ({"price": "499 kr", "currency": "SEK"}, "SEK"),
        ({"price": "499 kr"}, None),
        ({"price": "1.299", "currency": "€"}, "EUR"),
        ({"price": {"value": "49.90", "currency": "USD"}}, "USD"),
    ],
)
def test_prices_tell_one_currency_together(fields: dict[str, Any], currency: str | None) -> None:
    """A sign that several currencies share is settled by the other fields."""
    assert product(**fields).currency == currency


def test_a_point_is_read_by_the_currency_field() -> None:
    """1.299 in euros is no price with three decimals."""
    assert product(price="1.299", currency="EUR").price == 1299
    assert product(price="1.299").price == 1.299


@pytest.mark.parametrize(
    ("main", "more", "images"),
    [
        ("//cdn.example/a.jpg", None, ("https://cdn.example/a.jpg",)),
        ("https://s.example/a b.jpg", "", ("https://s.example/a b.jpg",)),
        ("https://s.example/a.jpg", "https://s.example/b.jpg, //cdn.example/c.jpg",
         ("https://s.example/a.jpg", "https://s.example/b.jpg", "https://cdn.example/c.jpg")),
        ("https://s.example/a.jpg", "https://s.example/w_1,h_2/b.jpg|https://s.example/c.jpg",
         ("https://s.example/a.jpg", "https://s.example/w_1,h_2/b.jpg", "https://s.example/c.jpg")),
        ("s3://pictures/a.jpg", ["https://s.example/b.jpg", "s3://pictures/a.jpg"],
         ("s3://pictures/a.jpg", "https://s.example/b.jpg")),
    ],
)  # fmt: skip
def test_picture_addresses(main: str, more: object, images: tuple[str, ...]) -> None:
    """Without a scheme they mean the page's; several come as a list or in one text."""
    assert product(image_link=main, additional_image_link=more).images == images


def test_a_picture_that_cannot_be_used() -> None:
    """As the main one it refuses the product; a further one is left out, and said so."""
    data = "data:image/png;base64,iVBORw0KGgo"
    (reason,) = read(image_link=data).reasons
    assert "image_link is a data: address; give an address" in reason
    reading = read(additional_image_link=[data, "https://s.example/b.jpg"])
    assert reading.product is not None
    assert reading.product.images == (GOOD["image_link"], "https://s.example/b.jpg")
    assert "data: address" in reading.notes[0]


def test_addresses_are_encoded_for_the_wire_once() -> None:
    """Spaces and letters beyond ASCII, in a host too; what is encoded already stays."""
    assert encoded_address("https://müller.example/grün & blau%20.jpg?a=ü") == (
        "https://xn--mller-kva.example/gr%C3%BCn%20&%20blau%20.jpg?a=%C3%BC"
    )


def test_what_is_too_much_is_cut_and_told() -> None:
    """25 pictures, a long description and brand, many attributes: the product is taken, with notes."""
    reading = read(
        additional_image_link=[f"https://s.example/{n}.jpg" for n in range(24)], description="x" * 10_001,
        brand="b" * 501, attributes={f"a{n}": "x" for n in range(101)},
    )  # fmt: skip
    made = reading.product
    assert made is not None
    assert (len(made.images), len(made.description)) == (20, 10_000)
    assert (len(made.brand or ""), len(made.attributes)) == (500, 100)
    assert reading.notes == (
        "of 25 pictures the first 20 were kept", "brand was cut at 500 characters",
        "of 101 attributes the first 100 were kept", "description was cut at 10,000 characters",
    )  # fmt: skip


def test_every_reason_is_told_at_once() -> None:
    """A shop mends a row in one go."""
    reading = read_product({"id": "", "title": "t", "link": "nowhere", "image_link": "", "price": "free"})
    assert [reason.split()[0] for reason in reading.reasons] == ["id", "link", "price:", "image_link"]


def deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


ODD: dict[str, object] = {
    "a deep list": deep(3_000), "a deep object": {"a": deep(500)}, "a long number": 10**5000, "no number": float("nan"),
    "yes": True, "an empty list": [], "an empty object": {}, "nothing in a list": [None], "spaces": ["", " "],
}  # fmt: skip
FIELDS = ("id", "title", "price", "availability", "image_link", "product_type", "attributes", "own", "size")


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("name", FIELDS)
def test_no_value_breaks_the_reader(name: str, value: str) -> None:
    """Any JSON in any field gives a product or reasons."""
    reading = read(**{name: ODD[value]})
    assert (reading.product is None) == bool(reading.reasons)


@pytest.mark.parametrize(
    ("fields", "name", "meant"),
    [
        ({"brand": {"@type": "Brand", "name": "Nike"}}, "brand", "Nike"),
        ({"brand": {}}, "brand", None),
        ({"color": [{"name": "Red"}, {"label": "Blue"}]}, "color", "Red/Blue"),
        ({"title": {"rendered": "A skirt"}}, "title", "A skirt"),
        ({"categories": [{"id": 1, "name": "Shoes"}]}, "categories", ("Shoes",)),
        ({"size": {"value": 42}}, "attributes", {"size": "42"}),
    ],
)
def test_an_object_is_what_it_calls_itself(fields: dict[str, object], name: str, meant: object) -> None:
    """As schema.org and the APIs of shops write brands, colours and categories."""
    assert getattr(product(**fields), name) == meant


@pytest.mark.parametrize("name", ["id", "link", "image_link", "item_group_id"])
def test_an_objects_name_is_no_id(name: str) -> None:
    """Ids and addresses are meant exactly."""
    assert any("is not a text" in reason for reason in read(**{name: {"name": "https://shop.example/x"}}).reasons)


@pytest.mark.parametrize(
    "text",
    ["in stock on {}", "In stock (from {})", "back in stock: {}", "auf Lager ab {}", "en stock le {}", "available {}"],
)
def test_stock_that_is_still_to_come(text: str) -> None:
    """It can be ordered before the day, and is in stock from then on."""
    today = datetime.now(UTC).date()
    for day, meant in ((today, Availability.IN_STOCK), (today + timedelta(days=1), Availability.PREORDER)):
        assert availability_of(text.format(day)) is meant
        assert availability_of(text.format(f"{day:%d.%m.%Y}")) is meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("in stock from Dec 5", Availability.PREORDER),
        ("in stock on 5 January", Availability.PREORDER),
        ("in stock, delivery by 3 December 2099", Availability.IN_STOCK),
        ("in stock since 2099-01-01", Availability.IN_STOCK),
        ("in stock may ship tomorrow", Availability.IN_STOCK),
        ("not in stock on 2099-01-01", Availability.OUT_OF_STOCK),
    ],
)
def test_other_days_beside_stock(text: str, meant: Availability) -> None:
    """Without a year a day lies ahead; a day of delivery says nothing of stock."""
    assert availability_of(text) is meant
