"""Several searches in one request: each is answered, or refused, by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from api.problems import Problem
from engine.errors import InputRejected
from engine.forms.answers import AnswerForm

MAX_SEARCHES = 16
Kind = Literal["image", "hybrid", "text", "similar"]
Search = dict[str, Any]


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Searches as JSON, each with its `kind` and the fields of that search; `similar` has a `product_id` too."""

    searches: Annotated[list[Search], Meta(min_length=1, max_length=MAX_SEARCHES)]


class BatchAnswer(msgspec.Struct, frozen=True):
    """One search's answer with status 200, or the problem with its status; the other is null."""

    status: int
    answer: AnswerForm | None = None
    problem: Problem | None = None


class BatchAnswers(msgspec.Struct, frozen=True):
    """The answers in the order of the searches."""

    answers: list[BatchAnswer]


def parted(search: Search) -> tuple[Kind, str | None, bytes]:
    """A search's kind, its product, and the rest as JSON.

    Raises:
        InputRejected: no kind, or a product where none belongs or none is named.
    """
    rest = dict(search)
    kind, product_id = rest.pop("kind", None), rest.pop("product_id", None)
    if kind not in ("image", "hybrid", "text", "similar"):
        raise InputRejected("Each search has a 'kind': image, hybrid, text or similar.")
    if (kind == "similar") != (isinstance(product_id, str) and bool(product_id)):
        raise InputRejected("A search of the kind 'similar' has a 'product_id', and no other has one.")
    return kind, product_id, msgspec.json.encode(rest)
