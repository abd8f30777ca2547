"""Events in the form of User Behavior Insights (UBI 1.0.0, github.com/o19s/ubi), and what is kept of them.

Of an event only the action, the query, the object, its rank and the time are kept. Who it was (`client_id`, `user_id`,
`session_id`), messages, coordinates and further attributes are read and forgotten.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.http.documents import read_json
from api.problems import RequestInvalid
from engine.feedback.events import Event

MOST_EVENTS = 1_000
_AHEAD = timedelta(days=1)
"""How far a browser's clock may be ahead."""


class UbiOrdinal(msgspec.Struct, frozen=True):
    """A place in a list, as UBI 1.0.0 writes it; later versions write the number alone."""

    index: int


class UbiPosition(msgspec.Struct, frozen=True):
    """Where on the page something happened."""

    ordinal: UbiOrdinal | int | None = None


class UbiObject(msgspec.Struct, frozen=True):
    """What it happened to: a product, by its id."""

    object_id: Annotated[str, Meta(max_length=256)] | int | None = None


class UbiAttributes(msgspec.Struct, frozen=True):
    """Details of an event."""

    object: UbiObject | None = None
    position: UbiPosition | None = None


class UbiEvent(msgspec.Struct, frozen=True):
    """One event; fields that are not named here are not kept."""

    action_name: Annotated[str, Meta(min_length=1, max_length=100)]
    query_id: Annotated[str, Meta(min_length=1, max_length=100)]
    timestamp: datetime
    event_attributes: UbiAttributes | None = None


def read_events(body: bytes) -> list[Event]:
    """The events of a body: one, or a list.

    Raises:
        RequestMalformed, RequestTooLarge, RequestInvalid, msgspec.ValidationError: it is none.
    """
    listed = body.lstrip().startswith(b"[")
    events = read_json(body, list[UbiEvent]) if listed else [read_json(body, UbiEvent)]
    if not 1 <= len(events) <= MOST_EVENTS:
        raise RequestInvalid(f"There are {len(events):,} events; send 1 to {MOST_EVENTS:,} at a time.")
    latest = datetime.now(UTC) + _AHEAD
    return [_kept(event, latest) for event in events]


def _kept(event: UbiEvent, latest: datetime) -> Event:
    moment = event.timestamp if event.timestamp.tzinfo else event.timestamp.replace(tzinfo=UTC)
    if moment > latest:
        raise RequestInvalid(f"The event of {event.timestamp.isoformat()[:40]} lies in the future.")
    details = event.event_attributes or UbiAttributes()
    object_id = details.object.object_id if details.object else None
    named = None if object_id is None else str(object_id)[:256]
    return Event(event.query_id, event.action_name, moment, named or None, _rank(details.position))


def _rank(position: UbiPosition | None) -> int | None:
    ordinal = position.ordinal if position else None
    number = ordinal.index if isinstance(ordinal, UbiOrdinal) else ordinal
    return number if number is not None and 0 <= number <= 1_000_000 else None


def events_schema() -> dict[str, Any]:
    """The JSON Schema of a body."""
    index = {"type": "integer", "description": "The place in the list, from 1."}
    ordinal = {"anyOf": [{"type": "object", "properties": {"index": index}, "required": ["index"]}, index]}
    position = {"type": "object", "properties": {"ordinal": ordinal}}
    named = {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "integer"}], "description": "The product's id."}
    details = {"type": "object", "properties": {"object_id": named}, "required": ["object_id"]}
    event = {
        "title": "UbiEvent",
        "type": "object",
        "properties": {
            "action_name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 100,
                "description": "`click`, `add_to_cart`, `purchase`, `view`, `watch`, or one of your own.",
            },
            "query_id": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Of the answer."},
            "timestamp": {"type": "string", "format": "date-time"},
            "event_attributes": {"type": "object", "properties": {"object": details, "position": position}},
        },
        "required": ["action_name", "query_id", "timestamp"],
    }
    listed = {**event, "title": "ListedUbiEvent"}  # Generators want another name in the list.
    return {"oneOf": [event, {"type": "array", "items": listed, "minItems": 1, "maxItems": MOST_EVENTS}]}
