"""What several calls of one request ask alike is asked once, and all of them have the answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class _Asked:
    """The questions of one request, by their keys; each answer is of a moment after the request came."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, Future[Any]] = {}
        self._lock = Lock()

    def once(self, key: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            first = key not in self._answers
            answer: Future[T] = self._answers.setdefault(key, Future())
        if first:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
                raise
        return answer.result()


_asked: ContextVar[_Asked | None] = ContextVar("asked_of_milvus", default=None)


@contextmanager
def one_request() -> Iterator[None]:
    """Calls begun in here belong together; within a request that has begun already nothing changes."""
    if _asked.get() is not None:
        yield
        return
    token = _asked.set(_Asked())
    try:
        yield
    finally:
        _asked.reset(token)


def once(key: Hashable, ask: Callable[[], T]) -> T:
    """The answer to this question: asked now, or by another call of the same request."""
    asked = _asked.get()
    return ask() if asked is None else asked.once(key, ask)
