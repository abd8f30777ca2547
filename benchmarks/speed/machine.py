"""What this machine can do at most, and how fast it is right now.

Peaks (GEMM, memory) are measured in the run and give each figure its limit. The reference workload is a fixed
mixture of arithmetic, memory traffic and interpreter work: timed around every case, it lets two runs be compared
by ratio although one of them had busier neighbours.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np

from benchmarks.speed.results import Machine, Work
from engine.system.cpus import available_cpus
from models.runtime import _openvino, cpu_computes_bf16

_READ_BYTES = 256 * 1024 * 1024


def describe_machine(*, peaks: bool = True) -> Machine:
    """The CPU, its cores and memory; with `peaks` also what they reach (about three seconds)."""
    return Machine(
        cpu=_cpu_name(),
        cores=cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gemm_f32_gflops=gemm_gflops("f32") if peaks else None,
        gemm_bf16_gflops=gemm_gflops("bf16") if peaks and cpu_computes_bf16() else None,
        read_gb_s=read_gb_s() if peaks else None,
    )


def cores() -> int:
    """The cores that this process may use."""
    return available_cpus()


def reference_ms(repeats: int = 9) -> float:
    """The reference workload, milliseconds, the median of several: about 10 ms on a current core."""
    return _median_ms(_reference_workload(), repeats)


def limit_ms(work: Work, machine: Machine) -> tuple[float, Literal["flops", "bytes"]] | None:
    """The time that arithmetic or memory alone needs for some work, and which of them it is.

    Returns:
        (milliseconds, `flops` or `bytes`), the slower of the two; None where the peaks were not measured.
    """
    peak = machine.gemm_bf16_gflops if work.precision == "bf16" else None
    peak = peak or machine.gemm_f32_gflops
    if not peak or not machine.read_gb_s:
        return None
    by_flops, by_bytes = 1e3 * work.gflop / peak, 1e3 * work.gbyte / machine.read_gb_s
    return (by_flops, "flops") if by_flops >= by_bytes else (by_bytes, "bytes")


def gemm_gflops(precision: str, side: int = 2048) -> float:
    """Multiply two square matrices with OpenVINO on all cores; the best of several, in GFLOP/s."""
    product = _openvino_product(side, precision)
    product()
    return 2 * side**3 / min(_once(product) for _ in range(5)) / 1e9


def read_gb_s() -> float:
    """Sum an array far larger than the caches, one slice per core at once; the best of several, in GB/s."""
    slices = np.array_split(np.ones(_READ_BYTES // 8, np.int64), cores())
    with ThreadPoolExecutor(len(slices)) as pool:

        def read() -> None:
            list(pool.map(lambda part: int(np.bitwise_or.reduce(part)), slices))

        read()
        return _READ_BYTES / min(_once(read) for _ in range(5)) / 1e9


def _openvino_product(side: int, precision: str) -> Any:
    ov = _openvino()
    ops = importlib.import_module("openvino.opset13")
    left = ops.parameter([side, side], np.float32)
    weights = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    model = ov.Model([ops.matmul(left, ops.constant(weights), False, False)], [left])
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    request = ov.Core().compile_model(model, "CPU", hints).create_infer_request()
    request.set_input_tensor(ov.Tensor(weights))
    return request.infer


@cache
def _reference_workload() -> Callable[[], None]:
    """OpenVINO's arithmetic on all cores, a read of memory, and interpreter work, about a third of each."""
    product = _openvino_product(512, "f32")
    block = np.ones(12_000_000, np.int32)
    rows = [{"row": n, "rank": (n * 7919) % 4001} for n in range(12_000)]

    def workload() -> None:
        for _ in range(2):
            product()
        np.bitwise_or.reduce(block)
        sorted(rows, key=lambda row: row["rank"])

    workload()
    return workload


def _median_ms(work: Callable[[], Any], repeats: int) -> float:
    return 1e3 * median(_once(work) for _ in range(repeats))


def _once(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text("utf-8", errors="ignore").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
