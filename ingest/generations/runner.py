"""Changes of generations in the background of a server that holds an embedded home, and how they stand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from engine.errors import QueryRejected, ThatLookError
from engine.generations.record import Generation, Generations, numbers
from engine.ledger.generation_notes import Standing
from ingest.generations.swap import LOST, Swap, SwapRefused, SwapStopped

ACTIONS = ("swap", "rollback", "drop", "cancel")
_log = logging.getLogger(__name__)


class SwapRunner:
    """Runs one change after the other, on a thread of its own. Safe to call from several threads."""

    def __init__(self, swap: Swap) -> None:
        self.swap = swap
        self._lock = Lock()
        self._thread: Thread | None = None
        self._error: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self, action: str, profile: str | None = None, index: str | None = None, number: int | None = None) -> None:
        """Begin a change; what can be refused at once is.

        Raises:
            SwapRefused: another one is under way, or it cannot be.
            QueryRejected: an unknown action.
            ThatLookError: its models are not there.
        """
        if action not in ACTIONS:
            raise QueryRejected(f"There is no change {action!r}; there are {', '.join(ACTIONS)}.")
        with self._lock:
            if self.under_way and action == "cancel":
                self.swap.stopping.set()
                if self._thread:
                    self._thread.join()
            if self.under_way:
                raise SwapRefused("A change of generations is under way; `thatlook index generations` shows how far.")
            self.swap.stopping.clear()
            self._error = None
            if action == "swap":
                self._start(self.swap.begin(profile, index))
            elif action == "rollback":
                self._start(self.swap.back())
            elif action == "drop":
                self.swap.drop_former(number)
            else:
                self.swap.cancel()

    def resume(self) -> None:
        """Go on with what was cut off."""
        with self._lock:
            self.swap.finish_drops()
            if (coming := self.swap.document().next) is not None:
                self._start(coming)

    def status(self) -> dict[str, Any]:
        """How everything stands, as a JSON document."""
        return {**status_of(self.swap), "under_way": self.under_way, "error": self._error}

    def close(self) -> None:
        """Stop; what is done of it is kept, and the next start goes on."""
        self.swap.stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self, generation: Generation) -> None:
        self._thread = Thread(target=self._run, args=[generation], name="generations-swap", daemon=True)
        self._thread.start()

    def _run(self, generation: Generation) -> None:
        try:
            self.swap.run(generation)
            _log.info("generation %d serves", generation.number)
        except SwapStopped:
            pass
        except ThatLookError as error:
            self._error = error.message
            _log.error("The change to generation %d did not come about: %s", generation.number, error.message)
        except Exception as error:
            self._error = f"It failed unexpectedly ({type(error).__name__}: {error})."
            _log.exception("The change to generation %d failed", generation.number)


@contextmanager
def running_swaps(swap: Swap) -> Iterator[SwapRunner]:
    """A runner that goes on with what was cut off, stopped in the end."""
    runner = SwapRunner(swap)
    try:
        runner.resume()
    except ThatLookError as error:
        runner._error = error.message
        _log.error("What was cut off of a change of generations cannot be gone on with: %s", error.message)
    try:
        yield runner
    finally:
        runner.close()


def status_of(swap: Swap) -> dict[str, Any]:
    """The generations and the processes that answer."""
    document = swap.document()
    return {
        "serving": document.serving,
        "generations": [_told(document, n, swap.book.standing(n)) for n in numbers(document)],
        "processes": [{"name": name, **said} for name, said in swap.processes()],
    }


def _told(document: Generations, number: int, standing: Standing) -> dict[str, Any]:
    known = document.get(number) or Generation(number, "", state="kept", served=True)
    serves = number == document.serving
    return {
        "number": number,
        "profile": known.profile,
        "state": "serving" if serves else known.state,
        "begun": known.begun or None,
        "index": known.index,
        "usable": known.models != LOST,
        "products": standing.products,
        "done": standing.products if serves else standing.done,
        "lost": 0 if serves else standing.lost,
        "notes": list(known.notes),
    }
