"""Outcomes as Parquet: a row for each product, with its garments, their embeddings, and why a picture was refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.domain import SPACES, Item, Product, Space
from engine.seams import ImageRefusal, IngestState, LedgerEntry
from engine.taxonomy import Taxonomy
from ingest.run.diff import ProductDiff
from ingest.run.stages import Outcome, Row

T = TypeVar("T")
Known = Callable[[Sequence[str]], dict[str, LedgerEntry]]
"""What the ledger knows of products."""
_VECTORS = pa.list_(pa.list_(pa.float32()))
SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("product", pa.string()),  # JSON
        ("state", pa.string()),
        ("reason", pa.string()),
        ("record_hash", pa.string()),
        ("content_hash", pa.string()),
        ("wanted", pa.string()),
        ("other", pa.string()),
        ("settled", pa.bool_()),
        ("defect", pa.bool_()),
        ("refusals", pa.string()),  # JSON
        ("items", pa.string()),  # JSON
        ("stamps", pa.string()),  # JSON; a part of an earlier thatlook has none
        *((space, _VECTORS) for space in SPACES),
    ]
)


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """A Parquet file."""
    rows = [_encoded(outcome) for outcome in outcomes]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


def decode_outcomes(data: bytes, feed: str, taxonomy: Taxonomy, known: Known) -> list[Outcome]:
    """The outcomes again, beside what the ledger knows of their products now."""
    table = pq.read_table(io.BytesIO(data), schema=SCHEMA)
    records = table.drop_columns(list(SPACES)).to_pylist()
    vectors = {space: _matrices(table.column(space).combine_chunks()) for space in SPACES}
    old = known([record["product_id"] for record in records])
    return [
        _decoded(record, {space: vectors[space][i] for space in SPACES}, feed, taxonomy, old.get(record["product_id"]))
        for i, record in enumerate(records)
    ]


def _encoded(outcome: Outcome) -> dict[str, Any]:
    diff = outcome.diff
    return {
        "product_id": diff.product.product_id,
        "product": _json(diff.product),
        "state": outcome.state.value,
        "reason": outcome.reason,
        "record_hash": diff.record_hash,
        "content_hash": diff.content_hash,
        "wanted": diff.wanted.name if diff.wanted else None,
        "other": diff.other,
        "settled": outcome.settled,
        "defect": outcome.defect,
        "refusals": _json(outcome.refusals),
        "items": _json([row.item for row in outcome.rows]),
        "stamps": _json(diff.stamps),
        **{space: [row.embeddings[space] for row in outcome.rows] for space in SPACES},
    }


def _decoded(
    record: dict[str, Any],
    vectors: dict[Space, NDArray[np.float32]],
    feed: str,
    taxonomy: Taxonomy,
    old: LedgerEntry | None,
) -> Outcome:
    items = msgspec.json.decode(record["items"], type=list[Item])
    diff = ProductDiff(
        product=msgspec.json.decode(record["product"], type=Product),
        feed=feed,
        wanted=taxonomy.classes[record["wanted"]] if record["wanted"] else None,
        record_hash=record["record_hash"],
        content_hash=record["content_hash"],
        kind="everything",
        old=old,
        other=record["other"],
        stamps=msgspec.json.decode(record["stamps"] or "null", type=list[tuple[str, str]] | None),
    )
    return Outcome(
        diff,
        IngestState(record["state"]),
        tuple(Row(item, {space: vectors[space][i] for space in SPACES}) for i, item in enumerate(items)),
        msgspec.json.decode(record["refusals"], type=tuple[ImageRefusal, ...]),
        record["reason"],
        settled=record["settled"],
        defect=record["defect"],
    )


def _matrices(column: pa.ListArray) -> list[NDArray[np.float32]]:
    """(rows of each product, dim) float32."""
    flat = column.flatten()
    values = flat.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    matrix = values.reshape(len(flat), -1) if len(flat) else np.empty((0, 0), np.float32)
    return np.split(matrix, np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))[:-1])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
