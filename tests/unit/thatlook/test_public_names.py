"""What `import thatlook` gives: other people's programs stand on these names."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

import thatlook
from api.requests import products as api_products
from engine.forms import catalogue
from thatlook import forms

NAMES = [
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
    "open",
]

SAME = {
    forms.IngestError: catalogue.RowErrorForm,
    forms.IngestErrors: catalogue.ErrorPage,
    forms.IngestRun: catalogue.RunForm,
    forms.IngestRuns: catalogue.RunList,
    forms.IngestStatus: catalogue.StatusForm,
    forms.ProductPage: api_products.ProductPage,
    forms.ProductReceipt: catalogue.ProductReceipt,
    forms.ProductState: api_products.ProductStateForm,
    forms.Readiness: catalogue.Readiness,
    forms.Receipt: catalogue.IntakeReceipt,
    forms.Refusal: catalogue.RefusalForm,
}


def test_the_public_names() -> None:
    """A name is added here on purpose, and never taken away in passing."""
    assert thatlook.__all__ == NAMES
    assert all(hasattr(thatlook, name) for name in NAMES)


@pytest.mark.parametrize("ours", SAME, ids=lambda form: form.__name__)
def test_the_clients_forms_are_the_apis(ours: type[msgspec.Struct]) -> None:
    """Every field that the API answers has a place in the client's form, under the same name."""
    assert ours.__struct_fields__ == SAME[ours].__struct_fields__


def test_the_import_is_light() -> None:
    """The client needs neither models, stores nor the web framework."""
    heavy = {"litestar", "openvino", "onnxruntime", "faiss", "pymilvus", "sqlalchemy", "cv2", "torch"}
    code = "import sys, thatlook; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not heavy & set(shown.split())
