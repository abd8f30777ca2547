"""The public names, imported: `thatlook` hands them out when they are first asked for."""

from __future__ import annotations

from engine.errors import (
    ContractBroken,
    DeadlineExceeded,
    FeedUnreadable,
    FilterRejected,
    HomeInUse,
    ImageTooLarge,
    ImageUnreadable,
    InputRejected,
    ModelUnavailable,
    NoGarmentFound,
    NotFound,
    ObjectNotFound,
    ProductNotFound,
    QueryRejected,
    StoreUnavailable,
    TextRejected,
    ThatLookError,
    Unavailable,
)
from engine.forms.answers import AnswerForm as Answer
from engine.forms.answers import FacetsForm as Facets
from engine.forms.answers import GarmentHitsForm as GarmentHits
from engine.forms.answers import HitForm as Hit
from engine.forms.answers import SignalForm as Signals
from engine.forms.answers import VariantForm as Variant
from thatlook.client import AsyncClient, Client
from thatlook.embedded import Embedded
from thatlook.forms import (
    BatchAnswer,
    IngestError,
    IngestJob,
    IngestRun,
    IngestStatus,
    ProductAnalysis,
    ProductPage,
    ProductPicture,
    ProductState,
    Receipt,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "BatchAnswer",
    "Client",
    "ContractBroken",
    "DeadlineExceeded",
    "Embedded",
    "Facets",
    "FeedUnreadable",
    "FilterRejected",
    "GarmentHits",
    "Hit",
    "HomeInUse",
    "ImageTooLarge",
    "ImageUnreadable",
    "IngestError",
    "IngestJob",
    "IngestRun",
    "IngestStatus",
    "InputRejected",
    "ModelUnavailable",
    "NoGarmentFound",
    "NotFound",
    "ObjectNotFound",
    "ProductAnalysis",
    "ProductNotFound",
    "ProductPage",
    "ProductPicture",
    "ProductState",
    "QueryRejected",
    "Receipt",
    "Signals",
    "StoreUnavailable",
    "TextRejected",
    "ThatLookError",
    "Unavailable",
    "Variant",
]
