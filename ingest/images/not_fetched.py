"""What a picture's source says where the picture does not come."""

from __future__ import annotations


class ImageNotFetched(Exception):
    """A picture did not come; `transient` says that a later try may bring it."""

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
