"""What the API needs from the rest of thatlook, and the limits it keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from api.http.ports import Ports
from engine.domain import Answer, Hit, PictureAnalysis, Product, Space
from engine.facets import Counted, FacetAsk
from engine.feedback.recorder import Recorder
from engine.filters import Filter
from engine.jobs import FeedJobs
from engine.keys import ApiKey
from engine.remote import RemoteLimits
from engine.retrieval.fusion import Weights
from engine.retrieval.listing import Listing
from engine.retrieval.looks import Shown
from engine.retrieval.picking import GarmentAsk
from engine.retrieval.text_query import TextQuery
from engine.seams import Ledger, LedgerEntry, ObjectStore, Precondition, VectorStore
from engine.system.clock import DEFAULT_BUDGET_S, Deadline
from engine.traffic import Traffic
from engine.vision.images import DEFAULT_LIMITS
from engine.vision.photo_analysis import ImageQuery, ResultCache


class Searches(Protocol):
    """Photo, words or product in, products out; `engine.service.ThatLook` is the real one."""

    def search_image(
        self,
        image: bytes | Sequence[bytes],
        query: ImageQuery | None = None,
        *,
        text: TextQuery | None = None,
        where: Filter = ...,
        k: int = ...,
        weights: Weights | None = None,
        shown: Shown = ...,
        listing: Listing = ...,
        facets: FacetAsk | None = None,
        garments: Sequence[GarmentAsk] = (),
        only: int | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Similar products for each garment of a photo."""
        ...

    def search_text(
        self,
        text: TextQuery,
        *,
        supercategories: Sequence[str] | None = None,
        where: Filter = ...,
        k: int = ...,
        shown: Shown = ...,
        listing: Listing = ...,
        facets: FacetAsk | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Products that fit the words."""
        ...

    def similar(
        self,
        product_id: str,
        *,
        text: TextQuery | None = None,
        where: Filter = ...,
        k: int = ...,
        weights: Weights | None = None,
        shown: Shown = ...,
        listing: Listing = ...,
        facets: FacetAsk | None = None,
        only: int | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Other products like a stored one."""
        ...

    def look(
        self,
        product_id: str,
        *,
        where: Filter = ...,
        k: int = ...,
        shown: Shown = ...,
        listing: Listing = ...,
        facets: FacetAsk | None = None,
        only: int | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """What a stored product is worn with, each garment with products like it."""
        ...

    def analyze(self, picture: bytes, deadline: Deadline | None = None) -> PictureAnalysis:
        """What is seen in a picture."""
        ...

    def stored(self, codes: Sequence[str], where: Filter = ...) -> Mapping[str, Sequence[Hit]]:
        """Products by their ids, SKUs and the like, as hits with their variants; what there is none of is absent."""
        ...

    def count(self, supercategories: Sequence[str] | None, where: Filter, ask: FacetAsk) -> Counted:
        """How many products match, and how many of them have which value."""
        ...


class Intake(Protocol):
    """Where products go that a caller writes."""

    def submit(self, products: Sequence[Product], expected: Precondition | None = None) -> None:
        """Take products on: the ledger knows them when this returns, indexing follows.

        Args:
            expected: asked of each entry that is replaced; what it raises leaves everything as it was.
        """
        ...

    def update(self, changes: Sequence[tuple[LedgerEntry, Product]]) -> frozenset[str]:
        """Write new words of products that are there; returns the ids of those that nobody else changed meanwhile."""
        ...

    def delete(self, product_ids: Collection[str], expected: Precondition | None = None) -> None:
        """Take products out: gone from searches and from the ledger when this returns; see `submit`."""
        ...


class Changes(Protocol):
    """Changes of an embedded home to other models; `ingest.generations.runner.SwapRunner` is the real one."""

    def ask(self, action: str, profile: str | None = None, index: str | None = None, number: int | None = None) -> None:
        """Begin one."""
        ...

    def status(self) -> Mapping[str, Any]:
        """How it stands, as a JSON document."""
        ...


class KeyCheck(Protocol):
    """What tells a caller's key from a guess; `api.keys.access.Keys` is the real one."""

    def checked(self, text: str) -> ApiKey:
        """The key that a caller shows; KeyRefused if it is none of ours."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """The parts that the handlers call.

    Attributes:
        ready: what is not ready, as `{part: reason}`; empty when everything can answer.
        result_cache: of photos seen before, for the metrics; None where nothing is remembered.
        examine: compares everything that is kept with what was written, in the same form as `ready`; takes a while.
        keys: by which callers are known; None where none are asked for.
        feeds: takes feeds while searches go on; None where this server takes none.
        local_token: lets the owner's own programs in, such as `thatlook ingest` beside this server.
        traffic: hears how many searches are under way.
        embeddings: the store and the dimension of a collection, for exports; refuses unknown supercategories.
        feedback: keeps queries and events; None where none are kept.
        back_up: copies an embedded home into a folder: files, bytes and moment of the copy; None at scale.
        models: fingerprints of the models, by what they do.
        changing: which generation of collections is coming, in words; generations: begins such changes, embedded alone.
    """

    thatlook: Searches
    ledger: Ledger
    objects: ObjectStore
    intake: Intake
    ready: Callable[[], Mapping[str, str]]
    result_cache: ResultCache | None = None
    examine: Callable[[], Mapping[str, str]] | None = None
    keys: KeyCheck | None = None
    feeds: FeedJobs | None = None
    local_token: str | None = None
    traffic: Traffic = field(default_factory=Traffic)
    models: Mapping[str, str] = field(default_factory=dict)
    feedback: Recorder | None = None
    embeddings: Callable[[str, Space], tuple[VectorStore, int]] | None = None
    back_up: Callable[[Path], tuple[int, int, str]] | None = None
    changing: Callable[[], str | None] = lambda: None
    generations: Changes | None = None


Build: TypeAlias = Callable[[], AbstractAsyncContextManager[Services]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may ask of us.

    Attributes:
        deadline_s: the whole time for a search; a caller can shorten it, never lengthen it.
        search_threads: searches that run at once; about the number of cores.
        upload_s: how long a request's body may take to arrive.
        upload_memory_bytes: what the bodies of all requests under way may hold together.
        allowed_hosts: the hosts by whose name we may be asked; None takes any.
        search_queue: searches that may wait at most; fewer do where they could not be answered in time.
        io_threads: look-ups in ledger and object store that run at once.
        image_urls: whether callers may name pictures by address (`image_url`).
        rate, concurrent: requests of one caller in a time, and at once; none and 0 set no bound.
        redis_url: where all processes count these requests together; None: each counts by itself.
        origins: sites whose pages may ask (CORS).
        mcp, ucp: whether agents are answered at /mcp, and that is told at /.well-known/ucp.
        ports: that are set apart for what changes the catalogue, and for metrics.
        max_feed_bytes: of a feed that is sent or fetched; feed_upload_s: how long it may take to arrive.
    """

    max_image_bytes: int = DEFAULT_LIMITS.max_bytes
    max_products_bytes: int = 16 * 1024 * 1024
    deadline_s: float = DEFAULT_BUDGET_S
    upload_s: float = 30.0
    upload_memory_bytes: int = 256 * 1024 * 1024
    allowed_hosts: frozenset[str] | None = None
    search_threads: int = 2
    search_queue: int = 64
    io_threads: int = 8
    image_urls: bool = False
    rate: tuple[Literal["second", "minute", "hour", "day"], int] | None = None
    concurrent: int = 0
    redis_url: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    mcp: bool = False
    ucp: bool = False
    ports: Ports = field(default_factory=Ports)
    max_feed_bytes: int = 2 * 1024 * 1024 * 1024
    feed_upload_s: float = 3600.0
    remote: RemoteLimits = field(default_factory=RemoteLimits)

    @property
    def max_search_body_bytes(self) -> int:
        """A picture as base64 in JSON, with room for the other fields."""
        return self.max_image_bytes * 4 // 3 + 64 * 1024
