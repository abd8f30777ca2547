"""The program where it is stopped while it starts, or has nowhere to write: a status, one line, never a trace."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.fixtures.program import PROGRAM, environment
from tests.fixtures.s3 import free_port
from tests.fixtures.tiny_models import write_tiny_profile


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_tiny_profile(folder / "models" / "tiny")
    return folder


HEEDING = [*PROGRAM[:-1], f"import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); {PROGRAM[-1]}"]
"""The program as a terminal starts it: under `nohup`, as the tests may run, it rightly goes on after SIGHUP."""


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_stopped_while_it_starts(home: Path, number: signal.Signals) -> None:
    """It listens already and loads its models still: it ends in order, and the home is free."""
    port = free_port()
    command = [*HEEDING, "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment(home), stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 300
        while not listens(port):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        _, told = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert "unexpected" not in told
    assert not (home / "pid").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
@pytest.mark.parametrize("arguments", [["settings"], ["settings", "--json"], ["--help"]])
def test_output_to_a_full_disk(home: Path, arguments: list[str]) -> None:
    """What cannot be written is said once, in words."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], env=environment(home), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert (
        done.stderr == "thatlook: the output cannot be read or written: the disk is full; make room, then try again.\n"
    )


@pytest.mark.parametrize(("mask", "others"), [(0o000, 0o002), (0o022, 0o002), (0o077, 0o077)])
def test_nobody_else_may_write_to_a_home(tmp_path: Path, mask: int, others: int) -> None:
    """Whatever the umask; and one that keeps others out altogether is kept."""
    made = subprocess.run(
        [*PROGRAM, "keys", "create", "shop"], env=environment(tmp_path / "home"), umask=mask, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert not [path for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")) if path.stat().st_mode & others]


def test_a_name_of_a_setting_with_a_slip(home: Path) -> None:
    """It is told beside the result, which is there all the same."""
    given = environment(home) | {
        "THATLOOK_PROT": "9000",
        "THATLOOK_MILVUS_URI": "",
        "THATLOOK_PORT": "tcp://10.0.0.1:80",
    }
    done = subprocess.run([*PROGRAM, "settings", "--json"], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "thatlook: THATLOOK_PROT is no setting; is THATLOOK_PORT meant?\n"
    assert {row["name"]: row["value"] for row in json.loads(done.stdout)["settings"]}["THATLOOK_PORT"] == 8080
