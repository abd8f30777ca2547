"""The command `mcp`: the tools for agents over stdin and stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from engine.system.printing import say

if TYPE_CHECKING:
    from api.agents.calls import Call


@click.command()
@click.pass_obj
def mcp(settings: Mapping[str, Any]) -> None:
    """Let an agent search the catalogue: MCP over stdin and stdout.

    Beside a server that holds the home it passes calls on to that server. Agents of other machines ask `thatlook serve`
    with THATLOOK_MCP=1, at /mcp.
    """
    import asyncio

    asyncio.run(_serve(settings))


async def _serve(settings: Mapping[str, Any]) -> None:
    import httpx

    from api.agents.calls import called_here
    from api.agents.passed_on import called_by_holder
    from api.bootstrap import limits_of, open_services
    from api.context import RequestContext
    from api.http.metrics import Metrics
    from engine.errors import HomeInUse
    from models.holder import in_use
    from models.settings import read_settings

    read = read_settings(settings)
    try:
        async with open_services(read) as services:
            context = RequestContext(services, limits_of(read), Metrics(None))
            try:
                await _speak(called_here(lambda: context))
            finally:
                context.close()
    except HomeInUse as error:
        holder = in_use(error, read.home)
        say(f"thatlook: the server at {holder.address} holds this home, so it answers.")
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            await _speak(called_by_holder(read.home, http))


async def _speak(call: Call) -> None:
    """Serve on stdin and stdout until the agent ends."""
    from mcp.server.stdio import stdio_server

    from api.agents.server import make_server
    from engine.system.version import version_of_package

    server = make_server(call, version_of_package(), lambda _: None)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
