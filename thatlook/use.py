"""Who uses what was opened: it is closed when nobody does, once, and only by the process that opened it."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from engine.errors import QueryRejected


class Use:
    """Counts what is under way in this process's threads."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._changed = Condition()
        self._under_way = 0
        self._ended = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """One use, for the time of the block.

        Raises:
            QueryRejected: it has ended, or belongs to the process that this one was forked from.
        """
        if os.getpid() != self._pid:
            raise QueryRejected(
                "This catalogue was opened before the process was forked. Open it in the process that searches; where "
                "several do, let `thatlook serve` hold it and open the server's address."
            )
        with self._changed:
            if self._ended:
                raise QueryRejected("This catalogue is closed; open it again.")
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def end(self) -> bool:
        """Let no more in, and wait until what is under way has ended; whether the caller is the one to close."""
        if os.getpid() != self._pid:
            return False
        with self._changed:
            first, self._ended = not self._ended, True
            self._changed.wait_for(lambda: not self._under_way)
        return first


def keep_in_forks(inherited: object) -> None:
    """Have forked processes keep this to their end.

    Freeing models there would wait for ever: their threads stayed behind in the parent.
    """
    found = weakref.ref(inherited)

    def keep() -> None:
        if (kept := found()) is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=keep)
