"""Answers on the wire: the JSON forms that the API and the command line share.

The forms are stable: other programs read them. Pixels are those of the upright image;
numbers are rounded to what they mean, so that answers stay small and comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from engine.domain import Accessory, Answer, Garment, GarmentHits, Hit, Product, Signals

ImageUrl = Callable[[str], str]
"""Turns the key of a stored picture into what a reader can open."""


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
    itself included, in the order of their sizes; empty where there is no other.
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


class GarmentHitsForm(msgspec.Struct, frozen=True):
    """One garment of the query photo with its hits; null where the query was no photo."""

    label: str | None = msgspec.field(name="class")
    supercategory: str | None
    score: float | None
    box: tuple[float, float, float, float] | None
    polygons: list[list[tuple[float, float]]] | None
    hits: list[HitForm]
    also: list[str] = []


class AnswerForm(msgspec.Struct, frozen=True):
    """The answer to one search, with milliseconds by stage and the size of the upright photo.

    `notes` are sentences for a person: what of the query was ignored, corrected, guessed or not understood. `image` is
    the stored picture that the boxes are of, where the caller sent none.
    """

    garments: list[GarmentHitsForm]
    timing_ms: dict[str, float]
    width: int | None = None
    height: int | None = None
    notes: list[str] = []
    image: str | None = None


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


def answer_form(answer: Answer, image_url: ImageUrl = str) -> AnswerForm:
    """The whole answer. Without `image_url`, a hit's image is its key in the object store."""
    return AnswerForm(
        garments=[_garment_hits_form(found, image_url) for found in answer.garments],
        timing_ms=_milliseconds(answer.timing_ms),
        width=answer.width,
        height=answer.height,
        notes=list(answer.notes),
        image=None if answer.image is None else image_url(answer.image),
    )


def to_json(form: msgspec.Struct | list[DetectionForm]) -> bytes:
    """One JSON document."""
    return msgspec.json.encode(form)


def _garment_hits_form(found: GarmentHits, image_url: ImageUrl) -> GarmentHitsForm:
    hits = [hit_form(hit, image_url) for hit in found.hits]
    if found.garment is None:
        return GarmentHitsForm(None, found.supercategory, None, None, None, hits)
    seen = garment_form(found.garment)
    return GarmentHitsForm(seen.label, seen.supercategory, seen.score, seen.box, seen.polygons, hits, seen.also)


def _signal_form(signals: Signals) -> SignalForm:
    values = (signals.visual, signals.semantic, signals.text, signals.color)
    return SignalForm(*(None if value is None else _share(value) for value in values))


def _share(value: float) -> float:
    return round(float(value), 4)


def _milliseconds(timing: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(float(ms), 3) for stage, ms in timing.items()}
