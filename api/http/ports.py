"""Reads, writes and metrics on ports of their own, for networks that let callers of each kind reach one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import NotOnThisPort, refuse

_EVERYWHERE = ("/healthz", "/readyz")
_READING = ("GET", "HEAD", "OPTIONS")
_ASKING = ("/v1/search/", "/v1/events")
"""Paths whose POST writes nothing to the catalogue."""
_LOOKING_UP = ("/v1/products/get",)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that are set apart; None: the main one serves these too."""

    catalogue: int | None = None
    metrics: int | None = None

    def __bool__(self) -> bool:
        return self.catalogue is not None or self.metrics is not None


def parted_ports(inner: ASGIApp, ports: Ports) -> ASGIApp:
    """Wrap an app so that each port serves what it is for."""
    if not ports:
        return inner

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and not _is_served(scope, ports):
            await refuse(scope, send, NotOnThisPort("This port does not serve this; the server has others for it."))
            return
        await inner(scope, receive, send)

    return outer


def _is_served(scope: Any, ports: Ports) -> bool:
    path, server = scope["path"], scope.get("server")
    port = server[1] if server else None
    if path in _EVERYWHERE:
        return True
    if path == "/metrics":
        return ports.metrics in (None, port)
    if port == ports.metrics:
        return False
    return ports.catalogue is None or not _writes(scope["method"], path) or port == ports.catalogue


def _writes(method: str, path: str) -> bool:
    """Whether a request changes the catalogue."""
    return method not in _READING and not path.startswith(_ASKING) and path not in _LOOKING_UP
