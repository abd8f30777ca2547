"""What a caller and a decoder process say to each other: one JSON line each, and two files handed over with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from engine.decoding.raster import Wanted

LINE_BYTES = 4096
READY = b"ready\n"
"""A decoder's first line: it has begun, and can decode."""


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to decode: its file is the first that comes with the line, its pixels go into the second.

    Attributes:
        size_bytes: of the picture's file.
        cpu_s: processor time after which the kernel ends the process.
        memory_bytes: what decoding may take above what the process has.
    """

    size_bytes: int
    wanted: Wanted
    cpu_s: int
    memory_bytes: int

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of it.

    Attributes:
        shape: rows and columns of the pixels, RGB of 8 bits, row by row.
        width, height, plain: see `Raster`.
        refused: why there are no pixels; `large` where it is for what they would cost.
    """

    shape: tuple[int, int] = (0, 0)
    width: int = 0
    height: int = 0
    plain: bool = True
    refused: str | None = None
    large: bool = False

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read_task(line: bytes) -> Task:
    """A task from its line."""
    fields = json.loads(line)
    return Task(**{**fields, "wanted": Wanted(**fields["wanted"])})


def read_reply(line: bytes) -> Reply:
    """A reply from its line."""
    fields = json.loads(line)
    return Reply(**{**fields, "shape": tuple(fields["shape"])})
