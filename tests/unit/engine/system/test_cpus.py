"""How many processors may be used: affinity, and quotas of both versions of cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.system.cpus import available_cpus


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def tree(tmp_path: Path, membership: str, **files: str) -> tuple[Path, Path]:
    """A cgroup tree: `a__b__cpu.max` lies at a/b/cpu.max."""
    for name, text in files.items():
        path = tmp_path / "cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "self").write_text(membership)
    return tmp_path / "cgroup", tmp_path / "self"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 8),
        ("0::/a/b\n", {"a__cpu.max": "300000 100000\n", "a__b__cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a__cpu.max": "300000 100000\n", "a__b__cpu.max": "100000 100000\n"}, 1),
        (
            "4:cpu,cpuacct:/\n",
            {"cpu,cpuacct__cpu.cfs_quota_us": "250000", "cpu,cpuacct__cpu.cfs_period_us": "100000"},
            3,
        ),
        ("1:cpu:/docker/x\n", {"cpu__cpu.cfs_quota_us": "400000", "cpu__cpu.cfs_period_us": "100000"}, 4),
        ("1:cpu:/\n", {"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}, 8),
        ("2:cpuset:/\n0::/\n", {"cpu.max": "100000 100000"}, 1),
        ("0::/../../x\n", {"cpu.max": "100000 100000"}, 1),
        ("nonsense", {"cpu.max": "nonsense"}, 8),
        ("", {"cpu.max": "200000 100000"}, 2),
        ("1:cpu:/\n", {"cpu__cpu.cfs_quota_us": "many", "cpu__cpu.cfs_period_us": "0"}, 8),
    ],
)
def test_the_least_of_affinity_and_quotas_counts(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int
) -> None:
    """Of this group and those above it; a part of a processor counts as one, nonsense as no quota."""
    assert available_cpus(*tree(tmp_path, membership, **files)) == expected
