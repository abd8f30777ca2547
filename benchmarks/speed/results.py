"""What a benchmark run leaves behind: one JSON line per case, appended to a history file and read back.

A subject module (`bench_latency`, `bench_recall`, …) yields `Result`s; the frame adds the run they belong to
and the speed of the machine at that moment, and writes `Line`s. Nothing here names a host, a user or a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from engine.errors import QueryRejected

Value = str | int | float | bool | None
TOLD = 5
"""Runs whose median a page tells."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine of a run, as far as it explains a figure.

    Attributes:
        cores: those this process may use.
        gemm_f32_gflops, gemm_bf16_gflops: measured in the run, all cores; bf16 is None where the CPU has none.
        read_gb_s: memory read by all cores together, measured in the run.
    """

    cpu: str
    cores: int
    memory_bytes: int
    gemm_f32_gflops: float | None = None
    gemm_bf16_gflops: float | None = None
    read_gb_s: float | None = None

    @property
    def kind(self) -> str:
        """Machines of one kind have figures that may stand beside each other."""
        return f"{self.cpu}, {self.cores} cores, {'with' if self.gemm_bf16_gflops else 'without'} bf16"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One call of `thatlook bench`: when, of what, on what.

    Attributes:
        id: sorts by time, to the millisecond, so that the newest is the newest: `20261124T184013250Z-fe12ab34`.
        commit: of the checkout; None where thatlook was installed without one.
        dirty: whether tracked files differed from the commit.
        size: how much was measured (`tiny` is for tests: its figures judge nothing).
    """

    id: str
    utc: str
    commit: str | None
    dirty: bool
    size: str
    machine: Machine
    versions: dict[str, str]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation cannot avoid, from which the machine's limit follows.

    Attributes:
        gflop: floating-point operations (10⁹, a multiply-add is two) of the networks or the scan.
        gbyte: bytes (10⁹) that must come from memory at least once.
        precision: in which the machine's peak is taken.
    """

    gflop: float = 0.0
    gbyte: float = 0.0
    precision: Literal["f32", "bf16"] = "f32"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A target of `cases.toml` held against a figure.

    Attributes:
        id: the target's name in `cases.toml`.
        machine_limit: the same figure if only the machine's arithmetic or memory counted; None where unknown.
    """

    id: str
    title: str
    better: Literal["lower", "higher"]
    target: float
    value: float
    unit: str
    met: bool
    machine_limit: float | None = None
    limited_by: Literal["flops", "bytes"] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was measured in one case. Times in milliseconds; what was not measured is None or absent.

    Attributes:
        suite: `latency`, `recall`, `ingest`, `scale` or `compare`.
        case: its name in `cases.toml`; with `parameters` it identifies a result across runs.
        parameters: everything that was chosen (rows, index, nprobe, selectivity, rate, profile, …).
        n: number of timed operations.
        ann_recall: agreement with exact search at `k` of the parameters.
        errors: operations that failed; `shed`: those answered 503 on purpose.
        stages_ms: median duration by stage.
        figures: everything else by name with its unit in the name (`products_per_s`, `bytes_per_row`).
        dataset: short SHA-256 of what was searched (see `dataset_hash`).
        reference_ms: a fixed workload timed around this case; the frame fills it in.
    """

    suite: str
    case: str
    parameters: dict[str, Value] = {}
    n: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    qps: float | None = None
    errors: int = 0
    shed: int = 0
    ann_recall: float | None = None
    stages_ms: dict[str, float] = {}
    rss_bytes: int | None = None
    cpu_s: float | None = None
    figures: dict[str, float] = {}
    work: Work | None = None
    dataset: str = ""
    note: str = ""
    targets: tuple[Verdict, ...] = ()
    reference_ms: float | None = None

    def value(self, figure: str) -> float | None:
        """A figure by name: a field (`p95_ms`), else one of `figures`; None where it was not measured."""
        given = getattr(self, figure, None) if figure in self.__struct_fields__ else self.figures.get(figure)
        return float(given) if isinstance(given, int | float) else None


class Line(msgspec.Struct, frozen=True):
    """One line of a history file."""

    run: Run
    result: Result


def timings(milliseconds: Sequence[float]) -> dict[str, float]:
    """n, p50, p95, p99 and maximum as the keywords that `Result` takes: `Result(…, **timings(samples))`.

    Raises:
        ValueError: there is no sample.
    """
    if not len(milliseconds):
        raise ValueError("No sample was taken.")
    p50, p95, p99 = (float(np.percentile(milliseconds, q)) for q in (50, 95, 99))
    return {
        "n": len(milliseconds),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": float(np.max(milliseconds)),
    }


def append_lines(path: Path, lines: Iterable[Line]) -> None:
    """Add lines to a history file; a run that is killed leaves whole lines behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for line in lines:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()


def read_lines(path: Path) -> list[Line]:
    """The lines of a history file, in the order they were written.

    Raises:
        QueryRejected: the file is missing, or a line of it is not a result.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise QueryRejected(f"The history {path} cannot be read ({error.strerror}).") from error
    lines = []
    for number, text in enumerate(raw.splitlines(), start=1):
        if not text.strip():
            continue
        try:
            lines.append(msgspec.json.decode(text, type=Line))
        except msgspec.MsgspecError as error:
            raise QueryRejected(f"Line {number} of the history {path} is no benchmark result: {error}.") from error
    return lines


def newest_lines(lines: Sequence[Line]) -> list[Line]:
    """Of every case the results of the newest run that measured it, cases in the order of their first appearance.

    Only runs on the newest run's kind of machine count; a line that stands in two histories counts once.
    """
    machine = newest_machine(lines)
    found: dict[tuple[str, str], list[Line]] = {}
    for line in (line for line in lines if line.run.machine.kind == machine):
        known = found.setdefault((line.result.suite, line.result.case), [])
        if known and line.run.id > known[0].run.id:
            known.clear()
        if not known or (line.run.id == known[0].run.id and line not in known):
            known.append(line)
    return [line for known in found.values() for line in known]


def recent_verdicts(lines: Sequence[Line]) -> dict[str, list[Verdict]]:
    """By target, what the newest runs on the newest run's kind of machine said of it: at most `TOLD`, newest first."""
    machine = newest_machine(lines)
    found: dict[str, dict[str, Verdict]] = {}
    for line in sorted(lines, key=lambda line: line.run.id, reverse=True):
        if line.run.machine.kind == machine:
            for verdict in line.result.targets:
                found.setdefault(verdict.id, {}).setdefault(line.run.id, verdict)
    return {target: list(runs.values())[:TOLD] for target, runs in found.items()}


def newest_machine(lines: Sequence[Line]) -> str:
    """The kind of machine of the newest run."""
    return max((line.run for line in lines), key=lambda run: run.id).machine.kind if lines else ""
