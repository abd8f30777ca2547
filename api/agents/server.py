"""The MCP server: the tools by name, over stdio or HTTP. The official SDK speaks the protocol."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from api.agents.calls import TOOLS, Call
from api.agents.forms import Form
from engine.errors import InputRejected, NotFound, ThatLookError, Unavailable

_INVALID, _INTERNAL = -32602, -32603
_log = logging.getLogger("thatlook.agents")
_INSTRUCTIONS = (
    "A shop's fashion catalogue. Search with words or with a photo (`catalog.like.image_base64`); prices are whole "
    "numbers of the currency's smallest unit (4999 EUR is 49.99). Link to `url` to buy."
)


def make_server(call: Call, version: str, base: Callable[[Any], str | None]) -> Server[Any]:
    """The MCP server.

    Args:
        call: calls a tool.
        base: the server's own address as a request names it; None over stdio.
    """

    async def list_tools(_ctx: Any, _params: Any) -> types.ListToolsResult:
        reading = types.ToolAnnotations(read_only_hint=True)
        tools = [
            types.Tool(name=name, description=words, input_schema=schema, annotations=reading)
            for name, (_, schema, words) in TOOLS.items()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        told = await _answered(call, params.name, dict(params.arguments or {}), base(ctx))
        text = types.TextContent(type="text", text=json.dumps(told, ensure_ascii=False, separators=(",", ":")))
        return types.CallToolResult(content=[text], structured_content=told)

    return Server(
        "thatlook", version=version, instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _answered(call: Call, tool: str, arguments: Mapping[str, Any], base: str | None) -> Form:
    """A tool's answer; what cannot be answered as an error of JSON-RPC.

    Raises:
        MCPError: what the caller must change, or that it must try again later.
    """
    try:
        return await call(tool, arguments, base)
    except (InputRejected, NotFound) as error:
        raise MCPError(_INVALID, error.message) from None
    except Unavailable as error:
        raise MCPError(_INTERNAL, f"{error.message} Try again in a moment.") from None
    except ThatLookError as error:
        _log.error("%s: %s", error.code, error.message)
        raise MCPError(_INTERNAL, "Something went wrong on our side.") from None
