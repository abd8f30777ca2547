"""Drawing over several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import cv2

Job = TypeVar("Job")
Drawn = TypeVar("Drawn")


def spread(draw: Callable[[Job], Drawn], jobs: Sequence[Job], workers: int, *, together: int = 8) -> Iterator[Drawn]:
    """What `draw` makes of each job, in their order.

    Each process draws on one thread: OpenCV would otherwise start as many as there are cores in each of them, which
    takes a quarter more CPU than the drawing itself. They are started afresh, since the fork of a process that has used
    OpenCV would wait for ever for threads that it does not have.

    Args:
        draw: a function of a module, as processes know it by its name.
        workers: processes; with one at most all is drawn in this one.
        together: jobs that a process takes at a time.
    """
    if workers <= 1:
        yield from map(draw, jobs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        yield from pool.map(draw, jobs, chunksize=together)
