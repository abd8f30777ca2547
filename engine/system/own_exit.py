"""Closing what this very process opened: a forked child must not close its parent's files, locks and helpers."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import TracebackType


class OwnExit(ExitStack):
    """An exit stack that does nothing in a process that was forked after it was made.

    What a child inherits is let go of as its memory is; closing it in order would take it from its parent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool:
        """Close everything, the last first."""
        if os.getpid() != self._pid:
            self.pop_all()
            return False
        return bool(super().__exit__(kind, error, trace))
