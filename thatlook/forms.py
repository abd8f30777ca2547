"""What the catalogue's routes answer, under the client's names. Searches answer with `engine.forms.answers`.

A product's state is a form of the client's own: it takes states and fields that a later server may add.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

import msgspec

from engine.forms.answers import AnswerForm
from engine.forms.catalogue import AnalysisForm as ProductAnalysis
from engine.forms.catalogue import DeletionReceipt, ProductReceipt, Readiness, UpdateReceipt
from engine.forms.catalogue import ErrorPage as IngestErrors
from engine.forms.catalogue import IntakeReceipt as Receipt
from engine.forms.catalogue import JobForm as IngestJob
from engine.forms.catalogue import JobList as IngestJobs
from engine.forms.catalogue import PictureForm as ProductPicture
from engine.forms.catalogue import PictureList as ProductPictures
from engine.forms.catalogue import RefusalForm as Refusal
from engine.forms.catalogue import RowErrorForm as IngestError
from engine.forms.catalogue import RunForm as IngestRun
from engine.forms.catalogue import RunList as IngestRuns
from engine.forms.catalogue import StatusForm as IngestStatus
from engine.forms.feedback import ClicksForm as Clicks
from engine.forms.feedback import EventsReceipt, WeakQueries
from engine.forms.feedback import WeakQueryForm as WeakQuery

__all__ = [
    "BatchAnswer",
    "BatchAnswers",
    "Clicks",
    "DeletionReceipt",
    "EventsReceipt",
    "FeedOptions",
    "FoundProducts",
    "IngestError",
    "IngestErrors",
    "IngestJob",
    "IngestJobs",
    "IngestRun",
    "IngestRuns",
    "IngestStatus",
    "PhotoOptions",
    "Problem",
    "ProductAnalysis",
    "ProductPage",
    "ProductPicture",
    "ProductPictures",
    "ProductReceipt",
    "ProductState",
    "Readiness",
    "Receipt",
    "Refusal",
    "SearchOptions",
    "UpdateReceipt",
    "WeakQueries",
    "WeakQuery",
]


class SearchOptions(TypedDict, total=False):
    """What every search can be asked.

    Attributes:
        k: products for each garment, 1 to 100.
        filters: such as `{"brand": ["acme"], "price": {"max": 50}, "not": {"color": "red"}}`.
        group: `look` (one hit for all sizes of a product, its `variants`) or `none`.
        unavailable: `last` (what is out of stock comes last), `mixed` or `hidden` (only what can be bought).
        sort: `relevance`, or among the best hits `price_asc`, `price_desc` or `newest`.
        min_score: hits with a lower score are left out, 0 to 1.
        diversity: how much unlike each other the first hits are to be, 0 to 1.
        diversity_by: in what, `likeness` or `brand`.
        cursor: a garment's `next_cursor`, with the rest as it was: its next hits.
        facets: names of facets to count, `price` or `*` among them: `garments[n].facets`, `.price`, `.matching`.
        total: say how many hits there are.
        weights: how much `visual`, `semantic`, `text` and `color` count; not in searches by words alone.
        deadline_ms: no answer is wanted later than this.
    """

    k: int
    filters: Mapping[str, Any]
    group: Literal["look", "none"]
    unavailable: Literal["last", "mixed", "hidden"]
    sort: Literal["relevance", "price_asc", "price_desc", "newest"]
    min_score: float
    diversity: float
    diversity_by: Literal["likeness", "brand"]
    cursor: str | None
    facets: str | list[str]
    total: bool
    weights: Mapping[str, float]
    deadline_ms: int


class PhotoOptions(SearchOptions, total=False):
    """What a search by photo can be asked besides.

    Attributes:
        text, not_text: words that are wanted, and words that are not: `text="the same in navy"`.
        supercategory: look for these alone, such as `upper_wear`.
        box: x0, y0, x1, y1 in pixels of the upright photo: one garment, of one `supercategory` if that is given.
        point: x, y in pixels of the upright photo: the garment there.
        garments: answer for these alone, each named by `index`, `supercategory`, `box` or `point`, with `text`,
            `not_text`, `filters`, `weights` and `k` of its own.
        whole_image: the photo shows one garment, of one `supercategory`, and nothing else.
    """

    text: str | list[str]
    not_text: str | list[str]
    supercategory: str | list[str]
    box: tuple[float, float, float, float]
    point: tuple[float, float]
    whole_image: bool
    garments: list[Mapping[str, Any]]


class Problem(msgspec.Struct, frozen=True):
    """Why one search of several was refused."""

    detail: str
    code: str = ""
    status: int = 0


class BatchAnswer(msgspec.Struct, frozen=True):
    """One search's answer with status 200, or its problem; the other is None."""

    status: int
    answer: AnswerForm | None = None
    problem: Problem | None = None


class BatchAnswers(msgspec.Struct, frozen=True):
    """The answers in the order of the searches."""

    answers: list[BatchAnswer]


class FeedOptions(TypedDict, total=False):
    """What may be said of a feed, as to `thatlook ingest`.

    Attributes:
        name: what to call the feed; its file name where not given.
        policy: `strict` or `prefer`: which pictures are indexed.
        prune, prune_all: take out products that left the feed: at most half of them, or however many.
        limit: end after so many good rows.
        shop_url, currency, encoding: what an export itself does not say.
    """

    name: str
    policy: Literal["strict", "prefer"]
    prune: bool
    prune_all: bool
    limit: int
    shop_url: str
    currency: str
    encoding: str


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


class FoundProducts(msgspec.Struct, frozen=True):
    """Products that were asked for by id, and the ids that there are none of."""

    products: list[ProductState]
    missing: list[str]


class ProductPage(msgspec.Struct, frozen=True):
    """Products in the order of their ids; `next_after` asks for the next page, None at the end."""

    products: list[ProductState]
    next_after: str | None
