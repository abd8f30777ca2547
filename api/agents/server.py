"""The MCP server: the tools by name, over stdio or HTTP. The official SDK speaks the protocol."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from api.agents.forms import Form
from api.agents.schemas import LOOKUP_INPUT, PRODUCT_INPUT, SEARCH_INPUT, Schema
from api.agents.tools import get_product, lookup_catalog, search_catalog
from api.context import RequestContext
from engine.errors import InputRejected, NotFound, ThatLookError, Unavailable

_INVALID, _INTERNAL = -32602, -32603
_log = logging.getLogger("thatlook.agents")
Tool = Callable[[RequestContext, object, str | None], Awaitable[Form]]
_TOOLS: Mapping[str, tuple[Tool, Schema, str]] = MappingProxyType(
    {
        "search_catalog": (
            search_catalog,
            SEARCH_INPUT,
            "Find products of this shop by words, by a photo, or like a product (`catalog.like`). Answers come best "
            "first, each with its price, where to buy it, and why it was found.",
        ),
        "lookup_catalog": (
            lookup_catalog,
            LOOKUP_INPUT,
            "Read products by their ids, SKUs or GTINs, with price and availability of today.",
        ),
        "get_product": (
            get_product,
            PRODUCT_INPUT,
            "Read one product in full: its variants, and which sizes and colours there are and can be bought.",
        ),
    }
)
_INSTRUCTIONS = (
    "A shop's fashion catalogue. Search with words or with a photo (`catalog.like.image_base64`); prices are whole "
    "numbers of the currency's smallest unit (4999 EUR is 49.99). Link to `url` to buy."
)


def make_server(context: Callable[[], RequestContext], version: str, base: Callable[[Any], str | None]) -> Server[Any]:
    """The MCP server.

    Args:
        context: what the tools work with, once it is there.
        base: the server's own address as a request names it; None over stdio.
    """

    async def list_tools(_ctx: Any, _params: Any) -> types.ListToolsResult:
        reading = types.ToolAnnotations(read_only_hint=True)
        tools = [
            types.Tool(name=name, description=words, input_schema=schema, annotations=reading)
            for name, (_, schema, words) in _TOOLS.items()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in _TOOLS:
            raise MCPError(_INVALID, f"There is no tool {params.name[:100]!r}; there are {', '.join(_TOOLS)}.")
        tool, _, _ = _TOOLS[params.name]
        told = await _answered(tool, context(), dict(params.arguments or {}), base(ctx))
        text = types.TextContent(type="text", text=json.dumps(told, ensure_ascii=False, separators=(",", ":")))
        return types.CallToolResult(content=[text], structured_content=told)

    return Server(
        "thatlook", version=version, instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _answered(tool: Tool, context: RequestContext, arguments: Mapping[str, Any], base: str | None) -> Form:
    """A tool's answer; what cannot be answered as an error of JSON-RPC.

    Raises:
        MCPError: what the caller must change, or that it must try again later.
    """
    if "catalog" not in arguments:
        raise MCPError(_INVALID, "The arguments have no `catalog`.")
    try:
        return await tool(context, arguments["catalog"], base)
    except (InputRejected, NotFound) as error:
        raise MCPError(_INVALID, error.message) from None
    except msgspec.ValidationError as error:
        raise MCPError(_INVALID, f"The arguments cannot be used: {error}") from None
    except Unavailable as error:
        raise MCPError(_INTERNAL, f"{error.message} Try again in a moment.") from None
    except ThatLookError as error:
        _log.error("%s: %s", error.code, error.message)
        raise MCPError(_INTERNAL, "Something went wrong on our side.") from None
