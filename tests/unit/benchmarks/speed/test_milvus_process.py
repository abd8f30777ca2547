"""A Milvus server that is ordered about: what it answers, and that its end is not taken for an answer."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks.speed.milvus_process import MilvusProcess, ServerMissing
from engine.errors import ModelUnavailable


def test_a_process_that_ends_on_an_order_has_not_obeyed() -> None:
    """It answers once, then ends: that is a failure, and not one for which a test may be skipped."""
    script = "read first; echo 7; read second; exit 1"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = MilvusProcess("http://127.0.0.1:9", process)
        assert server.sent_bytes() == 7
        with pytest.raises(ModelUnavailable, match="`kill`") as caught:
            server.kill()
        assert not isinstance(caught.value, ServerMissing)
