"""How many processors this process may use: those that it is bound to, no more than its container grants."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_cpus(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Processors to plan threads for, 1 at least.

    The least of the CPU affinity and of the quotas (cgroup v2 and v1) of this process's group and of those above it;
    a part of a processor counts as one.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _groups(cgroups, membership) if (quota := _quota(folder)) is not None]
    return max(1, min([bound, *(ceil(quota) for quota in quotas)]))


def _groups(cgroups: Path, membership: Path) -> list[Path]:
    """The folders of this process's group and of all above it, in either version's tree."""
    found = []
    for line in _text(membership).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        roots = [cgroups, cgroups / "unified"] if not controllers else [cgroups / controllers, cgroups / "cpu"]
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = Path(path.lstrip("/"))
        if ".." in group.parts:
            group = Path()
        found += [root / part for root in roots for part in (group, *group.parents)]
    return found or [cgroups, cgroups / "cpu"]


def _quota(folder: Path) -> float | None:
    """Processors that a group grants; None where it grants all."""
    try:
        if words := _text(folder / "cpu.max").split():
            return None if words[0] == "max" else _share(float(words[0]), float(words[1]))
        quota = float(_text(folder / "cpu.cfs_quota_us") or -1)
        return _share(quota, float(_text(folder / "cpu.cfs_period_us") or 0))
    except (ValueError, IndexError):
        return None


def _share(quota: float, period: float) -> float | None:
    return quota / period if quota > 0 and period > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
