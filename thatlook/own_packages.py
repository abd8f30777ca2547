"""The console program takes its own packages, whatever lies in the folder that it is called from.

`engine`, `models`, `ingest`, `api` and `benchmarks` are common names: a shop's project may have a `models.py` or a
folder `api` of its own, and Python takes what it finds first on its path. A process that is ours alone takes ours. A
library must not decide that for its caller: there the clash is told (`taken`).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = ("engine", "models", "ingest", "api", "benchmarks")
ROOT = Path(__file__).resolve().parent.parent


def prefer_own_packages() -> None:
    """Move folders that hold such names of their own to the end of this process's path (and its children's)."""
    foreign = [entry for entry in sys.path if _holds_our_names(Path(entry or "."))]
    own = [] if any(Path(entry or ".").resolve() == ROOT for entry in sys.path) else [str(ROOT)]
    sys.path[:] = [entry for entry in sys.path if entry not in foreign] + own + foreign


def taken(name: str) -> Path | None:
    """The file or folder that stands where our package of this name should be; None where it is ours."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place]
    return None if any(place.resolve().is_relative_to(ROOT / name) for place in places) else next(iter(places), None)


def _holds_our_names(folder: Path) -> bool:
    if folder.resolve() == ROOT:
        return False
    return any((folder / name).is_dir() or (folder / f"{name}.py").is_file() for name in OURS)
