"""Spans: what is told to a tracing system of where the time of one request goes. Nothing is, until one is in use.

The engine names spans and knows no library; `engine.telemetry.otel` is the one that does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

Value = str | int | float | bool
_NOTHING: AbstractContextManager[None] = nullcontext()


class RequestSpan(Protocol):
    """The span of one request of ours."""

    trace_id: str
    """32 hexadecimal digits: the caller's, where its `traceparent` said one."""

    def tell(self, name: str, attributes: Mapping[str, Value], *, failed: bool) -> None:
        """What is known in the end: the span's name, what it was about, and whether it was our failure."""
        ...


class Tracing(Protocol):
    """A tracing system."""

    def span(self, name: str, attributes: Mapping[str, Value] | None = None) -> AbstractContextManager[object]:
        """A span within the one that is under way."""
        ...

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[RequestSpan]:
        """The span of a request, within the caller's where its headers name one (W3C Trace Context)."""
        ...


_used: list[Tracing] = []
"""Those in use by this process, the newest last; one at most, but in tests."""


def current() -> Tracing | None:
    """The tracing system in use; None where there is none."""
    return _used[-1] if _used else None


def span(name: str, attributes: Mapping[str, Value] | None = None) -> AbstractContextManager[object]:
    """A span within the one that is under way; nothing where no tracing system is in use."""
    return _used[-1].span(name, attributes) if _used else _NOTHING


@contextmanager
def used(tracing: Tracing) -> Iterator[None]:
    """Tell this tracing system of every span of this process, until the end."""
    _used.append(tracing)
    try:
        yield
    finally:
        _used.remove(tracing)
