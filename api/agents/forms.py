"""Products as UCP writes them, and what its tools take. Amounts are whole numbers of a currency's smallest unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from babel.numbers import get_currency_precision
from msgspec import Meta

from engine.domain import Availability, GarmentHits, Hit, Product

VERSION = "2026-08-25"
SEARCH, LOOKUP = "dev.ucp.shopping.catalog.search", "dev.ucp.shopping.catalog.lookup"
VISUAL = "io.github.thatlook.visual_similarity"
"""Our extension of the search: by photo, by product, by garment. See docs/agents.md."""
MOST_IDS = 50
_OPTIONS = ("Size", "Color")
Form = dict[str, Any]


class Like(msgspec.Struct, frozen=True, kw_only=True):
    """What to look like: exactly one of the first four; the rest says which garment of the photo is meant."""

    product_id: str | None = None
    image_base64: str | None = None
    image_url: str | None = None
    image_id: str | None = None
    supercategory: Annotated[str, Meta(max_length=100)] | None = None
    index: Annotated[int, Meta(ge=0, le=1000)] | None = None
    point: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    not_query: str | None = None


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Which page, of how many."""

    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1)] = 10


class SearchCatalog(msgspec.Struct, frozen=True, kw_only=True):
    """`search_catalog`; what UCP has besides (context, signals, attribution) is read and not obeyed."""

    query: str | None = None
    like: Like | None = None
    filters: dict[str, Any] = {}
    pagination: Paging = Paging()
    context: dict[str, Any] = {}


class LookupCatalog(msgspec.Struct, frozen=True, kw_only=True):
    """`lookup_catalog`."""

    ids: Annotated[list[Annotated[str, Meta(min_length=1, max_length=500)]], Meta(min_length=1)]
    filters: dict[str, Any] = {}
    context: dict[str, Any] = {}


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """An option that is chosen."""

    name: str
    label: str


class GetProduct(msgspec.Struct, frozen=True, kw_only=True):
    """`get_product`."""

    id: Annotated[str, Meta(min_length=1, max_length=500)]
    selected: list[Selected] = []
    preferences: list[str] = []
    filters: dict[str, Any] = {}
    context: dict[str, Any] = {}


def envelope(capability: str, *, failed: bool = False, extended: bool = False) -> Form:
    """The `ucp` of an answer."""
    capabilities = {capability: [{"version": VERSION}]}
    if extended:
        capabilities[VISUAL] = [{"version": VERSION}]
    return {"version": VERSION, "status": "error" if failed else "success", "capabilities": capabilities}


def not_found(capability: str, product_id: str) -> Form:
    """The answer for a product that is not there."""
    told = {"type": "error", "code": "not_found", "content": f"Product not found: {product_id}"}
    return {"ucp": envelope(capability, failed=True), "messages": [told | {"severity": "unrecoverable"}]}


def info(content: str, code: str | None = None) -> Form:
    """A message that only informs."""
    return {"type": "info", **({"code": code} if code else {}), "content": content}


def filters_of(filters: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """UCP's filters as ours: `categories` and a price in smallest units; others (brand, color …) keep their names."""
    ours = {name: value for name, value in filters.items() if name not in ("categories", "price")}
    if categories := filters.get("categories"):
        ours["category"] = categories
    price = filters.get("price")
    if isinstance(price, Mapping):
        unit = 10 ** _digits(str(context.get("currency") or "EUR"))
        bounds = {name: price[name] for name in ("min", "max") if name in price}
        ours["price"] = {n: value / unit if isinstance(value, int | float) else value for n, value in bounds.items()}
    elif price is not None:
        ours["price"] = price
    return ours


def product_form(hit: Hit, base: str | None, variants: Sequence[Product] | None = None) -> Form | None:
    """A hit's look as a product with variants; None where no variant has a price.

    Args:
        base: the server's address, for pictures that it alone has.
        variants: those of the look to tell, the featured one first; all where not given.
    """
    product = hit.product
    others = [each for each in hit.variants if each.product_id != product.product_id]
    told = [each for each in (variants or [product, *others]) if _price(each, each.effective_price)]
    if not told:
        return None
    prices = [price for each in told if (price := _price(each, each.effective_price))]
    media = _media(product, hit.item.image, base)
    options = [option for name in _OPTIONS if (option := _option(name, [product, *others]))]
    form: Form = {
        "id": product.product_id,
        "title": product.title,
        "description": {"plain": product.description or product.title},
        "url": product.link,
        "price_range": _range(prices),
        "variants": [_variant(each) for each in told],
    }
    form |= {"categories": [{"value": path, "taxonomy": "merchant"} for path in product.categories]}
    form |= {"media": media} if media else {}
    form |= {"options": options} if options else {}
    form |= {"tags": [product.brand]} if product.brand else {}
    return form


def similarity(hit: Hit, garment: GarmentHits, number: int, query_id: str) -> Form:
    """Why a product was found, for its `metadata`: the extension's part of an answer."""
    told: Form = {"score": round(float(hit.score), 4), "why": list(hit.why), "query_id": query_id}
    told |= {"matched_by": list(hit.matched_by)} if hit.matched_by else {}
    if garment.garment is not None:
        box = [round(float(side), 1) for side in garment.garment.box]
        told["garment"] = {"index": number, "class": garment.garment.label, "box": box}
    return told | {"supercategory": hit.item.supercategory, "no_match": garment.no_match}


def selection_of(product: Product) -> list[Form]:
    """A variant's own options."""
    return [{"name": name, "label": value} for name in _OPTIONS if (value := _value(product, name))]


def detailed(form: Form, hit: Hit, selected: Sequence[Selected]) -> Form:
    """A product with what of each option there is and can be bought, beside the other options chosen."""
    everything = [hit.product, *(each for each in hit.variants if each.product_id != hit.product.product_id)]
    for option in form.get("options", []):
        rest = [each for each in selected if each.name != option["name"]]
        matching = [each for each in everything if matches(each, rest)]
        for value in option["values"]:
            having = [each for each in matching if _value(each, option["name"]) == value["label"]]
            value |= {"exists": bool(having), "available": any(map(_available, having))}
    return form


def matches(product: Product, selected: Iterable[Selected]) -> bool:
    """Whether a variant has the options chosen; options that we do not know narrow nothing."""
    return all(_value(product, each.name) == each.label for each in selected if each.name in _OPTIONS)


def _variant(product: Product) -> Form:
    options = selection_of(product)
    title = ", ".join(option["label"] for option in options) or product.title
    form: Form = {
        "id": product.product_id,
        "title": title,
        "description": {"plain": product.title},
        "url": product.link,
        "price": _price(product, product.effective_price),
        "availability": {"available": _available(product), "status": product.availability.value},
    }
    form |= {"options": options} if options else {}
    form |= {"sku": sku} if (sku := product.attributes.get("sku")) else {}
    form |= {"barcodes": [{"type": "GTIN", "value": gtin}]} if (gtin := product.attributes.get("gtin")) else {}
    if product.price is not None and product.price != product.effective_price:
        form["list_price"] = _price(product, product.price)
    return form


def _available(product: Product) -> bool:
    return product.availability is not Availability.OUT_OF_STOCK


def _value(product: Product, option: str) -> str | None:
    return product.color if option == "Color" else product.attributes.get("size") if option == "Size" else None


def _option(name: str, products: Sequence[Product]) -> Form | None:
    values = dict.fromkeys(value for each in products if (value := _value(each, name)))
    return {"name": name, "values": [{"label": value} for value in values]} if values else None


def _price(product: Product, amount: float | None) -> Form | None:
    """None where a product has no price, or one in no currency."""
    if amount is None or product.currency is None:
        return None
    return {"amount": round(amount * 10 ** _digits(product.currency)), "currency": product.currency}


def _range(prices: Sequence[Form]) -> Form:
    return {"min": min(prices, key=lambda each: each["amount"]), "max": max(prices, key=lambda each: each["amount"])}


def _digits(currency: str) -> int:
    return int(get_currency_precision(currency))


def _media(product: Product, stored: str, base: str | None) -> list[Form]:
    """The shop's own picture where it has an address, else the stored one where the server has one."""
    own = next((image for image in product.images if image.startswith(("http://", "https://"))), None)
    url = own or (f"{base}/v1/images/{quote(stored)}" if base else None)
    return [{"type": "image", "url": url, "alt_text": product.title}] if url else []
