"""The command `mcp`: the tools for agents over stdin and stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


@click.command()
@click.pass_obj
def mcp(settings: Mapping[str, Any]) -> None:
    """Let an agent search the catalogue: MCP over stdin and stdout.

    A home that a server holds is asked over HTTP instead: `thatlook serve` with THATLOOK_MCP=1 answers at /mcp.
    """
    import asyncio

    asyncio.run(_serve(settings))


async def _serve(settings: Mapping[str, Any]) -> None:
    from mcp.server.stdio import stdio_server

    from api.agents.server import make_server
    from api.bootstrap import limits_of, open_services
    from api.context import RequestContext
    from api.http.metrics import Metrics
    from api.version import version_of_package
    from engine.errors import HomeInUse
    from models.settings import read_settings

    read = read_settings(settings)
    try:
        async with open_services(read) as services:
            context = RequestContext(services, limits_of(read), Metrics(None))
            server = make_server(lambda: context, version_of_package(), lambda _: None)
            try:
                async with stdio_server() as (reading, writing):
                    await server.run(reading, writing, server.create_initialization_options())
            finally:
                context.close()
    except HomeInUse as error:
        raise HomeInUse(f"{error.message} Served with THATLOOK_MCP=1, it answers agents at /mcp.") from None
