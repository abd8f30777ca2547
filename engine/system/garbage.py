"""Python's collector of cycles, for a program that has loaded everything it will keep and now answers requests."""

from __future__ import annotations

import gc

THRESHOLDS = 10_000, 20, 50
"""New objects before the youngest are looked through, and how many such passes before older ones are.

An answer makes thousands of objects and hardly a cycle; Python's own 700 would look through them ten times an answer.
"""


def leave_what_is_loaded() -> None:
    """Take what is there now for what stays: later passes leave it out, and come seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
