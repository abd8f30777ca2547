"""The frame of a run: cases out of `cases.toml`, what this machine and build are, results judged and written.

A subject module `benchmarks.speed.suites.<suite>` has one entry, `run(settings: BenchSettings) -> Iterable[Result]`,
and yields a result as soon as it has it; the frame does the rest.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.machine import limit_ms, reference_ms
from benchmarks.speed.results import Line, Machine, Result, Run, Value, Verdict
from engine.errors import QueryRejected

Size = Literal["tiny", "quick", "full"]
SUITES = ("latency", "recall", "scale", "ingest", "compare")
CASES = Path(__file__).with_name("cases.toml")
_PACKAGES = ("thatlook", "numpy", "openvino", "onnxruntime", "faiss-cpu", "milvus-lite", "pymilvus", "litestar")


@dataclass(frozen=True, slots=True)
class Case:
    """One case of `cases.toml`: a name within its suite, and its parameters for the size of this run."""

    suite: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that a case must reach.

    Attributes:
        figure: a field of `Result` or a key of its `figures`.
        least_recall: the figure counts only where ann_recall is at least this; None where recall plays no part.
    """

    id: str
    title: str
    suite: str
    case: str
    figure: str
    limit: float
    better: Literal["lower", "higher"] = "lower"
    unit: str = "ms"
    least_recall: float | None = None


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What a subject module is told.

    Attributes:
        cases: of this suite, of this size, as `cases.toml` has them.
        work: folder for everything that is made on the way; what lies there may be used again.
        data: the folder of real photos, where there is one; drawn pictures must do without.
        profile: name of the model profile, or its folder.
        seed: of everything random.
        say: tells people how far it is; never prints on stdout.
    """

    suite: str
    size: Size
    cases: tuple[Case, ...]
    work: Path
    data: Path | None = None
    profile: str = "starter"
    seed: int = 7
    say: Any = print

    def case(self, name: str) -> Case | None:
        """A case by name; None where this run leaves it out."""
        return next((case for case in self.cases if case.name == name), None)


def load_cases(suite: str, size: Size, only: Iterable[str] = (), path: Path = CASES) -> tuple[Case, ...]:
    """The cases of a suite at a size, perhaps only those whose names match a pattern.

    A case's own table holds its parameters; its tables `tiny`, `quick` and `full` change them for that size,
    and `sizes` (default: all) names those at which it runs.
    """
    patterns = tuple(only)
    found = []
    for entry in _document(path).get("case", []):
        runs_at = entry.get("sizes", ["tiny", "quick", "full"])
        wanted = not patterns or any(fnmatch(entry["name"], pattern) for pattern in patterns)
        if entry["suite"] == suite and size in runs_at and wanted:
            kept = {k: v for k, v in entry.items() if k not in {"suite", "name", "sizes", "tiny", "quick", "full"}}
            found.append(Case(suite, entry["name"], {**kept, **entry.get(size, {})}))
    return tuple(found)


def load_targets(path: Path = CASES) -> tuple[Target, ...]:
    """The targets, in the order in which the table shows them."""
    return tuple(msgspec.convert(entry, Target) for entry in _document(path).get("target", []))


def judge(result: Result, targets: Iterable[Target], machine: Machine) -> Result:
    """The result with the verdicts of the targets that speak of it."""
    verdicts = []
    for target in targets:
        value = result.value(target.figure)
        if (target.suite, target.case) == (result.suite, result.case) and value is not None:
            within = value <= target.limit if target.better == "lower" else value >= target.limit
            recalled = target.least_recall is None or (result.ann_recall or 0.0) >= target.least_recall
            limit, by = machine_limit(result, target, machine)
            verdicts.append(
                Verdict(
                    id=target.id,
                    title=target.title,
                    better=target.better,
                    target=target.limit,
                    value=value,
                    unit=target.unit,
                    met=within and recalled,
                    machine_limit=limit,
                    limited_by=by,
                )
            )
    return msgspec.structs.replace(result, targets=tuple(verdicts))


def machine_limit(
    result: Result, target: Target, machine: Machine
) -> tuple[float | None, Literal["flops", "bytes"] | None]:
    """What the figure would be if only this machine's arithmetic or memory counted, and which of them it is.

    A subject says it itself as `<figure>_limit` among its figures; for times it follows from the result's `work`, and
    for ratios from ours at that limit beside the other way as it was measured.
    """
    given, value = result.figures.get(f"{target.figure}_limit"), result.value(target.figure)
    found = limit_ms(result.work, machine) if result.work else None
    if given is not None or found is None or not found[0] or value is None:
        return given, found[1] if found else None
    least, by = found
    if target.unit in {"ms", "s"}:
        return least / (1000 if target.unit == "s" else 1), by
    took = result.p50_ms or 1000 / result.figures.get("products_per_s", float("inf"))
    return (value * took / least, by) if target.unit == "×" and took else (None, None)


def subject(suite: str) -> Any:
    """The module that measures a suite.

    Raises:
        QueryRejected: there is no such suite.
    """
    if suite not in SUITES:
        raise QueryRejected(f"There is no benchmark {suite!r}; there are {', '.join(SUITES)}.")
    return importlib.import_module(f"benchmarks.speed.suites.{'peers' if suite == 'compare' else suite}")


def measure(settings: BenchSettings, run: Run) -> Iterator[Line]:
    """Run a suite's cases; every result comes out judged, with the reference workload timed around it."""
    targets = load_targets() if settings.size != "tiny" else ()
    before = reference_ms()
    for result in subject(settings.suite).run(settings):
        after = reference_ms()
        timed = msgspec.structs.replace(result, reference_ms=(before + after) / 2)
        yield Line(run, judge(timed, targets, run.machine))
        before = after


def describe_run(size: Size, machine: Machine) -> Run:
    """What this build is, and when it was measured."""
    now = datetime.now(UTC)
    commit, dirty = _commit()
    mark = hashlib.sha256(f"{now.isoformat()}{os.getpid()}".encode()).hexdigest()[:8]
    return Run(
        id=f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{mark}",
        utc=now.isoformat(timespec="seconds"),
        commit=commit,
        dirty=dirty,
        size=size,
        machine=machine,
        versions={"python": platform.python_version(), **_versions()},
    )


def dataset_hash(*parts: NDArray[Any] | bytes | str | Path) -> str:
    """Twelve hex digits over arrays, texts and files: the same dataset, the same digits."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part).data)
        elif isinstance(part, Path):
            digest.update(part.read_bytes())
        else:
            digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()[:12]


def parameters(case: Case, **more: Value) -> dict[str, Value]:
    """A case's parameters as a result records them: plain values, lists as text."""
    plain = {
        name: value if isinstance(value, Value) else ",".join(map(str, value))
        for name, value in case.parameters.items()
    }
    return {**plain, **more}


def _document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _versions() -> dict[str, str]:
    found = {}
    for name in (*_PACKAGES, "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> tuple[str | None, bool]:
    """The checkout's commit and whether tracked files differ from it; (None, False) where there is no checkout."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, False
