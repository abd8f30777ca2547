"""Every error has a status, and no answer tells what only the operator should know."""

from __future__ import annotations

import errno
import logging
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http.logs import JsonFormatter
from api.problems import status_of
from api.workers import Busy
from engine import errors
from engine.domain import Rejection
from engine.errors import ThatLookError
from engine.seams import ImageRefusal
from engine.system.refusals import system_words
from tests.fixtures.shop import ENTRY, PRODUCT, Shop

EXPECTED = {
    "ImageUnreadable": 422,
    "ImageTooLarge": 413,
    "NoGarmentFound": 422,
    "TextRejected": 422,
    "FilterRejected": 422,
    "QueryRejected": 422,
    "FeedUnreadable": 422,
    "InputRejected": 422,
    "NotFound": 404,
    "ProductNotFound": 404,
    "ObjectNotFound": 404,
    "Unavailable": 503,
    "StoreUnavailable": 503,
    "ModelUnavailable": 503,
    "HomeInUse": 503,
    "HomeDamaged": 503,
    "DeadlineExceeded": 504,
    "ContractBroken": 500,
    "DimensionMismatch": 500,
    "ModelMismatch": 500,
    "ThatLookError": 500,
}


def test_every_error_of_the_tree_has_its_status() -> None:
    """A new error class must be thought about here."""
    tree = {name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, ThatLookError)}
    assert {name: status_of(cls("x")) for name, cls in tree.items()} == EXPECTED


def _fail(shop: Shop, client: TestClient[Litestar], error: Exception) -> dict[str, object]:
    def acts() -> None:
        raise error

    shop.looks.acts = acts  # type: ignore[assignment]
    response = client.post("/v1/search/text", json={"text": "x"}, headers={"X-Request-ID": "abc-1"})
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert document["status"] == response.status_code
    if document["status"] == 503:
        document["retry"] = response.headers["retry-after"]
    return document


def test_what_the_caller_can_change_is_told_in_full(shop: Shop, client: TestClient[Litestar]) -> None:
    """The whole problem document, as documented."""
    assert _fail(shop, client, errors.NoGarmentFound("No garment was found.")) == {
        "type": "urn:thatlook:problem:no-garment-found",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "No garment was found.",
        "code": "no-garment-found",
        "instance": "/v1/search/text",
        "request_id": "abc-1",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.ModelMismatch("collection at /srv/secret made by deadbeef"), 500, "model-mismatch"),
        (errors.StoreUnavailable("http://milvus.internal:19530 did not answer"), 503, "store-unavailable"),
        (KeyError("/srv/secret"), 500, "internal-error"),
        (RuntimeError("password=secret"), 500, "internal-error"),
        (RuntimeError("can't start new thread"), 503, "unavailable"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/secret"), 503, "unavailable"),
        (OSError(errno.EMFILE, "Too many open files"), 503, "unavailable"),
    ],
)
def test_what_only_the_operator_can_change_is_logged_not_told(
    shop: Shop,
    client: TestClient[Litestar],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    """General words and an id for the caller, the whole message for the log."""
    with caplog.at_level(logging.ERROR, "thatlook.api"):
        problem = _fail(shop, client, error)
    assert (problem["status"], problem["code"]) == (status, code)
    told = str(problem)
    assert "secret" not in told
    assert "internal:" not in told
    assert "Traceback" not in told
    assert (system_words(error) or str(error.args[0])) in caplog.text


def test_come_back_later(shop: Shop, client: TestClient[Litestar]) -> None:
    """503 says when to try again: soon where it is only busy."""
    assert _fail(shop, client, errors.StoreUnavailable("x"))["retry"] == "5"
    assert _fail(shop, client, Busy("Too many."))["retry"] == "1"
    assert _fail(shop, client, errors.DeadlineExceeded("Too late."))["detail"] == "Too late."


def test_passwords_in_addresses_are_not_told(
    shop: Shop, client: TestClient[Litestar], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a problem nor in a product's pictures, refusals and feed."""
    address = "https://shop:pa55word@pictures.example/1.jpg"
    problem = _fail(shop, client, errors.ImageUnreadable(f"{address} is damaged."))
    assert problem["detail"] == "https://***@pictures.example/1.jpg is damaged."
    shop.ledger.entries["p9"] = replace(
        ENTRY,
        product=replace(PRODUCT, product_id="p9", images=(address,)),
        feed=address,
        reason=f"could not fetch {address}",
        refusals=(ImageRefusal(address, Rejection("fetch", f"{address} did not answer")),),
    )
    for path in ("/v1/products/p9", "/v1/products"):
        text = client.get(path).text
        assert "https://***@pictures.example/1.jpg" in text
        assert "pa55word" not in text


def test_log_lines_hold_no_passwords() -> None:
    """Messages and traces alike."""
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "postgresql://u:pa55word@db/x is away", (), None)
    assert "pa55word" not in JsonFormatter().format(record)
