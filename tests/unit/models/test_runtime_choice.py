"""Which runtime and precision are taken, and that the runtimes keep quiet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import ModelUnavailable
from models import runtime
from models.runtime import LazySession, RuntimeOptions, cpu_computes_bf16, cpu_computes_int8, open_session


def test_bf16_is_read_off_the_cpus_flags(tmp_path: Path) -> None:
    """avx512f alone would emulate bf16; only real instructions count, and no file means no."""
    with_bf16, without = tmp_path / "with", tmp_path / "without"
    with_bf16.write_text("processor: 0\nflags : fpu avx512f avx512_bf16 ssse3\n")
    without.write_text("processor: 0\nflags : fpu avx512f avx2\n")
    assert cpu_computes_bf16(with_bf16)
    assert not cpu_computes_bf16(without)
    assert not cpu_computes_bf16(tmp_path / "absent")


def test_int8_is_read_off_the_cpus_flags(tmp_path: Path) -> None:
    """Any of the instructions that multiply int8 counts; AVX-512 alone has none of them."""
    for flag, has in (("avx512_vnni", True), ("avx_vnni", True), ("amx_int8", True), ("avx512f", False)):
        (tmp_path / flag).write_text(f"flags : fpu avx2 {flag} ssse3\n")
        assert cpu_computes_int8(tmp_path / flag) is has
    assert not cpu_computes_int8(tmp_path / "absent")


def test_missing_file_and_missing_device_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two common ways to have no session."""
    with pytest.raises(ModelUnavailable, match="Export or fetch"):
        open_session(tmp_path / "absent.onnx")
    (tmp_path / "a.onnx").touch()
    monkeypatch.setattr(runtime, "cuda_available", lambda: False)
    with pytest.raises(ModelUnavailable, match="onnxruntime-gpu"):
        open_session(tmp_path / "a.onnx", RuntimeOptions(device="cuda"))


def test_a_lazy_session_that_failed_tries_again() -> None:
    """A file brought later is found without a restart."""
    calls = []

    def fail() -> runtime.Session:
        calls.append(1)
        raise ModelUnavailable("not yet")

    lazy = LazySession(fail)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="not yet"):
            lazy.run({})
    assert len(calls) == 2


def test_importing_the_runtimes_reports_nothing_to_anyone(tmp_path: Path) -> None:
    """Neither runtime leaves its client id behind, which is what it does before it calls home."""
    code = "from models import runtime; runtime._openvino(); runtime._onnxruntime()"
    subprocess.run([sys.executable, "-c", code], check=True, env={"HOME": str(tmp_path), "PATH": ""}, timeout=60)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("Exception from core:\nResource temporarily unavailable\n"),
            r"threads may be begun \(`ulimit -u`\)",
        ),
        (MemoryError("std::bad_alloc"), "there is not enough memory"),
        (RuntimeError("Exception from core:\nNo such layer"), "OpenVINO could not run a.onnx: No such layer$"),
    ],
)
def test_what_the_system_refuses_a_model_is_told_with_what_to_do(error: Exception, told: str) -> None:
    """A library's own last line says nothing of limits."""
    with pytest.raises(ModelUnavailable, match=told), runtime._translated(Path("a.onnx"), "OpenVINO"):
        raise error
