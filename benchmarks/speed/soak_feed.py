"""A feed that a server takes while it is under load: `thatlook ingest` beside it, as its owner would run it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.server import PROGRAM
from engine.errors import Unavailable


@dataclass(frozen=True, slots=True)
class FeedTaken:
    """What became of it.

    Attributes:
        products: read from the feed; indexed: new, or with other words or pictures; failed: for whatever reason.
        seconds: from the command's start to its end.
    """

    products: int
    indexed: int
    failed: int
    seconds: float


async def take_feed(home: Path, profile: str, feed: Path) -> FeedTaken:
    """Have the server that holds this home take a feed, and wait for its end.

    Raises:
        Unavailable: the command did not end well; its last words are told.
    """
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "ingest", str(feed), "--json"),
        env=os.environ | {"THATLOOK_HOME": str(home), "THATLOOK_PROFILE": profile},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
    if process.returncode:
        last = words.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(f"The feed was not taken: {last[0][:500]}")
    counts = json.loads(out)["products"]
    indexed = counts["indexed"] + counts.get("updated", 0)
    return FeedTaken(counts["read"], indexed, counts["failed"], round(time.perf_counter() - start, 1))
