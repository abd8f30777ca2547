"""The parts of the generation that serves: changed for whoever asks next, never within what is under way.

A process learns from the ledger that another generation is ready, loads its models beside its searches, and turns to
it when it serves. The former parts are held for a while, for the further pages of answers that they gave.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, RLock, Thread

import msgspec

from engine.errors import ModelMismatch, QueryRejected, ThatLookError
from engine.facets import CountMemory
from engine.generations.fingerprint import models_fingerprint
from engine.generations.record import Generation, Generations, read_generations
from engine.ledger.generation_notes import book_of
from engine.retrieval.search import Searcher
from engine.stores.generations import view_of
from models.bootstrap import Parts, build_pipeline

LOOK_S = 1.0
TELL_S = 5.0
HELD_S = 600.0
"""How long the parts of a generation that served are held in memory."""
_log = logging.getLogger(__name__)


class LiveParts:
    """Safe to use from several threads. `current` is one generation's, whole."""

    def __init__(self, parts: Parts, *, warm: bool = True) -> None:
        self._first, self._warm = parts, warm
        self._now = parts
        self._open = {parts.generation: parts}
        self._left: dict[int, float] = {}
        self._lock = RLock()
        self._loading: str | None = None
        self._told = (0.0, "")
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    @property
    def current(self) -> Parts:
        """The parts that answer at present."""
        return self._now

    @property
    def loading(self) -> str | None:
        """Which models are being loaded for a generation to come, in words."""
        return self._loading

    def of(self, generation: Generation) -> Parts:
        """A generation's parts, its models loaded now if they are not yet.

        Raises:
            ModelUnavailable: they are not there.
            ModelMismatch: they are not the ones that it was made with.
        """
        with self._lock:
            if (found := self._open.get(generation.number)) is None:
                found = self._open[generation.number] = self._opened(generation)
            return found

    def held(self, number: int) -> Parts:
        """Parts that answer, or did until lately.

        Raises:
            QueryRejected: that generation is no longer held.
        """
        if (found := self._open.get(number)) is None:
            raise QueryRejected(
                "The catalogue has changed to other models since that page; search again without the cursor."
            )
        return found

    def look(self) -> None:
        """Learn from the ledger what serves, and what is ready to; takes as long as loading models does.

        Raises:
            ThatLookError: the ledger, or models, cannot be had; what served goes on serving.
        """
        generations = read_generations(self._first.ledger)
        serving, coming = generations.get(generations.serving), generations.next
        if coming is not None and coming.state == "checked":
            self._load(coming)
        if generations.serving != self._now.generation and serving is not None:
            self._load(serving)
            self.turn_to(generations)
        elif generations != self._now.generations:
            self._now = self._open[self._now.generation] = replace(self._now, generations=generations)
        self._let_go(generations)
        self._tell(generations)

    def turn_to(self, generations: Generations) -> None:
        """Answer with the generation that serves from now on; its models are loaded already."""
        with self._lock:
            parts = replace(self.of(generations.require(generations.serving)), generations=generations)
            self._left[self._now.generation] = time.monotonic()
            self._left.pop(parts.generation, None)
            self._open[parts.generation] = self._now = parts
        _log.info("Generation %d answers now, with the models of %s", parts.generation, parts.settings.profile)

    def close(self) -> None:
        """Strike out what this process has told of itself."""
        with suppress(ThatLookError):
            if self._told[1]:
                book_of(self._first.ledger).tell_of_process(self.name, "")

    def _load(self, generation: Generation) -> None:
        if generation.number in self._open:
            return
        self._loading = f"the models of {generation.profile} are being loaded for generation {generation.number}"
        try:
            self.of(generation)
        finally:
            self._loading = None

    def _opened(self, generation: Generation) -> Parts:
        first = self._first
        settings = first.settings.model_copy(update={"profile": generation.profile})
        pipeline, calibrations = build_pipeline(settings, [each.settings.profile for each in self._open.values()])
        if generation.models and generation.models != models_fingerprint(pipeline):
            raise ModelMismatch(
                f"The models of the profile {generation.profile} are not those that generation {generation.number} was "
                "made with; put them back to use it."
            )
        if self._warm:
            pipeline.warm_up()
        store = view_of(first.store, generation.number)
        thatlook = replace(
            first.thatlook,
            pipeline=pipeline,
            searcher=Searcher(store, first.ledger, calibrations),
            result_cache=first.result_cache.of(generation.number) if first.result_cache else None,
            counts=CountMemory(),
        )
        generations = msgspec.structs.replace(self._now.generations, serving=generation.number)
        return Parts(settings, store, first.objects, first.ledger, pipeline, thatlook, generations, first.result_cache)

    def _let_go(self, generations: Generations) -> None:
        """Models of what has not served for long, or is being dropped, leave memory."""
        with self._lock:
            for number, left in list(self._left.items()):
                known = generations.get(number)
                if known is None or known.state == "leaving" or time.monotonic() - left > HELD_S:
                    self._open.pop(number, None)
                    del self._left[number]

    def _tell(self, generations: Generations) -> None:
        """Say what this process answers with and what it has loaded, where there is anything to choose."""
        if not generations.known:
            return
        said, now = json.dumps({"serving": self._now.generation, "loaded": sorted(self._open)}), time.monotonic()
        if said != self._told[1] or now - self._told[0] > TELL_S:
            book = book_of(self._first.ledger)
            book.tell_of_process(self.name, json.dumps({**json.loads(said), "seen": time.time()}))
            self._told = now, said


@contextmanager
def watching(live: LiveParts, changed: Callable[[], None] = lambda: None, every_s: float = LOOK_S) -> Iterator[None]:
    """Look now and then on a thread of its own, which is gone in the end. `changed` is called after each look."""
    ended = Event()

    def work() -> None:
        told = ""
        while not ended.wait(every_s):
            try:
                live.look()
                changed()
                told = ""
            except ThatLookError as error:
                if error.message != told:  # Once for each outage, however long it lasts.
                    _log.warning("Generation %d goes on answering: %s", live.current.generation, error.message)
                told = error.message
            except Exception:
                _log.exception("The generations could not be looked at")

    thread = Thread(target=work, name="generations", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        live.close()
