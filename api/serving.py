"""Running the API as a server: one process by default, logs as JSON, a graceful end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from litestar import Litestar

from api.app import create_app
from api.bootstrap import limits_of, open_services
from api.logs import log_as_json
from api.services import Services
from engine.errors import QueryRejected
from models.bootstrap import Settings, read_settings

FINISH_WITHIN_S = 10
"""How long requests under way may take to end after a stop signal."""


def serve_forever(overrides: Mapping[str, Any], workers: int = 1) -> None:
    """Serve until a stop signal. With one process, whatever is missing is told before it listens.

    Raises:
        QueryRejected: several processes on an embedded home, which only one may hold.
        ThatLookError: a part cannot be opened.
    """
    settings = read_settings(overrides)
    log_as_json()
    if workers == 1:
        asyncio.run(_serve(settings))
        return
    if not settings.is_shared:
        raise QueryRejected(
            "Several workers need shared stores: set THATLOOK_MILVUS_URI, THATLOOK_LEDGER_URL and "
            "THATLOOK_S3_ENDPOINT, or serve with one worker."
        )
    os.environ.update({f"THATLOOK_{name.upper()}": str(value) for name, value in overrides.items()})
    uvicorn.run("api.serving:app_of_environment", factory=True, workers=workers, **_options(settings))


def app_of_environment() -> Litestar:
    """The application that the environment describes; for uvicorn's own processes and other ASGI servers."""
    settings = read_settings()
    return create_app(lambda: open_services(settings), limits_of(settings))


async def _serve(settings: Settings) -> None:
    async with open_services(settings) as services:

        @asynccontextmanager
        async def already_open() -> AsyncIterator[Services]:
            yield services

        config = uvicorn.Config(create_app(already_open, limits_of(settings)), **_options(settings))
        # uvicorn raises a stop signal anew once it has stopped; the parts must still be closed then.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await uvicorn.Server(config).serve()


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "timeout_graceful_shutdown": FINISH_WITHIN_S,
        "timeout_keep_alive": 15,
        "h11_max_incomplete_event_size": 64 * 1024,
        "limit_concurrency": 512,
    }
