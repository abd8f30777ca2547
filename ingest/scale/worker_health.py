"""What a worker says over HTTP: alive, ready, and its metrics, from its first moment to its last."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app

from engine.errors import Unavailable

ALIVE_S = 60.0
"""A worker that has not been in touch with the queue for so long is not well."""


class Health:
    """How a worker is: what it waits for, when it was last in touch with its queue, whether it was told to end."""

    def __init__(
        self, registry: CollectorRegistry, ending: threading.Event, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._beat_at = now()
        self._opened = False
        self.ending = ending
        self.paused_for = ""
        beat = Gauge("thatlook_worker_heartbeat_age_seconds", "Since the last touch with the queue.", registry=registry)
        beat.set_function(self.age_s)
        ready = Gauge("thatlook_worker_ready", "1 while the worker takes jobs.", registry=registry)
        ready.set_function(lambda: float(not self.waiting_for()))

    def opened(self) -> None:
        """The parts are there."""
        self._opened = True
        self.beat()

    def beat(self, paused_for: str = "") -> None:
        """The queue was asked for work.

        Args:
            paused_for: why no work is taken at present, if so.
        """
        self._beat_at = self._now()
        self.paused_for = paused_for

    def age_s(self) -> float:
        """Seconds since the last beat."""
        return self._now() - self._beat_at

    def is_alive(self) -> bool:
        """Whether it should be left alone: one that waits for servers at its start is; one that hangs is not."""
        return not self._opened or self.age_s() <= ALIVE_S

    def waiting_for(self) -> Mapping[str, str]:
        """Why no jobs are taken, by part; empty where they are."""
        if self.ending.is_set():
            return {"worker": "It was told to end; what is under way is finished."}
        if not self._opened:
            return {"parts": "Models and stores are being opened."}
        if not self.is_alive():
            return {"queue": f"Not in touch with the queue for {self.age_s():.0f} s."}
        return {"stores": self.paused_for} if self.paused_for else {}

    def answer(self, path: str) -> tuple[int, dict[str, Any]] | None:
        """Status and document of `/healthz` and `/readyz`; None for other paths."""
        if path == "/healthz":
            return (200, {"status": "ok"}) if self.is_alive() else (503, {"status": "stuck"})
        if path == "/readyz":
            waiting = dict(self.waiting_for())
            return 503 if waiting else 200, {"status": "waiting" if waiting else "ready", "waiting_for": waiting}
        return None


@contextmanager
def answering(health: Health, registry: CollectorRegistry, host: str, port: int, drain_s: float) -> Iterator[None]:
    """Answer on this port until the block is left; one that was told to end is to be seen for `drain_s` at least.

    Raises:
        Unavailable: the port cannot be had.
    """
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        told = health.answer(environ["PATH_INFO"])
        if told is None and environ["PATH_INFO"] == "/metrics":
            found: Iterable[bytes] = metrics(environ, start)
            return found
        status, document = told or (404, {"status": "There are /healthz, /readyz and /metrics."})
        start(f"{status} {'OK' if status == 200 else 'Unavailable'}", [("Content-Type", "application/json")])
        return [json.dumps(document).encode()]

    try:
        server = make_server(host, port, app, _Server, _Quiet)
    except OSError as error:
        raise Unavailable(f"Cannot listen on {host} port {port}: {error.strerror}. Choose another port.") from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told_at: list[float] = []

    def note_the_end() -> None:
        health.ending.wait()
        told_at.append(time.monotonic())

    threading.Thread(target=note_the_end, daemon=True).start()
    try:
        yield
    finally:
        if health.ending.is_set():  # A thread that has not noted it yet means that it was told a moment ago.
            told = told_at[0] if told_at else time.monotonic()
            time.sleep(max(0.0, told + drain_s - time.monotonic()))
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """No line for each probe."""
