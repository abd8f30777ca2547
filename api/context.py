"""The context: what a handler has at hand. It keeps blocking work off the event loop and within the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.ending import Ending
from api.feedback.noting import answered_query
from api.http.logs import search_facts
from api.http.metrics import Metrics
from api.requests.calls import Asked
from api.requests.pictures import IMAGES_PATH, PhotoRequest, find_pictures, read_photo_request
from api.requests.queries import ImageSearch
from api.services import Limits, Services
from api.workers import Workers
from engine.domain import Answer, PictureAnalysis
from engine.errors import NoGarmentFound, QueryRejected
from engine.forms.answers import AnswerForm, answer_form, to_json
from engine.system.clock import Deadline

T = TypeVar("T")
Q = TypeVar("Q", bound=ImageSearch)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An answer, written as JSON, with its durations and the id by which it is named."""

    document: msgspec.Raw
    timing_ms: Mapping[str, float]
    query_id: str


class RequestContext:
    """Services, limits, metrics, and the two pools: one for searches, one for look-ups."""

    def __init__(self, services: Services, limits: Limits, metrics: Metrics, ending: Ending | None = None) -> None:
        self.services = services
        self.ending = ending or Ending()
        self.limits = limits
        self.metrics = metrics
        self._searches = Workers("search", threads=limits.search_threads, queue=limits.search_queue)
        self._lookups = Workers("lookup", threads=limits.io_threads, queue=16 * limits.io_threads)
        metrics.watch(self._searches, services.result_cache)
        services.traffic.searches = lambda: self._searches.running + self._searches.waiting

    def deadline(self, asked_ms: int | None = None) -> Deadline:
        """When the answer is due; a caller can only shorten the time.

        Raises:
            QueryRejected: not a time.
        """
        if asked_ms is not None and asked_ms < 1:
            raise QueryRejected("The deadline must be 1 ms or more.")
        seconds = self.limits.deadline_s
        if asked_ms is not None and asked_ms < 1000 * seconds:  # Integers of any length can be compared.
            seconds = asked_ms / 1000
        return Deadline.within(seconds)

    async def receive(self, request: Request[Any, Any, Any], kind: type[Q], asked_ms: int | None) -> PhotoRequest[Q]:
        """Read a photo and its fields, unless the search would be turned away anyhow: then nothing is read.

        Raises:
            Busy: there is no hope of an answer in time.
            UploadTooSlow, UploadsFull: the body did not come in time, or there is no room for it.
        """
        self._searches.expect(self.deadline(asked_ms))
        return await read_photo_request(request, kind)

    async def search(self, asked: Asked, deadline: Deadline) -> Response[AnswerForm]:
        """Run a search; its answer as a response."""
        found = await self.answer(asked, deadline)
        return Response(cast(AnswerForm, found.document), headers={"Server-Timing": server_timing(found.timing_ms)})

    async def ask(self, asked: Asked, deadline: Deadline) -> tuple[Answer, str]:
        """Run a search; its answer as the engine gives it, and the id by which it is named."""
        query_id = str(uuid4())
        return await self._searches.run(lambda: self._noted(asked, query_id), deadline), query_id

    async def answer(self, asked: Asked, deadline: Deadline) -> Found:
        """Run a search and write its answer as JSON, once, on the thread that searched."""
        came, query_id = time.perf_counter(), str(uuid4())

        def answered() -> Found:
            queue_ms = 1000 * (time.perf_counter() - came)
            answer = self._noted(asked, query_id)
            start = time.perf_counter()
            form = answer_form(answer, image_url, query_id=query_id, cursor=asked.cursor)
            document = msgspec.Raw(to_json(form))
            serialize_ms = 1000 * (time.perf_counter() - start)
            timing_ms = {"queue": queue_ms, **answer.timing_ms, "serialize": serialize_ms}
            self.metrics.observe_stages(timing_ms)
            hits = sum(len(garment.hits) for garment in answer.garments)
            unlike = sum(garment.no_match for garment in answer.garments)
            self.metrics.observe_answer(len(answer.garments), hits, unlike)
            if (facts := search_facts.get()) is not None:
                stages = {stage: round(ms, 2) for stage, ms in timing_ms.items()}
                counts = {"garments": len(answer.garments), "hits": hits, "no_match": unlike}
                facts |= {**counts, "stages_ms": stages}
            return Found(document, timing_ms, query_id)

        return await self._searches.run(answered, deadline)

    def _noted(self, asked: Asked, query_id: str) -> Answer:
        """The answer, noted where queries are kept; a photo without a garment is noted too."""
        feedback = self.services.feedback
        if feedback is None:
            return asked.call()
        try:
            answer = asked.call()
        except NoGarmentFound:
            feedback.note(answered_query(asked, query_id, None))
            raise
        feedback.note(answered_query(asked, query_id, answer))
        return answer

    async def pictures(self, photo: PhotoRequest[Any], deadline: Deadline) -> list[bytes]:
        """The bytes of a request's photos."""
        return await self.look_up(lambda: find_pictures(photo, self.services.objects, self.limits), deadline)

    async def analyze(self, picture: bytes, deadline: Deadline) -> PictureAnalysis:
        """Look at a picture with the models; it waits among the searches."""
        return await self._searches.run(partial(self.services.thatlook.analyze, picture, deadline), deadline)

    async def look_up(self, call: Callable[[], T], deadline: Deadline | None = None) -> T:
        """Run a short blocking call: the ledger, the object store, the intake."""
        return await self._lookups.run(call, deadline or self.deadline())

    def close(self) -> None:
        """Finish what runs; what waits is dropped."""
        self._searches.close()
        self._lookups.close()


def server_timing(timing_ms: Mapping[str, float]) -> str:
    """Durations by stage as the header that browsers' developer tools show (W3C Server Timing)."""
    return ", ".join(f"{stage};dur={ms:.3f}" for stage, ms in timing_ms.items())


def image_url(key: str) -> str:
    """The path under which a stored picture is served."""
    return IMAGES_PATH + quote(key)


Context: TypeAlias = NamedDependency[SkipValidation[RequestContext]]
"""How a handler asks for the request context."""
