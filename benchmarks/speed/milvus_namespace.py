"""Run the Milvus server of the `milvus` package where only this machine's loopback can reach it.

That server listens on every interface and cannot be told otherwise, so it lives in a network namespace of
its own that has nothing but loopback. The listening socket handed over by `--fd` was made outside: a socket
belongs to the namespace it was made in, so this process, though inside, accepts connections from outside's
127.0.0.1 and passes them on to the server.

Started as `unshare -n python milvus_namespace.py --fd N --base DIR --lease SECONDS`; prints `ready`; ends with its
stdin. On the line `kill` the server is killed with -9, on `start` it is started again over what it wrote; both are
answered by `done`, and `sent` by the bytes that it has sent to its clients so far.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from milvus import MilvusServer


class _Relay:
    """Passes connections on to the server, and counts what it answers."""

    def __init__(self, listener: socket.socket, server: MilvusServer) -> None:
        self._listener, self._server, self.sent = listener, server, 0

    def accept(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                outer, _ = self._listener.accept()
                outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Thread(target=self._pass_on, args=(outer,), daemon=True).start()

    def _pass_on(self, outer: socket.socket) -> None:
        try:
            inner = socket.create_connection(("127.0.0.1", self._server.listen_port))
        except OSError:
            outer.close()  # The server is going, or its user is.
            return
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Thread(target=self._pump, args=(outer, inner, False), daemon=True).start()
        self._pump(inner, outer, True)

    def _pump(self, reader: socket.socket, writer: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := reader.recv(1 << 18):
                self.sent += len(data) if counted else 0
                writer.sendall(data)
        for each in (reader, writer):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _obey(server: MilvusServer, relay: _Relay, order: str) -> str:
    if order == "sent":
        return str(relay.sent)
    if order == "kill":
        server.server_proc.kill()
        server.server_proc.wait()
    elif order == "start":
        server.start()
    return "done"


def _tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Bring loopback up, start the server, pass connections on until stdin ends, stop the server."""
    from milvus import MilvusServer, MilvusServerConfig

    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--lease", type=int, required=True)
    given = parser.parse_args()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    config = MilvusServerConfig(data_dir=str(given.base))
    config.set("common.session.ttl", given.lease)
    server = MilvusServer(config)
    server.start()
    try:
        relay = _Relay(socket.socket(fileno=given.fd), server)
        Thread(target=relay.accept, daemon=True).start()
        _tell("ready")
        for line in sys.stdin:
            _tell(_obey(server, relay, line.strip()))
    finally:
        server.stop()
        shutil.rmtree(given.base, ignore_errors=True)  # Also where whoever started this was killed.


if __name__ == "__main__":
    main()
