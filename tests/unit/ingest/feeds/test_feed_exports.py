"""Exports of shop programs: Shopify's products in both header dialects, and WooCommerce's."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from engine.domain import Availability, Product
from engine.errors import FeedUnreadable
from engine.seams import FeedError
from ingest.feeds.reader import read_feed
from ingest.feeds.rows import FeedOptions

SHOP = FeedOptions(shop_url="https://shop.example", currency="EUR")
OLD = {
    "handle": "Handle", "title": "Title", "body": "Body (HTML)", "vendor": "Vendor", "category": "Product Category",
    "type": "Type", "tags": "Tags", "published": "Published", "o1": "Option1 Name", "v1": "Option1 Value",
    "o2": "Option2 Name", "v2": "Option2 Value", "sku": "Variant SKU", "tracker": "Variant Inventory Tracker",
    "quantity": "Variant Inventory Qty", "policy": "Variant Inventory Policy", "price": "Variant Price",
    "before": "Variant Compare At Price", "barcode": "Variant Barcode", "image": "Image Src",
    "position": "Image Position", "gift": "Gift Card", "gender": "Google Shopping / Gender",
    "own": "Variant Image", "status": "Status",
}  # fmt: skip
NEW = {
    "title": "Title", "handle": "URL handle", "body": "Description", "vendor": "Vendor", "category": "Product category",
    "type": "Type", "tags": "Tags", "published": "Published on online store", "status": "Status", "sku": "SKU",
    "barcode": "Barcode", "o1": "Option1 name", "v1": "Option1 value", "o2": "Option2 name", "v2": "Option2 value",
    "price": "Price", "before": "Compare-at price", "tracker": "Inventory tracker", "quantity": "Inventory quantity",
    "policy": "Continue selling when out of stock", "image": "Product image URL", "position": "Image position",
    "own": "Variant image URL", "gift": "Gift card", "gender": "Google Shopping / Gender",
}  # fmt: skip
DRESS = {
    "handle": "tea-dress", "title": "Tea dress", "body": "<p>Silk &amp; wool</p>", "vendor": "Acme", "type": "Dresses",
    "category": "Apparel & Accessories > Clothing > Dresses", "published": "TRUE", "status": "active", "o1": "Color",
    "v1": "Navy", "o2": "Size", "v2": "S", "sku": "TD-N-S", "tracker": "shopify", "quantity": "3", "policy": "deny",
    "price": "39.90", "before": "49.90", "barcode": "'0123", "image": "https://cdn.example/2.jpg", "position": "2",
    "gender": "female",
}  # fmt: skip
SHOES = {"handle": "shoe", "title": "Shoe", "published": "TRUE", "status": "active", "o1": "Title", "price": "10",
         "v1": "Default Title", "image": "https://cdn.example/s.jpg", "sku": "", "before": "5"}  # fmt: skip


def table(columns: dict[str, str], rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns.values())
    writer.writerows([[row.get(key, "") for key in columns] for row in rows])
    return out.getvalue()


def read(folder: Path, content: str, options: FeedOptions = SHOP) -> tuple[dict[str, Product], list[FeedError]]:
    (folder / "export.csv").write_text(content, "utf-8", newline="")
    rows = [row for _, row in read_feed(folder / "export.csv", options=options)]
    products = [r for r in rows if isinstance(r, Product)]
    return {p.product_id: p for p in products}, [r for r in rows if isinstance(r, FeedError)]


@pytest.mark.parametrize("dialect", [OLD, NEW])
def test_shopifys_variants_are_products_of_one_group(tmp_path: Path, dialect: dict[str, str]) -> None:
    """Rows of a handle: variants with options, price and stock of their own, pictures of all its rows in order."""
    rows = [
        DRESS,
        {"handle": "tea-dress", "v1": "Navy", "v2": "M", "sku": "TD-N-M", "tracker": "shopify", "quantity": "0",
         "policy": "deny", "price": "39.90", "image": "https://cdn.example/1.jpg", "position": "1"},
        {"handle": "tea-dress", "image": "https://cdn.example/3.jpg", "position": "3"},
        SHOES,
    ]  # fmt: skip
    products, errors = read(tmp_path, table(dialect, rows))
    assert errors == []
    assert set(products) == {"TD-N-S", "TD-N-M", "shoe"}
    small, medium, shoe = products["TD-N-S"], products["TD-N-M"], products["shoe"]
    assert (small.title, small.brand, small.color, small.gender) == ("Tea dress", "Acme", "Navy", "female")
    assert (small.link, small.item_group_id) == ("https://shop.example/products/tea-dress", "tea-dress")
    assert (small.price, small.sale_price, small.currency) == (49.9, 39.9, "EUR")
    assert (medium.price, medium.sale_price) == (39.9, None)
    assert (small.attributes["size"], medium.attributes["size"], small.attributes["gtin"]) == ("S", "M", "0123")
    assert (small.availability, medium.availability) == (Availability.IN_STOCK, Availability.OUT_OF_STOCK)
    assert small.images == medium.images == tuple(f"https://cdn.example/{n}.jpg" for n in (1, 2, 3))
    assert (small.description, medium.description) == ("Silk & wool", "Silk & wool")
    assert (shoe.item_group_id, shoe.color, shoe.price, shoe.sale_price) == (None, None, 10.0, None)
    assert "Title" not in shoe.attributes


def test_a_variant_of_another_color_has_its_own_picture(tmp_path: Path) -> None:
    """Not that of its sister."""
    red = {
        "handle": "tea-dress",
        "v1": "Red",
        "v2": "S",
        "sku": "TD-R-S",
        "price": "39.90",
        "own": "https://cdn.example/r.jpg",
    }
    rows = [DRESS | {"own": "https://cdn.example/n.jpg"}, red]
    products, _ = read(tmp_path, table(OLD, rows))
    assert products["TD-N-S"].images == ("https://cdn.example/n.jpg",)
    assert products["TD-R-S"].images == ("https://cdn.example/r.jpg",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "draft"}, "is a draft"),
        ({"status": "archived"}, "is archived"),
        ({"published": "FALSE"}, "not published"),
    ],
)
def test_what_shopify_does_not_show_is_not_taken(tmp_path: Path, change: dict[str, str], words: str) -> None:
    """It is told, without its id, so that pruning takes it out."""
    products, errors = read(
        tmp_path, table(NEW, [DRESS | change, {"handle": "tea-dress", "v2": "M", "sku": "2"}, SHOES])
    )
    assert set(products) == {"shoe"}
    assert [(e.line, e.product_id, words in e.reason) for e in errors] == [(2, None, True)]


def test_skus_that_are_missing_or_come_again_make_no_product_vanish(tmp_path: Path) -> None:
    """The handle and the options stand in."""
    rows = [DRESS | {"sku": "X"}, {"handle": "tea-dress", "v1": "Navy", "v2": "M", "price": "1", "sku": "X"},
            {"handle": "tea-dress", "v1": "Navy", "v2": "L", "price": "1"}]  # fmt: skip
    products, errors = read(tmp_path, table(OLD, rows))
    assert (set(products), errors) == ({"X", "tea-dress/Navy/M", "tea-dress/Navy/L"}, [])


def test_rows_of_a_handle_that_stand_apart_are_told(tmp_path: Path) -> None:
    """With what to do."""
    products, errors = read(tmp_path, table(OLD, [DRESS, SHOES, {"handle": "tea-dress", "v2": "M", "price": "1"}]))
    assert set(products) == {"TD-N-S", "shoe"}
    assert [(e.line, "sort the file by handle" in e.reason) for e in errors] == [(4, True)]


@pytest.mark.parametrize(
    ("name", "field"), [("Colour", "color"), ("Farbe", "color"), ("Größe", "size"), ("Taille", "size"), ("Fit", "fit")]
)
def test_options_by_their_names_in_any_language(tmp_path: Path, name: str, field: str) -> None:
    """Others are attributes."""
    products, _ = read(tmp_path, table(OLD, [DRESS | {"o2": name, "v2": "Blau", "o1": "Style", "v1": "A"}]))
    (product,) = products.values()
    assert product.color == "Blau" if field == "color" else "Blau" in product.attributes.values()


def test_shopifys_metafields_are_fields(tmp_path: Path) -> None:
    """Of its own namespace by their keys; others by their labels."""
    columns = OLD | {
        "m1": "Color (product.metafields.shopify.color-pattern)",
        "m2": "Fit (product.metafields.custom.fit)",
    }
    shoe = SHOES | {"m1": "beige", "m2": "wide"}
    products, _ = read(tmp_path, table(columns, [shoe]))
    assert (products["shoe"].color, products["shoe"].attributes["Fit"]) == ("beige", "wide")


def shopify_json(**more: object) -> str:
    """A product as `/products.json` tells it, with another one behind it."""
    product: dict[str, object] = {
        "id": 6, "title": "Red Dress", "handle": "red-dress", "vendor": "Acme", "body_html": "<p>Nice &amp; red</p>",
        "product_type": "Dresses", "tags": ["party", "new"], "published_at": "2026-01-01T00:00:00-05:00",
        "variants": [
            {"id": 1, "option1": "S", "option2": "Red", "sku": "RD-S", "available": True, "price": "49.90",
             "compare_at_price": "59.90", "featured_image": None},
            {"id": 2, "option1": "M", "option2": "Navy", "sku": None, "available": False, "price": "49.90",
             "compare_at_price": None, "image_id": 8},
        ],
        "images": [{"id": n, "src": f"https://cdn.example/{n}.jpg", "position": 10 - n} for n in (7, 8, 9)],
        "options": [{"name": "Size"}, {"name": "Colour"}],
    }  # fmt: skip
    behind = {**product, "handle": "hat", "title": "Hat", "images": [{"src": "https://cdn.example/1.jpg"}]}
    return json.dumps({"products": [{**product, **more}, behind]})


def test_shopifys_products_as_json_are_those_of_the_table(tmp_path: Path) -> None:
    """Variants with ids, options, pictures and prices as in the export; a SKU that comes again is no id."""
    (tmp_path / "products.json").write_text(shopify_json())
    rows = [row for _, row in read_feed(tmp_path / "products.json", options=SHOP)]
    small, navy, *_ = rows
    assert isinstance(small, Product)
    assert isinstance(navy, Product)
    assert [getattr(row, "product_id", "") for row in rows] == ["RD-S", "red-dress/M/Navy", "hat/S/Red", "hat/M/Navy"]
    assert (small.link, small.item_group_id) == ("https://shop.example/products/red-dress", "red-dress")
    assert (small.price, small.sale_price, small.currency) == (59.9, 49.9, "EUR")
    assert (navy.price, navy.sale_price, navy.color) == (49.9, None, "Navy")
    assert (small.availability, navy.availability) == (Availability.IN_STOCK, Availability.OUT_OF_STOCK)
    assert small.images == ("https://cdn.example/9.jpg", "https://cdn.example/7.jpg")
    assert navy.images[0] == "https://cdn.example/8.jpg"
    assert (small.description, small.brand, small.category) == ("Nice & red", "Acme", "Dresses")


@pytest.mark.parametrize(
    ("more", "words"), [({"status": "draft"}, "is a draft"), ({"published_at": None}, "published")]
)
def test_what_shopifys_json_does_not_show_is_not_taken(tmp_path: Path, more: dict[str, object], words: str) -> None:
    (tmp_path / "products.json").write_text(shopify_json(**more))
    (hidden, *others) = [row for _, row in read_feed(tmp_path / "products.json", options=SHOP)]
    assert isinstance(hidden, FeedError)
    assert (words in hidden.reason, len(others)) == (True, 2)


@pytest.mark.parametrize("columns", [OLD, NEW])
def test_links_need_the_shops_address(tmp_path: Path, columns: dict[str, str]) -> None:
    """It is said how; a column with links will do as well."""
    with pytest.raises(FeedUnreadable, match="--shop-url"):
        read(tmp_path, table(columns, [SHOES]), FeedOptions())
    linked = table(columns | {"link": "Link"}, [SHOES | {"link": "https://other.example/s"}])
    products, _ = read(tmp_path, linked, FeedOptions())
    assert (products["shoe"].link, products["shoe"].currency) == ("https://other.example/s", None)


WOO = {
    "id": "ID", "type": "Type", "sku": "SKU", "gtin": "GTIN, UPC, EAN, or ISBN", "name": "Name",
    "published": "Published",
    "featured": "Is featured?", "visibility": "Visibility in catalog", "short": "Short description",
    "description": "Description", "starts": "Date sale price starts", "ends": "Date sale price ends",
    "stock": "In stock?", "quantity": "Stock", "sale": "Sale price", "regular": "Regular price",
    "categories": "Categories", "tags": "Tags", "images": "Images", "parent": "Parent", "external": "External URL",
    "brands": "Brands", "n1": "Attribute 1 name", "v1": "Attribute 1 value(s)", "n2": "Attribute 2 name",
    "v2": "Attribute 2 value(s)", "n3": "Attribute 3 name", "v3": "Attribute 3 value(s)",
}  # fmt: skip
SIMPLE = {
    "id": "7", "type": "simple", "sku": "S7", "name": "Cap", "published": "1", "visibility": "visible", "stock": "1",
    "regular": "20", "sale": "15", "categories": "Accessories > Hats, Sale", "description": "<b>Warm</b>",
    "images": "https://s.example/a.jpg, https://s.example/b.jpg", "brands": "Acme", "n1": "Color", "v1": "Red",
    "n2": "Fit", "v2": "Loose\\, long",
}  # fmt: skip
PARENT = {
    "id": "10", "type": "variable", "sku": "P10", "name": "Shirt", "published": "1", "visibility": "visible",
    "stock": "1", "categories": "Clothing > Shirts", "description": "Soft", "images": "https://s.example/p.jpg",
    "n1": "Color", "v1": "Red, Blue", "n2": "Size", "v2": "S, M", "n3": "Material", "v3": "Cotton",
}  # fmt: skip


def variation(number: int, **more: str) -> dict[str, str]:
    return {"id": str(number), "type": "variation", "name": f"Shirt - {number}", "published": "1", "stock": "1",
            "regular": "30", "parent": "id:10", "n1": "Color", "v1": "Blue", "n2": "Size",
            "v2": "M"} | more  # fmt: skip


def test_woocommerces_simple_products(tmp_path: Path) -> None:
    """Names, prices, stock, categories, pictures, attributes; a link by the product's number."""
    products, errors = read(tmp_path, table(WOO, [SIMPLE, SIMPLE | {"id": "8", "stock": "0", "sale": "", "sku": ""}]))
    assert errors == []
    cap = products["7"]
    assert (cap.title, cap.brand, cap.color, cap.link) == ("Cap", "Acme", "Red", "https://shop.example/?p=7")
    assert (cap.price, cap.sale_price, cap.currency, cap.availability) == (20.0, 15.0, "EUR", Availability.IN_STOCK)
    assert cap.images == ("https://s.example/a.jpg", "https://s.example/b.jpg")
    assert cap.attributes["Fit"] == "Loose, long"
    assert (products["8"].price, products["8"].availability) == (20.0, Availability.OUT_OF_STOCK)


@pytest.mark.parametrize("parent", ["id:10", "P10"])
@pytest.mark.parametrize("behind", [True, False])
def test_woocommerces_variations_have_from_their_parent_what_they_lack(
    tmp_path: Path, parent: str, behind: bool
) -> None:
    """By its number or SKU, wherever it stands; the parent itself is no product then."""
    found = [variation(11, parent=parent), variation(12, parent=parent, images="https://s.example/12.jpg", v1="Red")]
    products, errors = read(tmp_path, table(WOO, [*found, PARENT] if behind else [PARENT, SIMPLE, *found]))
    assert errors == []
    assert set(products) == {"11", "12"} | (set() if behind else {"7"})
    first, second = products["11"], products["12"]
    assert (first.color, first.attributes["size"], first.attributes["material"]) == ("Blue", "M", "Cotton")
    assert (first.images, second.images) == (("https://s.example/p.jpg",), ("https://s.example/12.jpg",))
    assert (first.item_group_id, first.link, first.description) == ("10", "https://shop.example/?p=10", "Soft")
    assert first.price == 30.0


def test_woocommerces_odds_and_ends(tmp_path: Path) -> None:
    """Drafts and hidden products are told; a parent alone is a product; an orphan says what it lacks."""
    outside = {"id": "13", "type": "external", "external": "https://o.example/x"}
    rows = [SIMPLE | {"published": "-1"}, SIMPLE | {"id": "8", "published": "0"},
            SIMPLE | {"id": "9", "visibility": "hidden"}, PARENT, variation(11, parent="id:99"), SIMPLE | outside,
            SIMPLE | {"id": "14", "type": "simple, downloadable, virtual", "sale": "'-1"}]  # fmt: skip
    products, errors = read(tmp_path, table(WOO, rows))
    assert set(products) >= {"10", "13"}
    assert products["13"].link == "https://o.example/x"
    assert products["10"].item_group_id is None
    told = {error.line: error.reason for error in errors}
    assert [
        words in told[line] for line, words in ((2, "draft"), (3, "not published"), (4, "hidden"), (6, "parent"))
    ] == [True] * 4


def test_a_merchant_feed_is_none_of_these(tmp_path: Path) -> None:
    """Columns called handle, type or SKU do not make it an export."""
    columns = {
        name: name for name in ("id", "title", "link", "image_link", "handle", "vendor", "variant sku", "type", "sku")
    }
    row = {"id": "1", "title": "A", "link": "https://x.example/1", "image_link": "1.jpg", "handle": "h"}
    products, errors = read(tmp_path, table(columns, [row]), FeedOptions())
    assert (set(products), errors) == ({"1"}, [])
