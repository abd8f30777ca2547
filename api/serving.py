"""Running the API as a server: one process by default, logs as JSON, a graceful end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from litestar.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.bootstrap import check_keys, limits_of, open_services
from api.ending import Ending, Front, Server
from api.http.logs import log_as_json
from api.opening import EarlyFront
from api.services import Services
from engine.errors import QueryRejected, Unavailable
from engine.system.garbage import leave_what_is_loaded
from models.bootstrap import ADDRESS, CONTROL
from models.settings import Settings, read_settings

FINISH_WITHIN_S = 10
"""How long requests under way may take to end after a stop signal."""
STARTS_WITHIN_S = 60
"""How long a process may take to import everything, before it is taken for one that hangs."""
_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_OPTIONS: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": FINISH_WITHIN_S,
    "timeout_keep_alive": 15,
    "ws": "none",
    "http": "api.http.connections:Connection",
}


class AddressTaken(Unavailable):
    """The server cannot listen where it should."""


def serve_forever(overrides: Mapping[str, Any], workers: int = 1) -> None:
    """Serve until a stop signal. With one process, whatever is missing is told before it listens.

    Raises:
        AddressTaken: the port is in use.
        QueryRejected: several processes on an embedded home, which only one may hold.
        ThatLookError: a part cannot be opened.
    """
    settings = read_settings(overrides)
    if workers > 1 and not settings.is_shared:
        raise QueryRejected(
            "Several workers need shared stores: set THATLOOK_MILVUS_URI, THATLOOK_LEDGER_URL and "
            "THATLOOK_S3_ENDPOINT, or serve with one worker."
        )
    check_keys(settings)
    with ExitStack() as stack:
        ports = dict.fromkeys((settings.port, settings.catalogue_port, settings.metrics_port))
        listening = [stack.enter_context(bound(settings.host, port)) for port in ports if port is not None]
        log_as_json()
        if workers == 1:
            asyncio.run(_serve(settings, listening))
            return
        os.environ.update({f"THATLOOK_{name.upper()}": str(value) for name, value in overrides.items()})
        serve_many("api.serving:app_of_environment", listening, workers)


def app_of_environment() -> ASGIApp:
    """The application that the environment describes; for uvicorn's own processes and other ASGI servers."""
    log_as_json()
    settings = read_settings()
    check_keys(settings)
    folder = os.environ.get(_SHARED_METRICS)
    metrics_folder = Path(folder) if folder else None
    ending = Ending()
    app = create_app(lambda: open_services(settings), limits_of(settings), ending=ending, metrics_folder=metrics_folder)
    return EarlyFront(app, ending, settings.drain_s)


def serve_many(factory: str, listening: Sequence[socket.socket], workers: int) -> None:
    """Serve with several processes behind the same sockets; `factory` is `module:function`."""
    config = uvicorn.Config(
        factory, factory=True, workers=workers, lifespan="on", timeout_worker_healthcheck=STARTS_WITHIN_S, **_OPTIONS
    )
    for each in listening:
        each.set_inheritable(True)
    with TemporaryDirectory(prefix="thatlook-metrics-") as folder:
        os.environ[_SHARED_METRICS] = folder  # prometheus_client's own name: each process counts there.
        Multiprocess(config, sockets=list(listening)).run()


def bound(host: str, port: int) -> socket.socket:
    """A socket at this address, before anything slow is begun.

    Raises:
        AddressTaken: it cannot be had.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no name of a host"
        raise AddressTaken(f"Cannot listen on {host[:80]!r}: {why}.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Workers inherit it; without it Nagle's algorithm costs 40 ms for every answer.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise AddressTaken(f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --port.") from error
    return listening


async def _serve(settings: Settings, listening: Sequence[socket.socket]) -> None:
    """Listen at once, open the parts, answer; what cannot be opened ends the server.

    uvicorn raises a stop signal anew once it has stopped; the parts must still be closed then.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    front, ending = Front(), Ending()
    server = Server(uvicorn.Config(front, lifespan="off", **_OPTIONS), ending, settings.drain_s)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: server.handle_exit(signal.SIGTERM, None))
    address = listening[0].getsockname()[:2]
    listening_task = asyncio.create_task(server.serve(list(listening)))
    try:
        async with open_services(settings) as services:
            if not ending.begun:  # Else it was told to end while it opened its parts.
                await _answer(settings, address, services, front, ending, listening_task)
    finally:
        server.should_exit = True
        await listening_task


async def _answer(
    settings: Settings,
    address: tuple[str, int],
    services: Services,
    front: Front,
    ending: Ending,
    until: asyncio.Task[None],
) -> None:
    """Answer with these services until the server has ended."""
    token = secrets.token_urlsafe(32)

    @asynccontextmanager
    async def already_open() -> AsyncIterator[Services]:
        yield replace(services, local_token=token)

    app = create_app(already_open, limits_of(settings), ending=ending)
    host, port = address
    async with app.lifespan():
        leave_what_is_loaded()
        front.opened = app
        logging.getLogger("thatlook.api").info("Serving on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        with told_address(settings, host, settings.catalogue_port or port, token):
            await until


@contextmanager
def told_address(settings: Settings, host: str, port: int, token: str) -> Iterator[None]:
    """Let others who want the home know where its server can be asked; a full disk must not keep it from serving.

    The token lets the owner's own programs in; nobody else can read it.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    public, private = settings.home / ADDRESS, settings.home / CONTROL
    with suppress(OSError):
        public.write_text(f"{address}\n")
    with suppress(OSError):
        _write_private(private, json.dumps({"address": address, "token": token, "pid": os.getpid()}))
    try:
        yield
    finally:
        for path in (public, private):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    """A file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
