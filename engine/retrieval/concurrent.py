"""Several questions at once to a store on servers, where what takes time is the way there and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Remote(Protocol):
    """A store on servers: several questions to it are best asked together."""

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Every call's answer in the order given; all run at the same time as far as threads go."""
        ...


def together(store: object, calls: Sequence[Callable[[], T]]) -> list[T]:
    """Every call's answer; one after the other where the store is in this process and the processor is the limit."""
    return store.together(calls) if isinstance(store, Remote) else [call() for call in calls]


class Together:
    """A pool of threads whose calls may use the same pool again.

    Whoever waits for a call that no thread has taken yet runs it himself; so nothing waits for a thread that is never
    free, however deep calls are nested.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Every call's answer; the first error is raised when no call is under way any more.

        What the caller's context holds (the request's deadline) is there for each call.
        """
        if len(calls) < 2:
            return [call() for call in calls]
        waiting = [(call, self._pool.submit(copy_context().run, call)) for call in calls[1:]]
        answers: list[T] = []
        try:
            answers.append(calls[0]())
            answers += [_answer(call, future) for call, future in waiting]
        finally:
            for _, future in waiting:
                future.cancel()
        return answers

    def close(self) -> None:
        """Begin no further call."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answer(call: Callable[[], T], future: Future[T]) -> T:
    return call() if future.cancel() else future.result()
