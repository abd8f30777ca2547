"""Embedded parts into the catalogue: rows in large batches, the ledger last, as every ingest writes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from engine.errors import ModelMismatch, ObjectNotFound, QueryRejected
from engine.generations.record import GenerationChanged
from engine.seams import IngestState
from ingest.bulk.outcomes import decode_outcomes
from ingest.bulk.place import Manifest, Place, rows_name
from ingest.queue.patient import Waits, patiently
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import content_of
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
    current: Callable[[], IngestDependencies],
    place: Place,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    waits: Waits = lambda _why: None,
) -> LoadSummary:
    """Write every part; run again after a kill, it writes what is left.

    Args:
        current: the parts of the generation that serves; while another one is being built it takes all of this, too.
        progress: told of the parts that are written, and of how many there are.
        waits: told why nothing goes on at present: a store that is away is waited for.
    Raises:
        QueryRejected: no job lies there, or it is not done.
        ModelMismatch: other models made the embeddings than serve, or than serve since a moment ago.
    """
    begun, loading = time.monotonic(), current()
    manifest = _checked(place, loading)
    claim_feed(loading.ledger, manifest.feed, manifest.root, named=False, prune=False)
    counts: Counter[str] = Counter()
    for part in range(manifest.parts):
        data = patiently(partial(_read, place, rows_name(part)), waits)
        while (done := patiently(partial(_load, loading, manifest, data), waits)) is None:
            loading = patiently(current, waits)
            _check_models(manifest, loading, part)
        counts.update(done)
        progress(part + 1, manifest.parts)
    return LoadSummary(
        manifest.parts,
        manifest.products,
        {state.value: counts[state.value] for state in IngestState if counts[state.value]},
        counts["unchanged"],
        counts["newer"],
        round(time.monotonic() - begun, 3),
    )


def _checked(place: Place, parts: IngestDependencies) -> Manifest:
    manifest = place.manifest()
    if manifest is None:
        raise QueryRejected("No embedding job lies there; `thatlook embed FEED PLACE` makes one.")
    there = set(place.names("rows"))
    if left := sum(rows_name(part) not in there for part in range(manifest.parts)):
        raise QueryRejected(f"{left} of {manifest.parts} parts are not embedded yet; run `thatlook embed` to its end.")
    _check_models(manifest, parts)
    return manifest


def _check_models(manifest: Manifest, parts: IngestDependencies, written: int = 0) -> None:
    if manifest.fingerprint == (parts.models or parts.fingerprint):
        return
    if written:
        raise ModelMismatch(
            f"The catalogue has changed to other models; {written} of {manifest.parts} parts were loaded before that. "
            "Embed the feed with the profile that serves now, or let `thatlook ingest` do the rest."
        )
    raise ModelMismatch(
        "These embeddings were made by other models than this catalogue's; embed the feed with its profile."
    )


def _read(place: Place, name: str) -> bytes:
    try:
        return place.read(name)
    except ObjectNotFound:
        raise QueryRejected(f"The part {name} is gone; run `thatlook embed` again.") from None


def _load(parts: IngestDependencies, manifest: Manifest, data: bytes) -> Counter[str] | None:
    """Write a part; None where another generation serves meanwhile."""
    decoded = decode_outcomes(data, manifest.feed, parts.pipeline.taxonomy, parts.ledger.get)
    outcomes = [_named(parts, manifest, outcome) for outcome in decoded]
    sorted_out = [(_verdict(outcome, manifest.read_at), outcome) for outcome in outcomes]
    try:
        written = Writer(parts).commit([outcome for verdict, outcome in sorted_out if verdict == "write"])
    except GenerationChanged:
        return None
    counts = Counter(verdict for verdict, _ in sorted_out if verdict != "write")
    counts.update(outcome.state.value for outcome in written)
    return counts


def _named(parts: IngestDependencies, manifest: Manifest, outcome: Outcome) -> Outcome:
    """With the content hash that this catalogue has for it: after a change of models it goes on naming former ones.

    It names one picture a product, as many as a job embeds, whatever the catalogue's own `views` are.
    """
    diff = outcome.diff
    if diff.stamps is None or parts.fingerprint == manifest.fingerprint:
        return outcome
    content = content_of(replace(parts, views=1), manifest.policy, diff.wanted, diff.other, diff.stamps)
    return replace(outcome, diff=replace(diff, content_hash=content))


def _verdict(outcome: Outcome, read_at: float) -> str:
    diff, old = outcome.diff, outcome.diff.old
    if old is None:
        return "write"
    if (old.product, old.feed) != (diff.product, diff.feed):
        return "newer" if old.updated.timestamp() > read_at else "write"
    same = old.state is outcome.state and (not outcome.settled or old.content_hash == diff.content_hash)
    return "unchanged" if same and old.record_hash == diff.record_hash else "write"
