"""A real Milvus server for measuring and testing: that of the `milvus` package, reachable from this machine alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.errors import ModelUnavailable

_NAMESPACE = (("unshare", "-n"), ("unshare", "-r", "-n"))
"""Ways into a network namespace of one's own: as root, and where users may make user namespaces."""


class ServerMissing(ModelUnavailable):
    """No Milvus server can be started here."""


@dataclass(frozen=True, slots=True)
class MilvusProcess:
    """A running server."""

    uri: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it with -9; its address refuses connections until it is started again."""
        self._order("kill")

    def start(self) -> None:
        """Start it over what it wrote."""
        self._order("start")

    def sent_bytes(self) -> int:
        """What it has sent to its clients so far."""
        return int(self._order("sent"))

    def _order(self, order: str) -> str:
        if self.process.stdin is None or self.process.stdout is None:
            raise ModelUnavailable("The Milvus server was started without a way to order it.")
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        if answer := self.process.stdout.readline().strip():
            return answer
        raise ModelUnavailable(f"The process of the Milvus server ended on the order `{order}`.")


@contextmanager
def milvus_process(lease_s: int = 30) -> Iterator[MilvusProcess]:
    """Start a fresh server (8 s), and stop it in the end.

    Args:
        lease_s: how long a killed server's parts count as alive; until then it does not come back, however it is
            started. A server that is starved for so long ends itself.
    Raises:
        ServerMissing: it cannot be had here; the message says why.
        ModelUnavailable: it can, and did not start.
    """
    namespace = _namespace()
    script = Path(__file__).with_name("milvus_namespace.py")
    with (
        tempfile.TemporaryDirectory(prefix="milvus-", ignore_cleanup_errors=True) as base,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        command = [*namespace, sys.executable, "-P", str(script), "--fd", str(listener.fileno())]
        command += ["--base", base, "--lease", str(lease_s)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[listener.fileno()]
        ) as process:
            try:
                if process.stdout is None or process.stdout.readline().strip() != "ready":
                    raise ModelUnavailable(f"The Milvus server did not start (exit status {process.wait(10)}).")
                yield MilvusProcess(f"http://127.0.0.1:{listener.getsockname()[1]}", process)
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                process.wait(30)


def _namespace() -> tuple[str, ...]:
    if find_spec("milvus") is None:
        raise ServerMissing("The package milvus, which has the server, is not installed (Linux on x86-64 alone).")
    for command in _NAMESPACE:
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "true"], check=False, capture_output=True).returncode
        ):
            return command
    raise ServerMissing("No network namespace may be made here, and the Milvus server must not listen to the world.")
