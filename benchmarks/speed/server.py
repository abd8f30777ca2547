"""`thatlook serve` as a process of its own, on loopback, and what it costs the machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from engine.errors import Unavailable

HOST = "127.0.0.1"
PROGRAM = (sys.executable, "-c", "from thatlook.cli import main; main()")
_READY_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready.

    Attributes:
        ready_s: from the start of the process to the first `/readyz` that says so.
    """

    process: subprocess.Popen[bytes]
    port: int
    ready_s: float

    def cpu_s(self) -> float:
        """Processor time so far, of all threads, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> tuple[int, int]:
        """Resident memory now: all of it, and the part that is the process's own (not mapped from files)."""
        rows = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            if ":" in line
        )
        return tuple(int(rows[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


@contextmanager
def serving(
    home: Path, log: Path, *, profile: str = "starter", environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start the server on a home, wait until it is ready, and end it.

    Raises:
        Unavailable: it ended or did not become ready; its last words are told.
    """
    port = free_port()
    settings = {"THATLOOK_HOME": str(home), "THATLOOK_PROFILE": profile, **(environment or {})}
    command = [*PROGRAM, "serve", "--host", HOST, "--port", str(port)]
    start = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=out, stderr=out)
    try:
        _wait_until_ready(process, port, log)
        yield Running(process, port, time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.perf_counter() + _READY_WITHIN_S
    with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=10) as client:
        while time.perf_counter() < end and process.poll() is None:
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.01)
    words = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise Unavailable(f"The server did not become ready: {words[0][:500]}")
