"""MCP over HTTP at `/mcp`, and UCP's documents; nothing of it is there unless it is switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request, asgi, get
from litestar.types import Receive, Scope, Send

from api.agents.schemas import extension_schema, profile
from api.context import RequestContext
from api.services import Limits
from engine.keys import Scope as KeyScope


class Agents:
    """The tools for agents as routes; `running` holds the sessions' lifetime."""

    def __init__(self, limits: Limits, version: str, context: Callable[[], RequestContext]) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from api.agents.server import make_server

        server = make_server(context, version, _base_of_call)
        self._sessions = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=limits.max_search_body_bytes
        )
        self._ucp = limits.ucp

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the tools can be called."""
        async with self._sessions.run():
            yield

    def routes(self) -> list[Any]:
        """The handlers."""
        sessions = self._sessions

        @asgi("/mcp", is_mount=True, opt={"scope": KeyScope.SEARCH}, copy_scope=True)
        async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
            await sessions.handle_request(scope, receive, send)  # type: ignore[arg-type]

        @get("/.well-known/ucp", include_in_schema=False, opt={"parameters": (), "scope": None})
        async def ucp_profile(request: Request[Any, Any, Any]) -> dict[str, Any]:
            """What of UCP there is here."""
            return profile(_base(request))

        @get("/ucp/schemas/visual_similarity.json", include_in_schema=False, opt={"parameters": (), "scope": None})
        async def ucp_extension(request: Request[Any, Any, Any]) -> dict[str, Any]:
            """Our extension of UCP's search."""
            return extension_schema(_base(request))

        return [mcp, *([ucp_profile, ucp_extension] if self._ucp else [])]


def _base(request: Request[Any, Any, Any]) -> str:
    return str(request.base_url).rstrip("/")


def _base_of_call(ctx: Any) -> str | None:
    """The server's address, from the HTTP request that a call came with."""
    request = getattr(ctx, "request", None)
    if request is None:
        return None
    host, scheme = request.headers.get("host"), request.url.scheme
    return f"{scheme}://{host}" if host else None
