"""Failures of single products: kept apart from all others, told in plain words, and tried again so many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from engine.errors import ThatLookError
from engine.generations.record import GenerationChanged, read_generations
from engine.seams import LedgerEntry

if TYPE_CHECKING:
    from ingest.run.dependencies import IngestDependencies

T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 5
"""So often a product is tried before it waits for a change of its own, or of the program."""
FIRST_WAIT_S, LONGER = 5.0, 6.0
_DEFECT, _AWAY = "failed", "absent"
_CONTENT = 40


def apart(items: Sequence[T], work: Callable[[Sequence[T]], list[R]]) -> tuple[list[R], list[tuple[T, BaseException]]]:
    """Work on many at once; where that fails, on halves of them, so that whoever is at fault fails alone.

    Returns:
        the results of the others, and each item that failed with what it raised.
    Raises:
        KeyboardInterrupt, SystemExit: the program is to stop.
    """
    if not items:
        return [], []
    try:
        return work(items), []
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # A library may raise anything; one product is all that it may cost.
        if len(items) == 1:
            return [], [(items[0], error)]
    half = len(items) // 2
    done, failed = apart(items[:half], work)
    more, others = apart(items[half:], work)
    return done + more, failed + others


def told(doing: str, error: BaseException) -> str:
    """Why a product failed, for the shop's staff."""
    if isinstance(error, ThatLookError):
        return error.message
    if isinstance(error, MemoryError):
        return f"{doing} failed on this product: there was not enough memory."
    words = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{doing} failed on this product ({type(error).__name__}{f': {words}' if words else ''})."


def models_answer(parts: IngestDependencies) -> bool:
    """Whether the models work at all: on a blank picture nothing can be at fault but they."""
    blank = np.full((64, 64, 3), 200, np.uint8)
    return _answers(lambda: parts.pipeline.gate(blank, parts.pipeline.scene(blank)))


def stores_answer(parts: IngestDependencies) -> bool:
    """Whether everything that products are written to can be read, and is still what is to be written to."""
    return all(
        _answers(look)
        for look in (
            parts.store.collections,
            lambda: check_generation(parts),
            lambda: parts.objects.exists("probe"),
        )
    )


def check_generation(parts: IngestDependencies) -> None:
    """Go on only while the generation serves that these parts are of.

    Raises:
        GenerationChanged: another one does.
    """
    if read_generations(parts.ledger).serving != parts.generation:
        raise GenerationChanged


def _answers(look: Callable[[], object]) -> bool:
    try:
        look()
    except ThatLookError:
        return False
    except Exception:
        return True  # It answers, if not as it should; what is asked of it next will tell.
    return True


def mark(attempts: int, content: str, *, defect: bool = True) -> str:
    """What stands for the content hash of a product that failed so often; no content hash looks like it.

    Args:
        defect: it failed by itself; else something that may come back was away, such as a picture server.
    """
    return f"{_DEFECT if defect else _AWAY}:{attempts}:{content[:_CONTENT]}"


def attempts_of(entry: LedgerEntry | None, content: str | None = None) -> int:
    """How often a product failed; with `content`, on these very pictures and models."""
    kind, _, rest = (entry.content_hash if entry else "").partition(":")
    number, _, of = rest.partition(":")
    if kind not in (_DEFECT, _AWAY) or not number.isdecimal() or (content is not None and of != content[:_CONTENT]):
        return 0
    return int(number)


def is_given_up(entry: LedgerEntry, content: str) -> bool:
    """Whether a product failed by itself so often on these very pictures that only a change of it is worth a try."""
    return entry.content_hash.startswith(f"{_DEFECT}:") and attempts_of(entry, content) >= ATTEMPTS


def due(entry: LedgerEntry) -> datetime | None:
    """When a product that failed is to be tried again; None where it did not fail, or so often that it is not."""
    attempts = attempts_of(entry)
    if not 0 < attempts < ATTEMPTS:
        return None
    return entry.updated.astimezone(UTC) + timedelta(seconds=FIRST_WAIT_S * LONGER ** (attempts - 1))
