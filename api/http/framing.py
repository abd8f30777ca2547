"""Bodies in chunks: those in tiny chunks are refused, for each chunk costs the server more than its caller."""

from __future__ import annotations

from typing import Any

import h11

MOST_TINY_CHUNKS = 10_000
"""Chunks of any size; a program may send each line of a feed as one."""
CHUNK_BYTES = 64
"""Beyond these the chunks of a body have at least so many bytes in the mean."""


class Reader(h11.Connection):
    """h11's connection, which counts the chunks of a body.

    One caller that sent a byte in each chunk kept everybody else waiting for half a minute.
    """

    in_tiny_chunks = False
    _chunks = _size_bytes = 0

    def next_event(self) -> Any:
        """What has come.

        Raises:
            RemoteProtocolError: the rules of HTTP are broken, or the body comes in tiny chunks.
        """
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._chunks += event.chunk_end
            self._size_bytes += len(event.data)
            if self._chunks > MOST_TINY_CHUNKS + self._size_bytes // CHUNK_BYTES:
                self.in_tiny_chunks = True
                raise h11.RemoteProtocolError("The body comes in too many chunks.")
        elif isinstance(event, h11.Request):
            self._chunks = self._size_bytes = 0
        return event
