"""The tools for agents by name, and calls of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from api.agents.forms import Form
from api.agents.schemas import LOOKUP_INPUT, PRODUCT_INPUT, SEARCH_INPUT, Schema
from api.agents.tools import get_product, lookup_catalog, search_catalog
from api.context import RequestContext
from engine.errors import QueryRejected

PATH = "/v1/agents/"
"""Where a server takes calls of its home's owner."""
Call = Callable[[str, Mapping[str, Any], str | None], Awaitable[Form]]
"""Calls a tool, by name, with its arguments and the server's own address, if that is known."""
Tool = Callable[[RequestContext, object, str | None], Awaitable[Form]]
TOOLS: Mapping[str, tuple[Tool, Schema, str]] = MappingProxyType(
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


def called_here(context: Callable[[], RequestContext]) -> Call:
    """Calls that this process answers.

    Args:
        context: what the tools work with, once it is there.
    """

    async def call(tool: str, arguments: Mapping[str, Any], base: str | None) -> Form:
        """Raises what the tools raise, and QueryRejected for a tool that there is not, or arguments of other types."""
        if tool not in TOOLS:
            raise QueryRejected(f"There is no tool {tool[:100]!r}; there are {', '.join(TOOLS)}.")
        if "catalog" not in arguments:
            raise QueryRejected("The arguments have no `catalog`.")
        work, _, _ = TOOLS[tool]
        try:
            return await work(context(), arguments["catalog"], base)
        except msgspec.ValidationError as error:
            raise QueryRejected(f"The arguments cannot be used: {error}") from None

    return call
