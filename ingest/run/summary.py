"""What one ingest did, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.errors import FeedUnreadable
from engine.seams import FeedError, IngestState
from ingest.run.diff import ProductDiff
from ingest.run.stages import Outcome

ERRORS_TOLD = 100
"""So many bad rows are in the summary; all of them are in the ledger."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: lines read of about how many, products by what became of them, and the run's number."""

    done: int
    total: int | None
    counts: Mapping[str, int]
    run_id: int = 0


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes:
        indexed: products looked at anew and indexed; updated: new words alone; unchanged: nothing to do.
        images_refused: pictures of the products looked at, by reason.
        errors: the first bad rows; `bad_rows` counts all.
        complete: the feed was read to its end.
        guessed: indexed products whose kind no word told, only the picture; `guessed_ids` are the first of them.
        changed: what was changed in good rows or left out of them, and in how many.
        note: what the reader of the summary should know, such as why nothing was pruned.
        taken: products of the feed that stand indexed in the catalogue after the run.
        error: why the feed broke off in the middle, if it did.
        queued: products that were left to workers; `queued_words` of them for new words alone.
    """

    feed: str
    run_id: int
    read: int
    indexed: int
    updated: int
    unchanged: int
    refused: int
    failed: int
    bad_rows: int
    pruned: int
    images_refused: Mapping[str, int]
    products_refused: Mapping[str, int]
    errors: tuple[FeedError, ...]
    seconds: float
    complete: bool
    note: str | None = None
    guessed: int = 0
    guessed_ids: tuple[str, ...] = ()
    changed: Mapping[str, int] = field(default_factory=dict)
    taken: int = 0
    error: str | None = None
    queued: int = 0
    queued_words: int = 0

    @property
    def nothing_taken(self) -> bool:
        """Whether the feed has rows and none of them is in the catalogue: a failure, for scripts."""
        return self.taken == 0 and self.read + self.bad_rows > 0

    @property
    def products_per_s(self) -> float:
        """Rate over everything that was read."""
        return self.read / self.seconds if self.seconds > 0 else 0.0


class FeedBrokenOff(FeedUnreadable):
    """A feed that is damaged in the middle; `summary` tells what was taken before."""

    def __init__(self, message: str, summary: Summary) -> None:
        super().__init__(message)
        self.summary = summary

    @property
    def code(self) -> str:
        """To a caller it is a feed that cannot be read."""
        return "feed-unreadable"


@dataclass(slots=True)
class Tally:
    """The running count behind a summary."""

    counts: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)
    errors: list[FeedError] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)
    changed: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def outcome(self, outcome: Outcome) -> None:
        """Count one written product."""
        self.counts[_word(outcome)] += 1
        self.taken += outcome.state is IngestState.INDEXED
        self.images.update(refusal.rejection.reason for refusal in outcome.refusals)
        told = outcome.defect or outcome.state in (IngestState.REFUSED, IngestState.FAILED)
        if told and outcome.reason:
            self.products[outcome.reason] += 1
        if outcome.state is IngestState.INDEXED:
            self.diff(outcome.diff)

    def diff(self, diff: ProductDiff) -> None:
        """Count an indexed product whose kind no word told."""
        if diff.wanted is None and diff.other is None:
            self.counts["guessed"] += 1
            if len(self.guessed) < ERRORS_TOLD:
                self.guessed.append(diff.product.product_id)

    def notes(self, notes: Sequence[str]) -> None:
        """Count what was changed in a good row."""
        self.changed.update(notes)

    def error(self, error: FeedError) -> None:
        """Count one bad row."""
        self.counts["bad_rows"] += 1
        if len(self.errors) < ERRORS_TOLD:
            self.errors.append(error)


def _word(outcome: Outcome) -> str:
    if outcome.defect:
        return "failed"
    if outcome.diff.kind == "words" or outcome.keep_rows:
        return "updated"
    return {IngestState.INDEXED: "indexed", IngestState.REFUSED: "refused"}.get(outcome.state, "failed")
