"""Ending in order: a stop signal closes what is open before the process goes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def terminable() -> Iterator[None]:
    """Within the block SIGTERM ends the process as Ctrl-C does: what the block opened is closed first; status 143."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def draining(stopping: Event) -> Iterator[None]:
    """Within the block SIGTERM and Ctrl-C ask for an end: what is under way ends first. A second one ends at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            sys.exit(128 + number)
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
