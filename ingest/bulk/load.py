"""Embedded parts into the catalogue: rows in large batches, the ledger last, as every ingest writes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.errors import ModelMismatch, ObjectNotFound, QueryRejected
from engine.seams import IngestState
from ingest.bulk.outcomes import decode_outcomes
from ingest.bulk.place import Manifest, Place, rows_name
from ingest.queue.patient import Waits, patiently
from ingest.run.dependencies import IngestDependencies
from ingest.run.stages import Outcome
from ingest.run.writer import Writer
from ingest.upkeep.pruning import claim_feed


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What a load did.

    Attributes:
        states: products that were written, by state.
        unchanged: that were in the catalogue already, from the same words and pictures.
        newer: whose entry in the catalogue was changed after the feed was read; they are left as they are.
    """

    parts: int
    products: int
    states: dict[str, int]
    unchanged: int
    newer: int
    seconds: float


def load_parts(
    parts: IngestDependencies,
    place: Place,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    waits: Waits = lambda _why: None,
) -> LoadSummary:
    """Write every part; run again after a kill, it writes what is left.

    Args:
        progress: told of the parts that are written, and of how many there are.
        waits: told why nothing goes on at present: a store that is away is waited for.
    Raises:
        QueryRejected: no job lies there, or it is not done.
        ModelMismatch: other models made the embeddings.
    """
    begun = time.monotonic()
    manifest = _checked(place, parts.fingerprint)
    claim_feed(parts.ledger, manifest.feed, manifest.root, named=False, prune=False)
    writer = Writer(parts)
    counts: Counter[str] = Counter()
    for part in range(manifest.parts):
        data = patiently(partial(_read, place, rows_name(part)), waits)
        counts.update(patiently(partial(_load, parts, writer, manifest, data), waits))
        progress(part + 1, manifest.parts)
    return LoadSummary(
        manifest.parts,
        manifest.products,
        {state.value: counts[state.value] for state in IngestState if counts[state.value]},
        counts["unchanged"],
        counts["newer"],
        round(time.monotonic() - begun, 3),
    )


def _checked(place: Place, fingerprint: str) -> Manifest:
    manifest = place.manifest()
    if manifest is None:
        raise QueryRejected("No embedding job lies there; `thatlook embed FEED PLACE` makes one.")
    there = set(place.names("rows"))
    if left := sum(rows_name(part) not in there for part in range(manifest.parts)):
        raise QueryRejected(f"{left} of {manifest.parts} parts are not embedded yet; run `thatlook embed` to its end.")
    if manifest.fingerprint != fingerprint:
        raise ModelMismatch(
            "These embeddings were made by other models than this catalogue's; embed the feed with its profile."
        )
    return manifest


def _read(place: Place, name: str) -> bytes:
    try:
        return place.read(name)
    except ObjectNotFound:
        raise QueryRejected(f"The part {name} is gone; run `thatlook embed` again.") from None


def _load(parts: IngestDependencies, writer: Writer, manifest: Manifest, data: bytes) -> Counter[str]:
    outcomes = decode_outcomes(data, manifest.feed, parts.pipeline.taxonomy, parts.ledger.get)
    sorted_out = [(_verdict(outcome, manifest.read_at), outcome) for outcome in outcomes]
    written = writer.commit([outcome for verdict, outcome in sorted_out if verdict == "write"])
    counts = Counter(verdict for verdict, _ in sorted_out if verdict != "write")
    counts.update(outcome.state.value for outcome in written)
    return counts


def _verdict(outcome: Outcome, read_at: float) -> str:
    diff, old = outcome.diff, outcome.diff.old
    if old is None:
        return "write"
    if (old.product, old.feed) != (diff.product, diff.feed):
        return "newer" if old.updated.timestamp() > read_at else "write"
    same = old.state is outcome.state and (not outcome.settled or old.content_hash == diff.content_hash)
    return "unchanged" if same and old.record_hash == diff.record_hash else "write"
