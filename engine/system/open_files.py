"""How many files this process may have open: connections, indexes and pictures all count."""

from __future__ import annotations

from contextlib import suppress

try:
    import resource
except ImportError:  # pragma: no cover  # Windows has no such limit.
    resource = None  # type: ignore[assignment]

_ENOUGH = 65_536


def most_open_files() -> int:
    """The limit that holds at present."""
    if resource is None:
        return _ENOUGH
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else min(soft, _ENOUGH)


def allow_more_open_files() -> None:
    """Take as many as the system grants: the customary 256 or 1,024 are for programs that wait in `select`."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
