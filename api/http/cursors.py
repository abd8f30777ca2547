"""Cursors: what a caller sends back for the next page of one garment. They say what was shown; nothing is kept here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from engine.errors import QueryRejected
from engine.generations.names import FIRST
from engine.retrieval.listing import MOST, Seen

MAX_CURSOR = 16_384
_VERSION = 1
_DIGEST_BYTES = 8
_NOT_THE_SEARCH = ("cursor", "k", "facets", "total", "image_base64", "image_id", "image_url", "images")
"""Fields that may differ between the pages of one search; a photo may come in another form."""


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    version: int
    search: bytes
    garment: int
    hits: int
    tokens: bytes
    generation: int = FIRST


@dataclass(frozen=True, slots=True)
class Place:
    """Where a further page goes on: of which garment of the answer, behind what, and by which generation's models."""

    garment: int
    seen: Seen
    generation: int = FIRST


def search_digest(route: str, fields: Mapping[str, Any]) -> bytes:
    """A name for a search: equal for its pages, and for no other search."""
    said = {name: value for name, value in fields.items() if name not in _NOT_THE_SEARCH}
    text = msgspec.json.encode([route, said], order="deterministic")
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()


def write_cursor(search: bytes, place: Place) -> str:
    """The cursor as text."""
    tokens = np.array(sorted(place.seen.tokens), "<u4").tobytes()
    packed = msgspec.msgpack.encode(_Cursor(_VERSION, search, place.garment, place.seen.hits, tokens, place.generation))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, search: bytes) -> Place:
    """What a cursor says.

    Raises:
        QueryRejected: it is no cursor of ours, or one of another search.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.msgpack.decode(packed, type=_Cursor)
        tokens = frozenset(np.frombuffer(cursor.tokens, "<u4").tolist())
    except (binascii.Error, ValueError, UnicodeError, msgspec.MsgspecError):
        raise QueryRejected("The cursor is damaged; send 'next_cursor' of the page before as it is.") from None
    if cursor.version != _VERSION or not 0 < cursor.hits <= MOST or not 0 <= cursor.garment < 1 << 16:
        raise QueryRejected("The cursor is of another version; begin again without it.")
    if cursor.search != search:
        raise QueryRejected(
            "The cursor is of another search; send the same words, filters and options as for the page before."
        )
    return Place(cursor.garment, Seen(tokens, cursor.hits), cursor.generation)
