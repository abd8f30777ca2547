"""A change of models, index or schema under load, step by step; each step can be begun anew wherever it was cut off.

    begin      the list of generations names a new one, `building`
    collect    its collections are made
    build      rows are written until nothing differs from the ledger; all the while both take writes
    check      counts, lost products, recall: `checked`; servers load its models meanwhile
    change     what came since is brought in, and the ledger says that it serves: one transaction
    point      the server's aliases follow, for programs that are not ours

Going back to a generation that is kept is the same, from `build` on. The former generation stays until it is dropped.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain import CollectionSpec
from engine.errors import InputRejected, Unavailable
from engine.generations.fingerprint import models_fingerprint
from engine.generations.names import alias_of
from engine.generations.record import Generation, GenerationChanged, Generations, State, read_generations
from engine.ledger.generation_notes import Standing, book_of
from engine.seams import Momentary
from engine.stores.generations import HasAliases, view_of
from engine.vision.gate import Policy
from ingest.generations.builder import Builder
from ingest.generations.checks import check
from ingest.generations.latecomers import Latecomers
from ingest.generations.orders import BUILD, ordered
from ingest.run.dependencies import IngestDependencies
from models.generations.live import LiveParts

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook
    from engine.ledger.work import SharedWork

BATCH = 32
LOST = "lost"
"""The fingerprint of models of which nothing is known but that they are not there."""
LATE = 64
"""Products written in the very seconds of a change that are queued anew for it, where workers do the work."""
ROUNDS = 20
SEEN_S, LOADED_S = 15.0, 120.0
"""A process that was not heard of for so long is gone; and how long a change waits for those that are there."""
FORGET_S, NOBODY_S = 86_400.0, 30.0
LOOK_S, TELL_S, LET_GO_S = 0.2, 1.0, 2.5
_log = logging.getLogger(__name__)
Told = Callable[[str, Standing], None]
_Writing = Callable[[], AbstractContextManager[None]]


class SwapRefused(InputRejected):
    """A change of generations that cannot be, as things are."""


class SwapStopped(Unavailable):
    """It was told to stop; begun anew it goes on from there."""


@dataclass(frozen=True, slots=True, eq=False)
class Swap:
    """Changes the generations of one catalogue; one at a time.

    Attributes:
        live: the parts of each generation.
        open_parts: a generation's parts as ingest works with them.
        writing: within it nobody else of this process writes rows; None where workers of other machines do.
        ensure: makes collections, with an index type if one is asked for; fit: has their indexes fit their rows.
        told: hears how far it is.
        lost: the models that made what serves are not there any more; nobody serves it, and all is embedded anew.
    """

    live: LiveParts
    open_parts: Callable[[Generation], IngestDependencies]
    policy: Policy = "prefer"
    writing: _Writing | None = None
    work: SharedWork | None = None
    ensure: Callable[[Generation, Sequence[CollectionSpec]], None] | None = None
    fit: Callable[[Generation], None] | None = None
    stopping: Event = field(default_factory=Event)
    told: Told = lambda _what, _standing: None
    lost: bool = False
    _pace: list[float] = field(default_factory=lambda: [0.0])

    @property
    def book(self) -> GenerationBook:
        """The notes of all generations."""
        return book_of(self.live.current.ledger)

    def document(self) -> Generations:
        """The generations as they are."""
        return read_generations(self.live.current.ledger)

    def begin(self, profile: str | None = None, index: str | None = None) -> Generation:
        """Name a new generation, or the one that is being built already.

        Raises:
            SwapRefused: another one is being built.
            ModelUnavailable: the profile is not there.
        """
        old, now = self.document(), self.live.current
        if (coming := old.next) is not None:
            if (profile or coming.profile, index or coming.index) != (coming.profile, coming.index):
                raise SwapRefused(
                    f"Generation {coming.number} is being built with the models of {coming.profile}. Let it be done "
                    "(`thatlook index swap`), or take it away (`thatlook index swap --cancel`)."
                )
            return coming
        serving = old.get(old.serving) or Generation(old.serving, now.settings.profile, state="kept")
        models = (serving.models or LOST) if self.lost else models_fingerprint(now.pipeline)
        serving = msgspec.structs.replace(serving, models=models)
        number, begun = old.latest + 1, datetime.now(UTC).isoformat(timespec="seconds")
        new = Generation(number, profile or now.settings.profile, index=index, begun=begun)
        new = msgspec.structs.replace(new, models=models_fingerprint(self.live.of(new).pipeline))
        content = new.models if self.lost else old.content_name(serving.models)
        self.book.put_document(old, msgspec.structs.replace(old.having(serving).having(new), content=content))
        return new

    def back(self) -> Generation:
        """The generation that is kept, to be brought up to the ledger and to serve again.

        Raises:
            SwapRefused: there is none, or another one is being built.
            ModelUnavailable, ModelMismatch: its models are not there any more.
        """
        old = self.document()
        if (coming := old.next) is not None:
            if coming.served:
                return coming
            raise SwapRefused(
                f"Generation {coming.number} is being built; take it away first (`thatlook index swap --cancel`)."
            )
        if (kept := old.kept) is None:
            raise SwapRefused("No former generation is kept, so that there is nothing to go back to.")
        self.live.of(kept)
        again = msgspec.structs.replace(kept, state="building", served=True, notes=())
        self.book.put_document(old, old.having(again))
        return again

    def run(self, generation: Generation) -> Generations:
        """Build, check and change; returns the generations as they are then.

        Raises:
            SwapRefused: its check found what must not be; it stays as it is, and is looked at again by the next run.
            SwapStopped: told to stop.
        """
        self._collect(generation)
        self.build(generation)
        if self.fit is not None:
            self.fit(generation)
        generation = self._checked(generation)
        self._wait_for_processes(f"load the models of {generation.profile}", partial(_has_loaded, generation.number))
        self._change(generation)
        self.point()
        return self.document()

    def build(self, generation: Generation) -> None:
        """Bring everything that differs into it, until nothing does or only what is being written just now."""
        for _ in range(ROUNDS):
            self._catch_up(generation)
            standing = self.book.standing(generation.number)
            self.told("building", standing)
            if standing.products - standing.done <= BATCH and not standing.gone:
                return

    def drop(self, number: int) -> None:
        """Take a generation away that does not serve, with its collections.

        Raises:
            SwapRefused: it serves, or a process still answers with it.
        """
        old = self.document()
        if number == old.serving:
            raise SwapRefused(f"Generation {number} serves; change to another one first.")
        generation, what = old.require(number), f"stop answering with generation {number}"
        if late := self._wait_for_processes(what, lambda said: said["serving"] != number):
            raise SwapRefused(f"{', '.join(late)} still answers with generation {number}; see what is wrong there.")
        if generation.state != "leaving":
            self.book.put_document(old, old.having(msgspec.structs.replace(generation, state="leaving")))
        if self.processes():
            self.stopping.wait(LET_GO_S)  # They let go of it, too, where they held it for further pages.
        self.live.look()
        self.point()  # A collection that an alias names cannot be dropped.
        store = view_of(self.live.current.store, number)
        for name in store.collections():
            store.drop(name)
        self.book.forget(number)
        now = self.document()
        self.book.put_document(now, now.without(number))

    def drop_former(self, number: int | None = None) -> list[int]:
        """Take away a former generation, all of them where none is named; their numbers.

        Raises:
            SwapRefused: there is none, or it serves, or is being built.
        """
        document = self.document()
        former = [each.number for each in document.known if each.state == "kept" and each.number != document.serving]
        if number is not None and number not in former:
            raise SwapRefused(f"Generation {number} is not a former one that is kept.")
        if not former:
            raise SwapRefused("No former generation is kept.")
        dropped = former if number is None else [number]
        for each in dropped:
            self.drop(each)
        return dropped

    def finish_drops(self) -> None:
        """Take away what was being taken away when it was cut off."""
        for each in self.document().leaving:
            self.drop(each.number)

    def cancel(self) -> Generation:
        """Take away what is being built; one that served before is kept as it was.

        Raises:
            SwapRefused: nothing is being built.
        """
        old = self.document()
        if (coming := old.next) is None:
            raise SwapRefused("No generation is being built.")
        if coming.served:
            self.book.put_document(old, old.having(msgspec.structs.replace(coming, state="kept")))
        else:
            self.drop(coming.number)
        return coming

    def point(self) -> None:
        """Have the server's aliases name the generation that serves, where it has aliases."""
        view = view_of(self.live.current.store, self.document().serving)
        if isinstance(view.store, HasAliases):
            for name in view.collections():
                view.store.point_alias(alias_of(name), view.stored(name))

    def _collect(self, generation: Generation) -> None:
        parts = self.live.of(generation)
        specs = parts.pipeline.collection_specs()
        if self.ensure is not None:
            self.ensure(generation, specs)
        for spec in specs:
            parts.store.ensure(spec)

    def _catch_up(self, generation: Generation) -> None:
        """Everything that differs, once."""
        if self.work is not None:
            self._by_workers(generation, self.work)
            return
        builder = self._builder(generation)
        after = ""
        while ids := self.book.differing(generation.number, after, BATCH):
            self._go_on()
            builder.bring(ids)
            after = ids[-1]
            self._tell("building", generation.number)
        while gone := self.book.gone(generation.number, BATCH):
            self._go_on()
            builder.bring(gone)

    def _by_workers(self, generation: Generation, work: SharedWork) -> None:
        after, number = "", generation.number
        while ids := [*self.book.differing(number, after), *(self.book.gone(number) if not after else ())]:
            work.enqueue(ordered(number, ids))
            differing = [i for i in ids if i > after]
            if not differing:
                break
            after = max(differing)
            self._wait_for_workers(generation, work, at_most=1024)
        self._wait_for_workers(generation, work)

    def _wait_for_workers(self, generation: Generation, work: SharedWork, at_most: int = 0) -> None:
        left, since = work.waiting(BUILD), time.monotonic()
        while (waiting := work.waiting(BUILD)) > at_most:
            self._go_on()
            if waiting != left:
                left, since = waiting, time.monotonic()
            elif time.monotonic() - since > NOBODY_S:
                since = time.monotonic()
                _log.warning(
                    "No worker has done any of %d jobs for %.0f s; is `thatlook worker` running?", left, NOBODY_S
                )
            self._tell("waiting for workers", generation.number)
            self.stopping.wait(LOOK_S)

    def _builder(self, generation: Generation) -> Builder:
        return builder_of(self.live, self.open_parts, generation.number, self.policy, self.writing or nullcontext)

    def _checked(self, generation: Generation) -> Generation:
        parts = self.live.of(generation)
        names = list(parts.pipeline.taxonomy.supercategories)
        found = check(self.book, generation.number, parts.store, names)
        old = self.document()
        state: State = "building" if found.problems else "checked"
        now = msgspec.structs.replace(
            old.require(generation.number), state=state, notes=(*found.notes, *found.problems)
        )
        if old.having(now) != old:
            self.book.put_document(old, old.having(now))
        if found.problems:
            raise SwapRefused(
                f"Generation {now.number} must not serve: {'; '.join(found.problems)}. The one that serves goes on. "
                "Run the command again to look again, or take it away with `thatlook index swap --cancel`."
            )
        return now

    def _change(self, generation: Generation) -> None:
        """Bring in what came since, and change; what is written in the very moment is brought in first, or queued."""
        for _ in range(ROUNDS):
            self._catch_up(generation)
            if not self._changed(generation):
                return
        raise SwapRefused(
            f"Products are written faster than generation {generation.number} takes them; run the command again later."
        )

    def _changed(self, generation: Generation) -> list[str]:
        number = generation.number
        if self.work is not None:
            latecomers = Latecomers(self.live.current.ledger, self.book, number, self.policy)
            late = self.book.change(self.document(), number, late=LATE, requeue=latecomers.queued)
            if not late:
                self.live.turn_to(self.document())
                latecomers.take_out_gone(self.live.current.store)
            return late
        with (self.writing or nullcontext)():
            self._catch_up(generation)
            store = self.live.of(generation).store
            moment = store.moment() if isinstance(store, Momentary) else None
            late = self.book.change(self.document(), number, moment=moment)
            if not late:
                self.live.turn_to(self.document())
            return late

    def _wait_for_processes(self, what: str, is_well: Callable[[Mapping[str, Any]], bool]) -> list[str]:
        """Wait until every process that answers has done it, for a while at most; those that have not."""
        until = time.monotonic() + LOADED_S
        while late := [name for name, said in self.processes() if not is_well(said)]:
            if time.monotonic() > until:
                _log.warning("%s did not %s within %.0f s", ", ".join(late), what, LOADED_S)
                break
            self._go_on()
            self.stopping.wait(LOOK_S)
        return late

    def processes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the other processes that answer have told of late, by name."""
        found = []
        for name, text in self.book.processes().items():
            said = json.loads(text)
            if time.time() - float(said["seen"]) > FORGET_S:
                self.book.tell_of_process(name, "")
            if name != self.live.name and time.time() - float(said["seen"]) < SEEN_S:
                found.append((name, said))
        return found

    def _tell(self, what: str, number: int) -> None:
        """Say how far it is, now and then: counting goes through all products."""
        begun = time.monotonic()
        if begun >= self._pace[0]:
            self.told(what, self.book.standing(number))
            self._pace[0] = time.monotonic() + max(TELL_S, 20 * (time.monotonic() - begun))

    def _go_on(self) -> None:
        if self.stopping.is_set():
            raise SwapStopped("The change was stopped; the same command goes on from there.")


def builder_of(
    live: LiveParts,
    open_parts: Callable[[Generation], IngestDependencies],
    number: int,
    policy: Policy,
    writing: _Writing = nullcontext,
) -> Builder:
    """What brings products into a generation, out of the one that serves at present.

    Raises:
        GenerationChanged: there is no such generation any more, or it serves.
    """
    document = read_generations(live.current.ledger)
    serving, generation = document.get(document.serving), document.get(number)
    if serving is None or generation is None or serving is generation:
        raise GenerationChanged
    copied = bool(generation.models) and generation.models == serving.models
    return Builder(open_parts(generation), open_parts(serving), policy, copied, writing)


def _has_loaded(number: int, said: Mapping[str, Any]) -> bool:
    return number in said["loaded"]
