"""What the catalogue's routes answer, as values. Searches answer with the forms of `engine.answers`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

import msgspec


class SearchOptions(TypedDict, total=False):
    """What every search can be asked.

    Attributes:
        k: products for each garment, 1 to 100.
        filters: such as `{"brand": ["acme"], "price": {"max": 50}, "not": {"color": "red"}}`.
        group: `look` (one hit for all sizes of a product, its `variants`) or `none`.
        unavailable: `last` (what is out of stock comes last) or `mixed`.
        deadline_ms: no answer is wanted later than this.
    """

    k: int
    filters: Mapping[str, Any]
    group: Literal["look", "none"]
    unavailable: Literal["last", "mixed"]
    deadline_ms: int


class PhotoOptions(SearchOptions, total=False):
    """What a search by photo can be asked besides.

    Attributes:
        text, not_text: words that are wanted, and words that are not: `text="the same in navy"`.
        weights: how much `visual`, `semantic`, `text` and `color` count; only with words.
        supercategory: look for these alone, such as `upper_wear`.
        box: x0, y0, x1, y1 in pixels of the upright photo: one garment, of one `supercategory`.
        whole_image: the photo shows one garment, of one `supercategory`, and nothing else.
    """

    text: str | list[str]
    not_text: str | list[str]
    weights: Mapping[str, float]
    supercategory: str | list[str]
    box: tuple[float, float, float, float]
    whole_image: bool


class Refusal(msgspec.Struct, frozen=True):
    """Why one picture of a product is not indexed."""

    image: str
    stage: str
    reason: str


class ProductState(msgspec.Struct, frozen=True):
    """A product and where it stands: `state` is pending, indexed, refused or failed; `product` is as it was written."""

    product_id: str
    state: str
    reason: str | None
    feed: str
    updated: datetime
    indexed_items: int
    supercategories: list[str]
    refusals: list[Refusal]
    product: dict[str, Any]


class ProductPage(msgspec.Struct, frozen=True):
    """Products in the order of their ids; `next_after` asks for the next page, None at the end."""

    products: list[ProductState]
    next_after: str | None


class ProductReceipt(msgspec.Struct, frozen=True):
    """What became of one product of a request: `pending` (taken on) or `rejected`, with reasons; `notes` say what of it
    was changed or left out.
    """

    id: str | None
    state: str
    reasons: list[str] = []
    notes: list[str] = []


class Receipt(msgspec.Struct, frozen=True):
    """What became of a request's products."""

    accepted: int
    rejected: int
    products: list[ProductReceipt]


class IngestRun(msgspec.Struct, frozen=True):
    """One pass over a feed; `finished` is None while it goes on."""

    run_id: int
    feed: str
    started: datetime
    finished: datetime | None
    total: int | None
    counts: dict[str, int]


class IngestRuns(msgspec.Struct, frozen=True):
    """The latest runs, newest first."""

    runs: list[IngestRun]


class IngestError(msgspec.Struct, frozen=True):
    """A row that was not taken: its line (1-based) and why."""

    line: int
    reason: str
    product_id: str | None


class IngestErrors(msgspec.Struct, frozen=True):
    """A run's rows that were not taken; `next_offset` asks for the next page, None at the end."""

    errors: list[IngestError]
    next_offset: int | None


class IngestStatus(msgspec.Struct, frozen=True):
    """How many products stand where, and how many pictures were refused, and products failed, for what."""

    products: dict[str, int]
    refusals: dict[str, int]
    latest_run: IngestRun | None
    failures: dict[str, int] = {}


class Readiness(msgspec.Struct, frozen=True):
    """Whether every part of a server can answer; `waiting_for` names those that cannot, and why."""

    status: str
    waiting_for: dict[str, str]
