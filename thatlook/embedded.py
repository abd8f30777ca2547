"""The engine in this process, over a folder: the same searches as over HTTP, with nothing to start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from engine.errors import QueryRejected
from engine.forms.answers import AnswerForm, answer_form
from thatlook.calls import Photo, photo_bytes, photos_of
from thatlook.forms import PhotoOptions, SearchOptions
from thatlook.missing import require_own_packages
from thatlook.use import Use, keep_in_forks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.filters import Filter
    from engine.vision.gate import Policy
    from ingest.run.summary import Summary
    from models.bootstrap import Parts

    Words = str | Sequence[str]


class Embedded:
    """The catalogue of a folder, held by this process alone until `close`. Searches may come from several threads.

    A process that was forked from the one that opened it cannot use it: threads of models and stores stay behind.
    """

    def __init__(self, home: str | PathLike[str], **settings: Any) -> None:
        """Open the catalogue; an empty folder is an empty catalogue.

        Args:
            home: as `THATLOOK_HOME` names it.
            settings: as in `THATLOOK_…`, in lower case: `profile`, `threads`, `policy` …
        Raises:
            HomeInUse: another process works on this folder; ask that server by its address.
            ModelUnavailable, ModelMismatch, StoreUnavailable: a part is missing, damaged or another model's.
            QueryRejected: a setting that cannot be understood.
            ImportError: a package of the caller's has the name of one of ours.
        """
        require_own_packages()
        from models.bootstrap import open_parts
        from models.generations.live import LiveParts, watching
        from models.settings import read_settings

        self._stack, self._use = ExitStack(), Use()
        parts = self._stack.enter_context(open_parts(read_settings({**settings, "home": Path(home)})))
        self._live = LiveParts(parts, warm=False)
        keep_in_forks(self._live)
        if parts.settings.is_shared:  # Others may change its models; a home is held by this process alone.
            self._stack.enter_context(watching(self._live))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder, once what is under way has ended."""
        if self._use.end():
            self._stack.close()

    def ingest(self, feed: str | PathLike[str], *, policy: Policy | None = None, prune: bool = False) -> Summary:
        """Bring a shop's feed into the catalogue, as `thatlook ingest` does.

        A catalogue that is being changed to other models meanwhile has it afterwards, too.

        Raises:
            FeedUnreadable: the feed cannot be read at all, or is damaged (what was read before is kept).
        """
        from engine.generations.record import GenerationChanged
        from ingest.bootstrap import ingest_dependencies
        from ingest.pipeline import ingest_feed

        while True:
            try:
                with self._used() as parts:
                    chosen = policy or parts.settings.policy
                    return ingest_feed(ingest_dependencies(parts), Path(feed), chosen, prune=prune)
            except GenerationChanged:  # What was written before is found unchanged.
                self._live.look()

    def search_image(self, photo: Photo | Sequence[Photo], **options: Unpack[PhotoOptions]) -> AnswerForm:
        """Products like each garment of a photo, moved by words if there are any.

        Raises:
            ImageUnreadable, ImageTooLarge, NoGarmentFound, QueryRejected, FilterRejected: as over HTTP.
        """
        from engine.vision.photo_analysis import ImageQuery

        words = _text(options.get("text", ()), options.get("not_text", ()))
        looking = ImageQuery(
            _names(options.get("supercategory", ())), options.get("box"), options.get("whole_image", False)
        )
        photos = [photo_bytes(each) for each in photos_of(photo)]
        garments = list(options.get("garments", [])) or ([{"point": p}] if (p := options.get("point")) else [])
        with self._used() as parts:
            return answer_form(
                parts.thatlook.search_image(
                    photos,
                    looking,
                    text=words,
                    garments=[_garment(each) for each in garments],
                    **_weighed(options),
                    **_common(options),
                )
            )

    def search_text(
        self, text: Words, *, not_text: Words = (), supercategory: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Products that fit the words.

        Raises:
            TextRejected, QueryRejected, FilterRejected: as over HTTP.
        """
        from engine.service import TextQuery

        words = _text(text, not_text) or TextQuery(("",))
        with self._used() as parts:
            return answer_form(
                parts.thatlook.search_text(words, supercategories=_names(supercategory), **_common(options))
            )

    def similar(
        self, product_id: str, *, text: Words = (), not_text: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Other products like a stored one, moved by words if there are any.

        Raises:
            ProductNotFound: unknown, or with nothing indexed.
        """
        words = _text(text, not_text)
        with self._used() as parts:
            return answer_form(parts.thatlook.similar(product_id, text=words, **_weighed(options), **_common(options)))

    def look(self, product_id: str, **options: Unpack[SearchOptions]) -> AnswerForm:
        """What a stored product's picture shows beside it, each garment with products like it: the rest of the look.

        Raises:
            ProductNotFound: unknown, or with nothing indexed.
        """
        with self._used() as parts:
            return answer_form(parts.thatlook.look(product_id, **_common(options)))

    def image(self, key: str) -> bytes:
        """A stored picture; `key` is a hit's `image`."""
        with self._used() as parts:
            return parts.objects.get(key)

    @contextmanager
    def _used(self) -> Iterator[Parts]:
        """The parts, which stay open until the block is left.

        Raises:
            QueryRejected: it is closed, or another process opened it.
        """
        with self._use.one():
            yield self._live.current


def _common(options: SearchOptions | PhotoOptions) -> dict[str, Any]:
    """What every search of the engine takes."""
    from engine.facets import FacetAsk
    from engine.retrieval.listing import Listing
    from engine.retrieval.looks import Shown
    from engine.system.clock import DEFAULT_BUDGET_S, Deadline

    if options.get("cursor"):
        raise QueryRejected("An embedded catalogue gives no cursors; ask for more hits with k.")
    facets, unavailable = _names(options.get("facets", ())), options.get("unavailable", "last")

    deadline_ms = options.get("deadline_ms", DEFAULT_BUDGET_S * 1000)
    return {
        "k": options.get("k", 10),
        "where": _filter(options.get("filters")),
        "shown": Shown(options.get("group", "look") == "look", unavailable == "last", unavailable == "hidden"),
        "listing": Listing(
            options.get("sort", "relevance"),
            options.get("min_score", 0.0),
            options.get("diversity", 0.0),
            options.get("total", False) or bool(facets),
            diversity_by=options.get("diversity_by", "likeness"),
        ),
        "facets": FacetAsk(facets) if facets else None,
        "deadline": Deadline.within(deadline_ms / 1000),
    }


def _weighed(options: SearchOptions | PhotoOptions) -> dict[str, Any]:
    """The caller's weights, where there are any."""
    from engine.retrieval.fusion import Weights

    weights = options.get("weights")
    return {"weights": Weights(**weights)} if weights is not None else {}


def _garment(options: Mapping[str, Any]) -> Any:
    """One garment's options, as the engine takes them."""
    from engine.retrieval.fusion import Weights
    from engine.retrieval.picking import GarmentAsk

    weights = options.get("weights")
    return GarmentAsk(
        options.get("index"),
        options.get("supercategory"),
        options.get("box"),
        options.get("point"),
        _text(options.get("text", ()), options.get("not_text", ())),
        _filter(options.get("filters")),
        Weights(**weights) if weights is not None else None,
        options.get("k"),
    )


def _filter(document: Mapping[str, Any] | None) -> Filter:
    from engine.filters import EVERYTHING

    if not document:
        return EVERYTHING
    from api.requests.filters import (
        filter_of,  # It brings the web framework along: half a second, for those who filter.
    )

    return filter_of(document)


def _text(positive: Words, negative: Words) -> Any:
    from engine.service import TextQuery

    wanted, unwanted = _names(positive) or (), _names(negative) or ()
    return TextQuery(wanted, unwanted) if wanted or unwanted else None


def _names(names: Words) -> tuple[str, ...] | None:
    """One text or several; None for none."""
    return ((names,) if isinstance(names, str) else tuple(names)) or None
