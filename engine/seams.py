"""The seams: protocols where two real implementations exist."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.domain import (
    Box,
    Candidates,
    CollectionSpec,
    Crop,
    Embeddings,
    Item,
    Pixels,
    Pose,
    Product,
    Rejection,
    Scene,
)
from engine.filters import EVERYTHING, Filter


class Segmenter(Protocol):
    """Finds garment pieces and people."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        ...

    def segment(self, image: Pixels) -> Scene:
        """Everything seen in one image, in its pixels, best score first."""
        ...


class PoseEstimator(Protocol):
    """Finds the keypoints of given people."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        ...

    def estimate(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
        """One pose per box, in the image's pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """Cosine similarity → how likely a match is: `1 / (1 + exp(-(cosine - midpoint) / scale))`."""

    midpoint: float
    scale: float


class ImageEmbedder(Protocol):
    """Embeds garment crops for nearest-neighbour search."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        ...

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def calibration(self) -> Calibration:
        """How this model's image-to-image cosines are to be read."""
        ...

    def embed(self, crops: Sequence[Crop]) -> Embeddings:
        """(len(crops), dim) float32, rows of unit L2 norm; crop sizes may differ."""
        ...


class TextEmbedder(Protocol):
    """Embeds texts into the space of a CLIP's images."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def calibration(self) -> Calibration:
        """How this model's text-to-image cosines are to be read."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """(len(texts), dim) float32, rows of unit L2 norm."""
        ...


class Shortlist(Protocol):
    """Rows of paired collections that may answer one query; each has a place, 0 to n - 1, and no words yet.

    What a shortlist says is of the moment it was made, or of the moment it is asked: rows may come and go in between.
    """

    @property
    def products(self) -> NDArray[np.int64]:
        """(n,) a number for each row's product: equal for rows of one product, and for no others."""
        ...

    @property
    def matched_by(self) -> NDArray[np.bool_]:
        """(filters, n) which filter brought which row: `where` first, then each of `also`."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether every row that matches `where` is here."""
        ...

    def cosines(self, name: str, queries: Embeddings) -> NDArray[np.float32]:
        """(n, len(queries)) exact, on the embeddings of one of the collections; NaN for a row that it does not have."""
        ...

    def facets(self, places: Sequence[int], names: tuple[str, ...]) -> list[Mapping[str, tuple[str, ...]] | None]:
        """These facets of some rows, as far as they have them; None where a row is gone meanwhile."""
        ...

    def items(self, places: Sequence[int]) -> list[Item | None]:
        """The words of some rows; None where a row is gone meanwhile."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ShortlistQuery:
    """What a shortlist is to hold.

    Attributes:
        asked: paired collection → (queries, dim), none or more.
        words: the collection whose items `Shortlist.items` gives; a row that it lacks does not come, or has no item.
        least: rows that each query and filter brings wherever so many match; a store may bring more. They are the
            nearest ones, approximately.
        also: narrower filters whose nearest rows come too, however far behind the others.
        exclude: products whose rows do not come.
    """

    asked: Mapping[str, Embeddings]
    words: str
    least: int
    where: Filter = EVERYTHING
    also: Sequence[Filter] = ()
    exclude: Collection[str] = ()


class FacetRow(Protocol):
    """Of a row, what is counted."""

    @property
    def product_id(self) -> str:
        """Whose row it is."""
        ...

    @property
    def facets(self) -> Mapping[str, tuple[str, ...]]:
        """Its facets with their values."""
        ...

    @property
    def price(self) -> float | None:
        """What a buyer pays."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FacetRows:
    """Rows to count; `whole` where these are all that match."""

    rows: Sequence[FacetRow]
    whole: bool = True


class VectorStore(Protocol):
    """Collections of items with one embedding each. Safe to call from several threads."""

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for.

        Raises:
            ModelMismatch: it exists and was made by another model.
            DimensionMismatch: it exists with another dimension.
        """
        ...

    def collections(self) -> list[str]:
        """Names of what exists, sorted."""
        ...

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows; no error where there is none."""
        ...

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id; durable and searchable when this returns.

        An item_id given twice counts once, the last one.

        Raises:
            DimensionMismatch: embeddings of another size than the collection's.
        """
        ...

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products; gone from searches when this returns."""
        ...

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """At most k rows per query by cosine similarity, best first, all matching `where`.

        An unknown collection has no rows. k rows come whenever k match.

        Raises:
            DimensionMismatch: queries of another size than the collection's.
        """
        ...

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of the collections, each once, to be scored by `Shortlist.cosines`."""
        ...

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked, and which of them exist.

        A row that does not exist is zeros and False.
        """
        ...

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        ...

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        ...

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id; where more than `most` do, which of them come is left open."""
        ...

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of at most so many rows that match, in no order, for counting."""
        ...

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has, or had until lately."""
        ...

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        ...

    def close(self) -> None:
        """Let go of files and connections; everything acknowledged is on disk."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CollectionChange:
    """What a batch does to one collection.

    Attributes:
        gone: products whose rows are removed first.
        items: rows to write by item_id; embeddings: (len(items), dim) float32.
    """

    name: str
    gone: Collection[str] = ()
    items: Sequence[Item] = ()
    embeddings: Embeddings | None = None


@runtime_checkable
class BulkStore(Protocol):
    """A vector store that takes changes of many collections at once, and waits once until all can be seen."""

    def change(self, changes: Sequence[CollectionChange]) -> None:
        """Do all of it; durable and searchable when this returns. Each collection is named once at most."""
        ...


CUT_OFF = "cut_off"
"""Among a run's counts: it ended before its feed did."""
MOMENT = "vector-store-moment"
"""The ledger's setting that names the moment of the vector store which its entries speak of."""


@runtime_checkable
class Momentary(Protocol):
    """A vector store that can name its moment: two moments are equal where nothing was written in between."""

    def moment(self) -> str:
        """A name of everything that was ever written to it."""
        ...


def moment_of(store: object) -> str | None:
    """The moment of a store; None where it cannot name one."""
    return store.moment() if isinstance(store, Momentary) else None


class ObjectStore(Protocol):
    """Stored pictures by key. Keys are relative, `/`-separated, without `..`."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store or replace."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes.

        Raises:
            ObjectNotFound: there is no such key.
        """
        ...

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store or replace by a file's bytes, which need not fit into memory."""
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Write the bytes into a file.

        Raises:
            ObjectNotFound: there is no such key.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        ...

    def delete(self, keys: Collection[str]) -> None:
        """Remove; a key that is not there is no error."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key under a prefix, sorted."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class IngestState(StrEnum):
    """Where a product stands."""

    PENDING = "pending"
    INDEXED = "indexed"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImageRefusal:
    """Why one image of a product was not indexed."""

    image: str
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the catalogue knows of one product.

    Attributes:
        record_hash: of the product's words; content_hash: of its images and of what made their embeddings.
        feed: the name of the feed that it came from, for pruning.
        items: (supercategory, item_id) of every indexed row.
    """

    product: Product
    state: IngestState
    feed: str
    record_hash: str
    content_hash: str
    updated: datetime
    items: tuple[tuple[str, str], ...] = ()
    refusals: tuple[ImageRefusal, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FeedError:
    """A row of a feed that was not taken: its line (1-based) and why."""

    feed: str
    line: int
    reason: str
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One pass over a feed; `finished` is None while it goes on, or until somebody finds that it was killed."""

    run_id: int
    feed: str
    started: datetime
    finished: datetime | None
    total: int | None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Work for whichever worker is free.

    Attributes:
        lane: which kind of work; lanes do not wait for each other.
        payload: what is to be done, for the worker alone to read.
        priority: the greater goes first within a lane.
        delay_s: seconds before which no worker takes it.
    """

    lane: str
    payload: bytes
    priority: int = 0
    delay_s: float = 0.0


JobsFor: TypeAlias = Callable[[frozenset[str]], Sequence[Job]]
"""The jobs for products that were written."""


Precondition: TypeAlias = Callable[["LedgerEntry | None"], None]
"""Raises unless a product is as its writer expects it; asked with the very entry that is about to be replaced."""


TermKind: TypeAlias = Literal["brand", "word", "category"]


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the shop's own: a brand, a word of its titles, or the last step of a category.

    Attributes:
        number: rises with every term that is met for the first time.
        text: as it is compared; label: as the shop writes it.
    """

    number: int
    kind: TermKind
    text: str
    label: str


class Ledger(Protocol):
    """The catalogue's book: products, where each stands, what was refused and why."""

    def put(self, entries: Sequence[LedgerEntry], *, moment: str | None = None) -> None:
        """Write entries by product_id, in one transaction; and with it the vector store's `moment`, if there is one."""
        ...

    def replace(
        self,
        entries: Sequence[LedgerEntry],
        expected: Mapping[str, datetime | None],
        *,
        moment: str | None = None,
        jobs: JobsFor | None = None,
        generation: int | None = None,
    ) -> frozenset[str]:
        """Write those entries whose product is still as it was read, all in one transaction: compare and set.

        Args:
            expected: product_id → `updated` of the entry that was read, None where there was none.
            jobs: what is to be queued for the products that were written, in the same transaction.
            generation: the one that these entries' rows are of.
        Returns:
            the ids of the products that were written; the others were changed, made or deleted meanwhile.
        Raises:
            GenerationChanged: another generation serves; nothing was written.
            ContractBroken: jobs for a ledger that has no queue.
        """
        ...

    def get(self, product_ids: Sequence[str]) -> dict[str, LedgerEntry]:
        """Entries by product_id; unknown ones are absent."""
        ...

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """Only the products, for answering queries quickly."""
        ...

    def added(self, product_ids: Sequence[str]) -> dict[str, datetime]:
        """When each product was first written; unknown ones are absent."""
        ...

    def delete(
        self,
        product_ids: Collection[str],
        *,
        moment: str | None = None,
        expected: Mapping[str, datetime | None] | None = None,
        generation: int | None = None,
    ) -> None:
        """Forget products; in the same transaction the vector store's `moment`, if there is one.

        With `expected` (see `replace`) only those that are still as they were read.

        Raises:
            GenerationChanged: another generation serves than the one given; nothing was forgotten.
        """
        ...

    def ids(self, *, feed: str | None = None, state: IngestState | None = None) -> Iterator[str]:
        """Product ids in order, those of one feed or state alone if asked."""
        ...

    def terms(self, after: int = 0) -> list[Term]:
        """The terms of all products that are there, or ever were, from behind a number, in the order of numbers.

        Of those that were told before some may come again.
        """
        ...

    def page(
        self, *, state: IngestState | None = None, after: str | None = None, limit: int = 100, words: str = ""
    ) -> list[LedgerEntry]:
        """Entries in product_id order, from behind `after`; only those with each of `words` in id, title or brand."""
        ...

    def counts(self) -> dict[IngestState, int]:
        """How many products stand where."""
        ...

    def waiting_since(self) -> tuple[datetime, datetime] | None:
        """When the oldest and the newest change was written that waits to be indexed; None where none waits."""
        ...

    def rows_named(self) -> tuple[int, int]:
        """How many indexed rows entries name: those of settled entries, and those of all."""
        ...

    def refusal_counts(self) -> dict[str, int]:
        """How many images were refused, by reason."""
        ...

    def failure_counts(self) -> dict[str, int]:
        """How many products failed, by reason, the most frequent first."""
        ...

    def start_run(self, feed: str, total: int | None) -> int:
        """Open a run; returns its id."""
        ...

    def update_run(self, run_id: int, counts: Mapping[str, int], *, finished: bool = False) -> None:
        """Write a run's progress."""
        ...

    def end_cut_off_runs(self) -> int:
        """Say of runs that are not finished that they were cut off (`CUT_OFF` among their counts); how many there were.

        Only who alone works on the ledger may say so.
        """
        ...

    def runs(self, limit: int = 20) -> list[IngestRun]:
        """The latest runs, newest first."""
        ...

    def add_errors(self, run_id: int, errors: Sequence[FeedError]) -> None:
        """Record rows that were not taken."""
        ...

    def errors(self, run_id: int, *, offset: int = 0, limit: int = 100) -> list[FeedError]:
        """A run's errors in line order."""
        ...

    def get_setting(self, name: str) -> str | None:
        """A fact about the whole catalogue (its models' fingerprints, say)."""
        ...

    def set_setting(self, name: str, value: str) -> None:
        """Write such a fact."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
