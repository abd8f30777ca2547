"""Ending in order: a stop signal closes what is open before the process goes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""A service manager's signal, and the one of a terminal that is closed."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP end the process as Ctrl-C does: what the block opened is closed first.

    The status is 143, or 129. What is to be ignored (`nohup`) stays so.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    unasked = (signal.SIG_IGN, None)
    before = {each: signal.getsignal(each) for each in ENDING if signal.getsignal(each) not in unasked}
    for each in before:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
