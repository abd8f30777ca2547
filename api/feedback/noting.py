"""Searches as they are noted: their words and what was shown, never a photo."""

from __future__ import annotations

from datetime import UTC, datetime

from api.requests.calls import Asked
from engine.domain import Answer, GarmentHits
from engine.feedback.events import MOST_SHOWN, WEAK_WORDS, AnsweredQuery, kept_text


def answered_query(asked: Asked, query_id: str, answer: Answer | None) -> AnsweredQuery:
    """What is kept of a search.

    Args:
        answer: None where the photo showed no garment.
    """
    garments = answer.garments if answer else ()
    shown = tuple(tuple(hit.product.product_id for hit in each.hits[:MOST_SHOWN]) for each in garments if each.hits)
    best = max((hit.score for each in garments for hit in each.hits), default=None)
    weak = all(_is_weak(each, words=asked.kind == "text") for each in garments)
    text, score = kept_text(asked.text), None if best is None else float(best)
    return AnsweredQuery(query_id, datetime.now(UTC), asked.kind, text, shown, asked.offset, score, weak)


def _is_weak(found: GarmentHits, *, words: bool) -> bool:
    """Whether nothing that was found is a good match: `no_match` says so of photos and products."""
    return not found.hits or found.no_match or (words and max(hit.score for hit in found.hits) < WEAK_WORDS)
