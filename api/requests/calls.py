"""Search requests as calls of the engine: one place for the routes, the batch and the agents' tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import msgspec

from api.http.cursors import Place, read_cursor, search_digest, write_cursor
from api.requests.filters import filter_of
from api.requests.queries import (
    HybridSearch,
    ImageSearch,
    LookSearch,
    SearchRequest,
    SimilarSearch,
    TextSearch,
    facet_ask,
    garment_asks,
    image_query,
    listing_of,
    shown,
    supercategories,
    text_query,
    weights_of,
)
from api.services import Searches
from engine.domain import Answer
from engine.errors import TextRejected
from engine.feedback.events import QueryKind
from engine.forms.answers import Cursor
from engine.generations.names import FIRST
from engine.retrieval.listing import Seen
from engine.retrieval.text_query import TextQuery
from engine.system.clock import Deadline


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A search that is ready to be made, how the cursors of its answer are written, and what is noted of it.

    Attributes:
        kind, text: the way it asks, and with which words or product; offset: hits that earlier pages showed.
    """

    call: Callable[[], Answer]
    cursor: Cursor
    kind: QueryKind = "text"
    text: str = ""
    offset: int = 0


def by_photos(looks: Searches, query: ImageSearch, deadline: Deadline) -> Callable[[Sequence[bytes]], Asked]:
    """A search by photo, with words if it has any; everything but the photos is checked now.

    Raises:
        InputRejected: what the request says cannot be used.
    """
    hybrid = isinstance(query, HybridSearch)
    text = text_query(query.text, query.not_text) if isinstance(query, HybridSearch) else None
    garments = garment_asks(query)
    if hybrid and text is None and not any(each.text for each in garments):
        raise TextRejected("A hybrid search needs words: give 'text' or 'not_text'.")
    looks, options, cursor, place = _common(looks, "hybrid" if hybrid else "image", query, deadline)
    options |= {"text": text} if text else {}
    options |= {"weights": weights} if (weights := weights_of(query.weights)) else {}
    options |= {"garments": garments} if garments else {}
    options |= {"only": place.garment} if place else {}
    looking = image_query(query)
    return lambda photos: Asked(
        partial(looks.search_image, photos[0] if len(photos) == 1 else photos, looking, **options),
        cursor,
        "hybrid" if hybrid else "image",
        _said(text),
        _offset(place),
    )


def by_text(looks: Searches, query: TextSearch, deadline: Deadline) -> Asked:
    """A search by words.

    Raises:
        InputRejected: what the request says cannot be used.
    """
    text = text_query(query.text, query.not_text)
    if text is None:
        raise TextRejected("The text is empty; say what is wanted.")
    looks, options, cursor, place = _common(looks, "text", query, deadline)
    call = partial(looks.search_text, text, supercategories=supercategories(query), **options)
    return Asked(call, cursor, "text", _said(text), _offset(place))


def by_product(looks: Searches, product_id: str, query: SimilarSearch, deadline: Deadline) -> Asked:
    """A search by a stored product.

    Raises:
        InputRejected: what the request says cannot be used.
    """
    looks, options, cursor, place = _common(looks, f"similar\0{product_id}", query, deadline)
    options |= {"text": text_query(query.text, query.not_text)}
    options |= {"weights": weights} if (weights := weights_of(query.weights)) else {}
    options |= {"only": place.garment} if place else {}
    return Asked(partial(looks.similar, product_id, **options), cursor, "similar", product_id, _offset(place))


def by_look(looks: Searches, product_id: str, query: LookSearch, deadline: Deadline) -> Asked:
    """A search by what a stored product is worn with.

    Raises:
        InputRejected: what the request says cannot be used.
    """
    looks, options, cursor, place = _common(looks, f"look\0{product_id}", query, deadline)
    options |= {"only": place.garment} if place else {}
    return Asked(partial(looks.look, product_id, **options), cursor, "look", product_id, _offset(place))


def _said(text: TextQuery | None) -> str:
    """Words as one line, unwanted ones with a minus."""
    return " ".join([*text.positive, *(f"-{each}" for each in text.negative)]) if text else ""


def _offset(place: Place | None) -> int:
    return place.seen.hits if place else 0


@runtime_checkable
class Pinned(Protocol):
    """Searches of several generations of models; each request is answered by one of them."""

    def pinned(self, number: int | None = None) -> tuple[Searches, int]:
        """One generation's searches and its number; of the one that serves where none is named."""
        ...


def _common(
    looks: Searches, route: str, query: SearchRequest, deadline: Deadline
) -> tuple[Searches, dict[str, Any], Cursor, Place | None]:
    """By which models it is answered, what it takes, what writes its cursors, where it goes on if it has one itself."""
    digest = search_digest(route, msgspec.to_builtins(query))
    place = None if query.cursor is None else read_cursor(query.cursor, digest)
    generation = place.generation if place else FIRST
    if isinstance(looks, Pinned):
        looks, generation = looks.pinned(generation if place else None)
    options: dict[str, Any] = {
        "where": filter_of(query.filters),
        "k": query.k,
        "shown": shown(query),
        "deadline": deadline,
    }
    listing = listing_of(query, place)
    options |= {} if listing.is_plain else {"listing": listing}
    options |= {"facets": ask} if (ask := facet_ask(query)) else {}

    def cursor(garment: int, seen: Seen) -> str:
        return write_cursor(digest, Place(place.garment if place else garment, seen, generation))

    return looks, options, cursor, place
