"""MCP over HTTP at `/mcp`, and UCP's documents, where they are switched on; calls that `thatlook mcp` passes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from litestar import Request, asgi, get, post
from litestar.params import PathParameter
from litestar.types import Receive, Scope, Send

from api.agents.calls import PATH, called_here
from api.agents.schemas import extension_schema, profile
from api.context import Context, RequestContext
from api.http.documents import read_json
from api.http.uploads import read_body
from api.keys.owner import is_owner
from api.services import Limits
from engine.errors import NotFound
from engine.keys import Scope as KeyScope


class Agents:
    """The tools for agents as routes; `running` holds the sessions' lifetime."""

    def __init__(self, limits: Limits, version: str, context: Callable[[], RequestContext]) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from api.agents.server import make_server

        server = make_server(called_here(context), version, _base_of_call)
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


@post(f"{PATH}{{tool:str}}", include_in_schema=False, opt={"parameters": (), "scope": KeyScope.ADMIN}, status_code=200)
async def call_tool(
    tool: Annotated[str, PathParameter()], request: Request[Any, Any, Any], context: Context
) -> dict[str, Any]:
    """A tool for an agent on this machine; for `thatlook mcp` of the home's owner alone."""
    if not is_owner(request, context):
        raise NotFound("There is nothing at this path; /schema lists what there is.")
    arguments = read_json(await read_body(request), dict[str, Any])
    return await called_here(lambda: context)(tool, arguments, None)


def _base(request: Request[Any, Any, Any]) -> str:
    return str(request.base_url).rstrip("/")


def _base_of_call(ctx: Any) -> str | None:
    """The server's address, from the HTTP request that a call came with."""
    request = getattr(ctx, "request", None)
    if request is None:
        return None
    host, scheme = request.headers.get("host"), request.url.scheme
    return f"{scheme}://{host}" if host else None
