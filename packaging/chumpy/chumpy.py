"""An empty stand-in for chumpy, which mmpose requires and never imports.

The real one cannot be built in isolation (its setup imports pip). Whoever needs it
gets a clear error here rather than a missing attribute somewhere else.
"""

from __future__ import annotations

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    """Say that nothing is here."""
    raise AttributeError(f"chumpy.{name}: this is thatlook's empty stand-in for chumpy, see packaging/README.md")
