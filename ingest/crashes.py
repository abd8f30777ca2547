"""Products in whose company the program died: written down before they are worked on, looked at one by one afterwards.

A crash of a library, or the system's want of memory, ends the whole program; without this a restart would take the same
product up again, and die again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from engine.seams import Ledger

DEATHS = 3
"""A program may be killed for any reason; who was alone with it so often is at fault."""
_SETTING = "products at work"


@dataclass(frozen=True, slots=True)
class AtWork:
    """The ledger's note of the products that are worked on. For the one process that holds a home."""

    ledger: Ledger

    def left(self) -> dict[str, int]:
        """Products that were at work when the program ended in the middle, and how often so by themselves."""
        try:
            return msgspec.json.decode(self.ledger.get_setting(_SETTING) or "{}", type=dict[str, int])
        except msgspec.MsgspecError:
            return {}

    def clear(self) -> None:
        """Nothing is at work."""
        self.ledger.set_setting(_SETTING, "{}")

    @contextmanager
    def noted(self, product_ids: Sequence[str], times: int = 0) -> Iterator[None]:
        """Note them for the time of the block, however it ends, as long as the program goes on.

        Args:
            times: how often each was at work by itself, this time included.
        """
        self.ledger.set_setting(_SETTING, msgspec.json.encode(dict.fromkeys(product_ids, times)).decode())
        try:
            yield
        finally:
            self.clear()
