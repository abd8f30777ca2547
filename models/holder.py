"""The server that holds a home: where it can be asked, by programs of the home's owner."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import HomeInUse
from models.bootstrap import CONTROL


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that holds a home, and what lets us in."""

    address: str
    token: str
    pid: int

    @property
    def headers(self) -> dict[str, str]:
        """What a request to it carries."""
        return {"Authorization": f"Bearer {self.token}", "Host": "localhost"}


def holder_of(home: Path) -> Holder | None:
    """The server that holds this home; None where it is no server, or not ours to ask."""
    try:
        said = json.loads((home / CONTROL).read_text())
        holder = Holder(str(said["address"]), str(said["token"]), int(said["pid"]))
        os.kill(holder.pid, 0)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return holder


def in_use(error: HomeInUse, home: Path) -> Holder:
    """The server to hand work to.

    Raises:
        HomeInUse: the error itself, where there is none.
    """
    holder = holder_of(home)
    if holder is None:
        raise error
    return holder
