"""The kept compiled models of a home: only what is as it was written is used, for a damaged one computes other numbers.

Their folder is sealed whenever a model was compiled; what the seal does not vouch for is removed, and compiled anew.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from threading import Lock

from engine.system.seal import Seal

_log = logging.getLogger(__name__)
_LOCK = Lock()
_ENDING = ".seal.json"


def seal_of(folder: Path) -> Path:
    """Where a folder's seal lies."""
    return folder.with_name(folder.name + _ENDING)


def drop_damaged(folder: Path) -> None:
    """Remove compiled models that are not what was written, or of which that is not known.

    Raises:
        OSError: they cannot be removed.
    """
    seal = Seal(folder, seal_of(folder)).read()
    bad = {said.split(" ", 1)[0] for said in seal.problems()}
    for path in folder.iterdir():
        if path.name in bad or path.name not in (seal.files or {}):
            _log.info("The compiled model %s is not known to be whole; it is compiled again.", path)
            path.rmdir() if path.is_dir() else path.unlink()


def seal_compiled(folder: Path) -> None:
    """Vouch for the compiled models that lie there; what cannot be sealed is compiled anew at the next start."""
    with _LOCK, suppress(OSError):
        seal = Seal(folder, seal_of(folder)).read()
        names = {path.name: path.stat() for path in folder.iterdir()}
        known = {name: (each.size, each.changed_ns) for name, each in (seal.files or {}).items()}
        if known != {name: (found.st_size, found.st_mtime_ns) for name, found in names.items()}:
            seal.put_on(seal.files)
