"""The words of the domain, as frozen values. Arrays inside make them identity-compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.facets import Counted
    from engine.retrieval.listing import Seen, Total

Pixels: TypeAlias = NDArray[np.uint8]
"""RGB pixels, (H, W, 3) uint8, upright (EXIF applied)."""

Embeddings: TypeAlias = NDArray[np.float32]
"""(n, dim) float32, every row of unit L2 norm."""

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the upright image; x1 and y1 are exclusive."""

Space = Literal["visual", "semantic"]
"""An embedding space: `visual` is DenseNet121's, `semantic` is CLIP's (images and texts)."""

SPACES: tuple[Space, ...] = ("visual", "semantic")

View = Literal["front", "back", "left", "right", "none"]
"""Where the person faces, seen from the camera; `none` where there is no person to judge."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal as a value: which stage refused, and why, for a person to read."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Garment:
    """One garment of one person (or of a product-only photo).

    Attributes:
        label: a class of the taxonomy, such as `dress`.
        score: the detector's confidence, 0 to 1.
        box: tight around the mask.
        mask: (H, W) bool, the garment's pixels inside the outer integer box
            (floor of x0, y0 to ceil of x1, y1).
        polygons: the mask's outlines in pixels of the image, each (n, 2) float32.
        also: other supercategories that it may belong to, likeliest first; a search looks there too.
    """

    label: str
    supercategory: str
    score: float
    box: Box
    mask: NDArray[np.bool_]
    polygons: tuple[NDArray[np.float32], ...] = ()
    also: tuple[str, ...] = ()

    @property
    def supercategories(self) -> tuple[str, ...]:
        """Its own, and those that it may belong to."""
        return (self.supercategory, *self.also)


@dataclass(frozen=True, slots=True)
class Person:
    """A person that the segmenter saw."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Accessory:
    """Something worn or carried that is seen and set aside: it is no garment, and none is taken for it.

    Attributes:
        label: `bag` or `headwear`.
    """

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the segmenter saw in one image: garment pieces as detected, people, and what is set aside."""

    garments: tuple[Garment, ...]
    people: tuple[Person, ...]
    accessories: tuple[Accessory, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How one person stands.

    Attributes:
        keypoints: (17, 3) float32 in COCO order: x, y in pixels, score 0 to 1.
        facing: chances that the person is seen from the front, the back, the side, and that there is nobody;
            None where the model has no say in that.
    """

    keypoints: NDArray[np.float32]
    box: Box
    facing: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GateReport:
    """What the gate says of one image.

    Attributes:
        people: how many people the image shows.
        full_shot: head to ankles are in the picture.
        keep: a full-shot, front-facing picture of one main person.
        reason: why it is or is not kept, for a person to read.
    """

    people: int
    view: View
    full_shot: bool
    keep: bool
    reason: str
    pose: Pose | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PictureAnalysis:
    """What the models see in one picture of `width` × `height` pixels: the main person's garments, and the person."""

    garments: tuple[Garment, ...]
    gate: GateReport
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One garment cut out, its surroundings painted neutral.

    Attributes:
        pixels: (H, W, 3) uint8.
        mask: (H, W) bool, True on the garment.
    """

    pixels: Pixels
    mask: NDArray[np.bool_]


class Availability(StrEnum):
    """Google Merchant's words for stock."""

    IN_STOCK = "in_stock"
    OUT_OF_STOCK = "out_of_stock"
    PREORDER = "preorder"
    BACKORDER = "backorder"


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its shop describes it. `images` are references, the main one first.

    Attributes:
        price: the list price; sale_price: what is asked instead from `sale_start` to `sale_end`, where these are given.
        category: the shop's own, or Google's path where it has none; categories: all of them.
    """

    product_id: str
    title: str
    link: str
    images: tuple[str, ...]
    description: str = ""
    price: float | None = None
    sale_price: float | None = None
    currency: str | None = None
    availability: Availability = Availability.IN_STOCK
    brand: str | None = None
    color: str | None = None
    gender: str | None = None
    category: str | None = None
    item_group_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    sale_start: datetime | None = None
    sale_end: datetime | None = None

    @property
    def effective_price(self) -> float | None:
        """What a buyer pays now."""
        return self.price_at(datetime.now(UTC))

    def price_at(self, moment: datetime) -> float | None:
        """What a buyer pays at a moment: the sale price where there is one that holds then."""
        begun = self.sale_start is None or self.sale_start <= moment
        over = self.sale_end is not None and self.sale_end < moment
        return self.sale_price if self.sale_price is not None and begun and not over else self.price


@dataclass(frozen=True, slots=True)
class Item:
    """One indexed garment of a product's image: a row of a collection.

    Attributes:
        item_id: unique in the catalogue; the same in both paired collections.
        image: key of the stored picture in the object store.
        box: the garment in that picture.
        facets: casefolded values to filter by, each facet with one or more
            (`{"color": ("navy", "white"), "brand": ("acme",)}`).
        price: what a buyer pays, in the feed's currency.
    """

    item_id: str
    product_id: str
    supercategory: str
    label: str
    image: str
    box: Box
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price: float | None = None


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection is made for; `fingerprint` names the model behind its embeddings."""

    name: str
    dim: int
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A store's answer to one query, best first; scores are cosine similarities.

    Scores may be approximate: the search rescores exactly. Fewer entries than
    asked for means that no further row matches.
    """

    item_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Signals:
    """What each signal says of a hit, calibrated to 0 to 1; None where it had no part."""

    visual: float | None = None
    semantic: float | None = None
    text: float | None = None
    color: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One product found, with the indexed garment that matched best.

    `score` rises with similarity, 0 to 1; `why` holds sentences for a person. `variants` are the products of the hit's
    look that match the query's filters, itself among them, where there are several. `matched_by` names what of the
    shop's own words fits the query's exactly: `id`, `gtin`, `ean`, `upc`, `mpn`, `sku`, `brand`, `size`, `words`.
    `confidence` is the share of hits of this score that are of the same article; None where that was not measured.
    """

    product: Product
    item: Item
    score: float
    signals: Signals
    why: tuple[str, ...]
    variants: tuple[Product, ...] = ()
    matched_by: tuple[str, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GarmentHits:
    """The answer for one garment of the query photo (None for a text or a product query).

    Attributes:
        seen: what a further page is asked for with; None where there is no more.
        total, counted: how many hits there are, and products by value, where these were asked for.
        no_match: there are hits, the nearest there are, and none is much like what was asked with.
        photo: which of several photos the garment's box is of, counted from 0.
    """

    garment: Garment | None
    supercategory: str | None
    hits: tuple[Hit, ...]
    seen: Seen | None = None
    total: Total | None = None
    counted: Counted | None = None
    no_match: bool = False
    photo: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The whole answer with milliseconds by stage; `notes` say what was ignored, corrected, guessed, not understood.

    `image` is the key of the stored picture that the boxes are of, where the query was not the caller's own photo.
    """

    garments: tuple[GarmentHits, ...]
    timing_ms: Mapping[str, float]
    width: int | None = None
    height: int | None = None
    notes: tuple[str, ...] = ()
    image: str | None = None
