"""A hundred uploads that hold back their last byte: the process stays small, and others are still answered."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.fixtures.s3 import free_port
from tests.fixtures.shop import PNG

ROOT = Path(__file__).parents[3]
MB = 1024 * 1024
MEMORY, SIZE, UPLOADS = 48 * MB, 4 * MB, 100
PROGRAM = """
import sys, uvicorn
from api.services import Limits
from tests.fixtures.shop import Shop
app = Shop().app(Limits(upload_memory_bytes={memory}))
uvicorn.run(app, port={port}, log_config=None, http="api.http.connections:Connection")
"""


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An app of fakes in a process of its own."""
    port = free_port()
    code = PROGRAM.format(memory=MEMORY, port=port)
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _resident_bytes(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")
def test_stalled_uploads_are_bounded_all_together(server: tuple[subprocess.Popen[bytes], int]) -> None:
    """400 MB are sent to a server that holds 48 MB of uploads; a caller who comes then is served."""
    process, port = server
    before = _resident_bytes(process)
    head = f"POST /v1/search/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {SIZE}\r\n\r\n"

    def stall(connection: socket.socket) -> None:
        connection.sendall(head.encode() + bytes(SIZE - 1))

    with ExitStack() as stack, ThreadPoolExecutor(20) as callers:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(UPLOADS)]
        list(callers.map(stall, connections))
        grown = _resident_bytes(process) - before
        assert MEMORY / 3 < grown < 3 * MEMORY
        time.sleep(1.1)
        photo = PNG + bytes(8 * MB)
        url = f"http://127.0.0.1:{port}/v1/search/image"
        answer = httpx.post(url, content=photo, headers={"Content-Type": "image/png"}, timeout=30)
        assert answer.status_code == 200
