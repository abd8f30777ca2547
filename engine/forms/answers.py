"""Answers on the wire: the JSON forms that the API and the command line share.

The forms are stable: other programs read them. Pixels are those of the upright image;
numbers are rounded to what they mean, so that answers stay small and comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from engine.domain import Accessory, Answer, Garment, GarmentHits, Hit, Product, Signals

if TYPE_CHECKING:
    from engine.facets import Counted
    from engine.retrieval.histogram import PriceRange
    from engine.retrieval.listing import Seen, Total

ImageUrl = Callable[[str], str]
"""Turns the key of a stored picture into what a reader can open."""
Cursor: TypeAlias = "Callable[[int, Seen], str]"
"""A garment's place in the answer, and what was shown of it → the cursor of its next page."""


class SignalForm(msgspec.Struct, frozen=True):
    """What each signal says of a hit, 0 to 1; null where it had no part."""

    visual: float | None = None
    semantic: float | None = None
    text: float | None = None
    color: float | None = None


class VariantForm(msgspec.Struct, frozen=True):
    """One product of a hit's look: another size, mostly. `price` is what a buyer pays today."""

    id: str
    size: str | None
    color: str | None
    price: float | None
    list_price: float | None
    currency: str | None
    availability: str
    link: str


class HitForm(msgspec.Struct, frozen=True):
    """One product found, with the reasons. `price` is what a buyer pays today, `list_price` what it is without a sale.

    `variants` are the products of its look (same `item_group_id`, and same colour or picture) that match the filters,
    itself included, in the order of their sizes; empty where there is no other. `matched_by` names what fits the words
    of the query exactly: `id`, `gtin`, `ean`, `upc`, `mpn`, `sku`, `brand`, `size`, or `words` of the shop.
    `confidence`, where a photo or a product asks by itself: the share of hits of this score that are of the same
    article, as was measured for these models; null elsewhere.
    """

    product_id: str
    title: str
    link: str
    image: str
    price: float | None
    currency: str | None
    brand: str | None
    supercategory: str
    score: float
    signals: SignalForm
    why: list[str]
    availability: str = "in_stock"
    list_price: float | None = None
    color: str | None = None
    size: str | None = None
    item_group_id: str | None = None
    variants: list[VariantForm] = []
    matched_by: list[str] = []
    confidence: float | None = None


class GarmentForm(msgspec.Struct, frozen=True):
    """One garment as detected: `box` is x0, y0, x1, y1, `polygons` are its outlines.

    `also` names other supercategories that it may belong to; a search looks there too.
    """

    label: str = msgspec.field(name="class")
    supercategory: str
    score: float
    box: tuple[float, float, float, float]
    polygons: list[list[tuple[float, float]]]
    also: list[str] = []


class TotalForm(msgspec.Struct, frozen=True):
    """How many hits paging gives: `relation` is `eq` (exactly so many) or `gte` (so many and perhaps more)."""

    value: int
    relation: Literal["eq", "gte"]


class FacetValueForm(msgspec.Struct, frozen=True):
    """One value: as filters take it, as the shop writes it, and how many products have it."""

    value: str
    label: str
    count: int


class FacetForm(msgspec.Struct, frozen=True):
    """One facet under its filter's name, its values by products; `more` values are not told."""

    name: str
    values: list[FacetValueForm]
    more: int


class PriceBucketForm(msgspec.Struct, frozen=True):
    """How many products cost from `from` up to, and without, `to`; the last bucket has its `to` within."""

    low: float = msgspec.field(name="from")
    high: float = msgspec.field(name="to")
    count: int


class PriceForm(msgspec.Struct, frozen=True):
    """The lowest and highest price, and a histogram."""

    min: float
    max: float
    currency: str | None
    buckets: list[PriceBucketForm]


class FacetsForm(msgspec.Struct, frozen=True):
    """What was counted: `products` match the filters; `exact` is false where there are more rows than are counted."""

    products: int
    exact: bool
    facets: list[FacetForm]
    price: PriceForm | None


class GarmentHitsForm(msgspec.Struct, frozen=True):
    """One garment of the query photo with its hits; null where the query was no photo.

    `next_cursor` asks for further hits (null: there are no more); `total`, `matching` (products that match the
    filters), `facets` and `price` are there where they were asked for. `no_match`: the hits are the nearest there are,
    and none is much like the garment (or product) asked with. `photo` is the one that the box is of, where several were
    sent, counted from 0.
    """

    label: str | None = msgspec.field(name="class")
    supercategory: str | None
    score: float | None
    box: tuple[float, float, float, float] | None
    polygons: list[list[tuple[float, float]]] | None
    hits: list[HitForm]
    also: list[str] = []
    next_cursor: str | None = None
    total: TotalForm | None = None
    matching: int | None = None
    facets: list[FacetForm] | None = None
    price: PriceForm | None = None
    no_match: bool = False
    photo: int = 0


class AnswerForm(msgspec.Struct, frozen=True):
    """The answer to one search, with milliseconds by stage and the size of the upright photo.

    `notes` are sentences for a person: what of the query was ignored, corrected, guessed or not understood. `image` is
    the stored picture that the boxes are of, where the caller sent none; `query_id` names this answer to
    `POST /v1/events`.
    """

    garments: list[GarmentHitsForm]
    timing_ms: dict[str, float]
    width: int | None = None
    height: int | None = None
    notes: list[str] = []
    image: str | None = None
    query_id: str | None = None


class AccessoryForm(msgspec.Struct, frozen=True):
    """A bag or hat that was seen and set aside."""

    label: str
    score: float
    box: tuple[float, float, float, float]


class DetectionForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """The garments of one image, as `thatlook detect --json` prints them, and `set_aside` where something was."""

    image: str
    width: int
    height: int
    garments: list[GarmentForm]
    set_aside: list[AccessoryForm] = []


def garment_form(garment: Garment) -> GarmentForm:
    """One detected garment, without its mask's pixels."""
    x0, y0, x1, y1 = (round(float(v), 2) for v in garment.box)
    polygons = [[(round(float(x), 1), round(float(y), 1)) for x, y in outline] for outline in garment.polygons]
    score, also = round(float(garment.score), 4), list(garment.also)
    return GarmentForm(garment.label, garment.supercategory, score, (x0, y0, x1, y1), polygons, also)


def accessory_form(accessory: Accessory) -> AccessoryForm:
    """One thing that was set aside."""
    x0, y0, x1, y1 = (round(float(v), 2) for v in accessory.box)
    return AccessoryForm(accessory.label, round(float(accessory.score), 4), (x0, y0, x1, y1))


def detection_form(
    image: str, width: int, height: int, garments: Iterable[Garment], accessories: Iterable[Accessory] = ()
) -> DetectionForm:
    """The garments of one image; `image` is the name that the caller gave it."""
    aside = [accessory_form(a) for a in accessories]
    return DetectionForm(image, width, height, [garment_form(g) for g in garments], aside)


def hit_form(hit: Hit, image_url: ImageUrl) -> HitForm:
    """One hit."""
    product = hit.product
    return HitForm(
        product_id=product.product_id,
        title=product.title,
        link=product.link,
        image=image_url(hit.item.image),
        price=product.effective_price,
        currency=product.currency,
        brand=product.brand,
        supercategory=hit.item.supercategory,
        score=_share(hit.score),
        signals=_signal_form(hit.signals),
        why=list(hit.why),
        availability=product.availability.value,
        list_price=product.price,
        color=product.color,
        size=product.attributes.get("size"),
        item_group_id=product.item_group_id,
        variants=[variant_form(each) for each in hit.variants],
        matched_by=list(hit.matched_by),
        confidence=None if hit.confidence is None else _share(hit.confidence),
    )


def variant_form(product: Product) -> VariantForm:
    """One product of a hit's look."""
    return VariantForm(
        id=product.product_id,
        size=product.attributes.get("size"),
        color=product.color,
        price=product.effective_price,
        list_price=product.price,
        currency=product.currency,
        availability=product.availability.value,
        link=product.link,
    )


def answer_form(
    answer: Answer, image_url: ImageUrl = str, *, query_id: str | None = None, cursor: Cursor | None = None
) -> AnswerForm:
    """The whole answer. Without `image_url`, a hit's image is its key in the object store.

    Args:
        cursor: a garment's place in the answer, and what was shown of it → what asks for its next page.
    """
    return AnswerForm(
        garments=[_garment_hits_form(found, image_url, at, cursor) for at, found in enumerate(answer.garments)],
        timing_ms=_milliseconds(answer.timing_ms),
        width=answer.width,
        height=answer.height,
        notes=list(answer.notes),
        image=None if answer.image is None else image_url(answer.image),
        query_id=query_id,
    )


def facets_form(counted: Counted) -> FacetsForm:
    """What was counted."""
    facets = [
        FacetForm(f.name, [FacetValueForm(v.value, v.label, v.count) for v in f.values], f.more) for f in counted.facets
    ]
    return FacetsForm(counted.products, counted.exact, facets, _price_form(counted.price) if counted.price else None)


def _price_form(price: PriceRange) -> PriceForm:
    buckets = [PriceBucketForm(bucket.low, bucket.high, bucket.count) for bucket in price.buckets]
    return PriceForm(price.low, price.high, price.currency, buckets)


def to_json(form: msgspec.Struct | list[DetectionForm]) -> bytes:
    """One JSON document."""
    return msgspec.json.encode(form)


def _garment_hits_form(found: GarmentHits, image_url: ImageUrl, at: int, cursor: Cursor | None) -> GarmentHitsForm:
    seen = garment_form(found.garment) if found.garment else None
    counted = facets_form(found.counted) if found.counted else None
    hits = [hit_form(hit, image_url) for hit in found.hits]
    told: dict[str, Any] = {
        "no_match": found.no_match,
        "photo": found.photo,
        "next_cursor": cursor(at, found.seen) if cursor and found.seen else None,
        "total": _total_form(found.total) if found.total else None,
    }
    if counted:
        told |= {"matching": counted.products, "facets": counted.facets, "price": counted.price}
    if seen is None:
        return GarmentHitsForm(None, found.supercategory, None, None, None, hits, **told)
    return GarmentHitsForm(seen.label, seen.supercategory, seen.score, seen.box, seen.polygons, hits, seen.also, **told)


def _total_form(total: Total) -> TotalForm:
    return TotalForm(total.value, "gte" if total.at_least else "eq")


def _signal_form(signals: Signals) -> SignalForm:
    values = (signals.visual, signals.semantic, signals.text, signals.color)
    return SignalForm(*(None if value is None else _share(value) for value in values))


def _share(value: float) -> float:
    return round(float(value), 4)


def _milliseconds(timing: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(float(ms), 3) for stage, ms in timing.items()}
