"""Ledger values ↔ rows: what is kept as JSON, and how it is read back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.domain import Product, Rejection
from engine.seams import FeedError, ImageRefusal, IngestRun, IngestState, LedgerEntry

_PRODUCT = msgspec.json.Decoder(Product)
_ITEMS = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_COUNTS = msgspec.json.Decoder(dict[str, int])


def storable(text: str) -> str:
    """Text without what PostgreSQL or UTF-8 cannot hold: NUL, and halves of characters from odd file names."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def to_json(value: object) -> str:
    """Compact JSON."""
    return msgspec.json.encode(value).decode()


def read_product(text: str) -> Product:
    """A product from its JSON."""
    return _PRODUCT.decode(text)


def read_items(text: str) -> tuple[tuple[str, str], ...]:
    """(supercategory, item_id) of every indexed row."""
    return _ITEMS.decode(text)


def product_row(entry: LedgerEntry) -> dict[str, Any]:
    """An entry as a row of `products`."""
    return {
        "product_id": entry.product.product_id,
        "state": entry.state.value,
        "feed": entry.feed,
        "record_hash": entry.record_hash,
        "content_hash": entry.content_hash,
        "updated": entry.updated.timestamp(),
        "product": to_json(entry.product),
        "items": to_json(entry.items),
        "reason": None if entry.reason is None else storable(entry.reason),
        "created": entry.updated.timestamp(),
    }


def placeholder_row(product_id: str) -> dict[str, Any]:
    """A row that only takes the place of a product within a transaction."""
    texts = dict.fromkeys(("feed", "record_hash", "content_hash", "product", "items"), "")
    numbers = {"updated": 0.0, "created": time.time()}
    return {"product_id": product_id, "state": IngestState.PENDING.value, "reason": None, **texts, **numbers}


def refusal_rows(entry: LedgerEntry) -> list[dict[str, Any]]:
    """An entry's refusals as rows, in their order."""
    return [
        {
            "product_id": entry.product.product_id,
            "position": position,
            "image": storable(refusal.image),
            "stage": refusal.rejection.stage,
            "reason": storable(refusal.rejection.reason),
        }
        for position, refusal in enumerate(entry.refusals)
    ]


def read_refusal(row: Mapping[str, Any]) -> ImageRefusal:
    """One refusal from its row."""
    return ImageRefusal(row["image"], Rejection(row["stage"], row["reason"]))


def read_entry(row: Mapping[str, Any], refusals: Sequence[ImageRefusal]) -> LedgerEntry:
    """An entry from its row and its refusals."""
    return LedgerEntry(
        product=read_product(row["product"]),
        state=IngestState(row["state"]),
        feed=row["feed"],
        record_hash=row["record_hash"],
        content_hash=row["content_hash"],
        updated=moment(row["updated"]),
        items=read_items(row["items"]),
        refusals=tuple(refusals),
        reason=row["reason"],
    )


def read_run(row: Mapping[str, Any]) -> IngestRun:
    """A run from its row."""
    finished = None if row["finished"] is None else moment(row["finished"])
    counts = _COUNTS.decode(row["counts"])
    return IngestRun(row["run_id"], row["feed"], moment(row["started"]), finished, row["total"], counts)


def error_row(run_id: int, error: FeedError) -> dict[str, Any]:
    """A feed error as a row."""
    return {
        "run_id": run_id,
        "feed": error.feed,
        "line": error.line,
        "reason": storable(error.reason),
        "product_id": None if error.product_id is None else storable(error.product_id),
    }


def read_error(row: Mapping[str, Any]) -> FeedError:
    """A feed error from its row."""
    return FeedError(row["feed"], row["line"], row["reason"], row["product_id"])


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
