"""`thatlook bench all`, stopped while it builds and while it serves, leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.mark.parametrize("stage", ["multiprocessing.spawn", "main; main() serve"])
def test_a_stopped_run_takes_its_builders_and_servers_along(tmp_path: Path, stage: str) -> None:
    """Every process of the run's session is gone when the run is, and it says by its status that it was stopped."""
    code = "from thatlook.cli import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code, "bench", "all", "--tiny", "--work", str(tmp_path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: any(stage in words for words in of_session(process.pid)), process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM, (tmp_path / "log").read_text()
        wait_for(lambda: not list(of_session(process.pid)), None)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def of_session(leader: int) -> Iterator[str]:
    """The command lines of a session's processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            yield words


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes] | None, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert process is None or process.poll() is None, "the run ended by itself"
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
