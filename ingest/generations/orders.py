"""The queue's jobs that build a generation: which products, and in which one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.errors import ContractBroken, ThatLookError
from engine.generations.record import GenerationChanged, read_generations
from engine.ledger.queue_worker import Claim, TryLater
from engine.seams import Job
from ingest.generations.builder import Builder
from ingest.queue.work_orders import JOB_PRODUCTS
from ingest.run.failures import apart, models_answer, stores_answer, told

if TYPE_CHECKING:
    from engine.ledger.work import SharedWork

BUILD = "generation"
"""The lane: a generation waits neither for products nor for feeds, nor do they for it."""
AWAY_S = 5.0
DEATHS = 3
"""A product at which so many workers died is left out."""


class BuildOrder(msgspec.Struct, frozen=True):
    """One job."""

    number: int
    products: list[str]


def ordered(number: int, product_ids: Sequence[str], size: int = JOB_PRODUCTS) -> list[Job]:
    """These products of a generation as jobs."""
    parts = (product_ids[start : start + size] for start in range(0, len(product_ids), size))
    return [Job(BUILD, msgspec.json.encode(BuildOrder(number, list(some)))) for some in parts]


class BuildWorker:
    """Does such jobs. `builder` opens what a generation is built with, by its number."""

    def __init__(self, work: SharedWork, builder: Callable[[int], Builder]) -> None:
        self._work, self._builder = work, builder

    def do(self, claim: Claim) -> None:
        """Do a job to its end; whatever was done of it before is done again.

        Raises:
            TryLater: a part is away.
            ContractBroken: another thatlook wrote it.
        """
        try:
            order = msgspec.json.decode(claim.payload, type=BuildOrder)
        except msgspec.MsgspecError as error:
            raise ContractBroken(f"A job of the queue cannot be read ({error}).") from error
        try:
            self._do(order, claim.losses)
        except GenerationChanged:
            return  # What it was for serves already, or is gone: what still differs is ordered anew.
        except ThatLookError as error:
            raise TryLater(AWAY_S, error.message) from error

    def _do(self, order: BuildOrder, losses: int) -> None:
        builder = self._builder(order.number)
        if read_generations(builder.parts.ledger).get(order.number) is None:
            return
        if losses and len(order.products) > 1:
            self._work.enqueue(ordered(order.number, order.products, size=1))
            return
        if losses >= DEATHS:
            builder.give_up(order.products, "The program ended each time that it was embedded.")
            return

        def bring(some: Sequence[str]) -> list[str]:
            builder.bring(some)
            return list(some)

        _, lost = apart(order.products, bring)
        for product_id, error in lost:
            if isinstance(error, ThatLookError) and not (
                models_answer(builder.parts) and stores_answer(builder.serving)
            ):
                raise error
            builder.give_up([product_id], told("Embedding", error))
