"""Several threads that use the models of a fresh process at once, as the first photos of a busy server do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from models.registry import STARTER, WEIGHTS

pytestmark = pytest.mark.integration
PROCESSES = 6
PROGRAM = """
import sys, threading
from pathlib import Path
import numpy as np
from models.runtime import open_session
session, barrier = open_session(Path(sys.argv[1])), threading.Barrier(8)
def infer():
    barrier.wait()
    session.run({port.name: np.zeros([size or 1 for size in port.shape], port.dtype) for port in session._ports})
threads = [threading.Thread(target=infer) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_first_inferences_at_once_come_to_an_end() -> None:
    """Without care OpenVINO's threads hold each other up for ever in every second process."""
    command = [sys.executable, "-c", PROGRAM, str(WEIGHTS / STARTER / "visual.onnx")]
    running = [subprocess.Popen(command) for _ in range(PROCESSES)]
    try:
        assert [process.wait(120) for process in running] == [0] * PROCESSES
    finally:
        for process in running:
            process.kill()
            process.wait()
