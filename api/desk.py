"""The desk: what a handler has at hand. It keeps blocking work off the event loop and within the deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.metrics import Metrics
from api.pictures import IMAGES_PATH, PhotoRequest, find_picture
from api.services import Limits, Services
from api.workers import Workers
from engine.answers import AnswerForm, answer_form
from engine.clock import Deadline
from engine.domain import Answer
from engine.errors import QueryRejected

T = TypeVar("T")


class Desk:
    """Services, limits, metrics, and the two pools: one for searches, one for look-ups."""

    def __init__(self, services: Services, limits: Limits, metrics: Metrics) -> None:
        self.services = services
        self.limits = limits
        self.metrics = metrics
        self._searches = Workers("search", threads=limits.search_threads, queue=limits.search_queue)
        self._lookups = Workers("lookup", threads=limits.io_threads, queue=16 * limits.io_threads)

    def deadline(self, asked_ms: int | None = None) -> Deadline:
        """When the answer is due; a caller can only shorten the time.

        Raises:
            QueryRejected: not a time.
        """
        if asked_ms is not None and asked_ms < 1:
            raise QueryRejected("The deadline must be 1 ms or more.")
        seconds = self.limits.deadline_s if asked_ms is None else min(asked_ms / 1000, self.limits.deadline_s)
        return Deadline.within(seconds)

    async def search(self, call: Callable[[], Answer], deadline: Deadline) -> AnswerForm:
        """Run a search and give its answer the form of the wire."""

        def answered() -> AnswerForm:
            answer = call()
            self.metrics.observe_stages(answer.timing_ms)
            return answer_form(answer, image_url)

        return await self._searches.run(answered, deadline)

    async def picture(self, photo: PhotoRequest[Any], deadline: Deadline) -> bytes:
        """The bytes of a request's photo."""
        return await self.look_up(lambda: find_picture(photo, self.services.objects, self.limits), deadline)

    async def look_up(self, call: Callable[[], T], deadline: Deadline | None = None) -> T:
        """Run a short blocking call: the ledger, the object store, the intake."""
        return await self._lookups.run(call, deadline or self.deadline())

    def close(self) -> None:
        """Finish what runs; what waits is dropped."""
        self._searches.close()
        self._lookups.close()


def image_url(key: str) -> str:
    """The path under which a stored picture is served."""
    return IMAGES_PATH + quote(key)


TheDesk: TypeAlias = NamedDependency[SkipValidation[Desk]]
"""How a handler asks for the desk."""
