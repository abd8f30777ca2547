"""`thatlook mcp` on a home that a server holds: calls go through that server, also once it was started anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from tests.fixtures.generations import a_feed, home_of, opened
from tests.fixtures.program import PROGRAM, environment, start, stop

pytestmark = pytest.mark.integration


async def ids(client: Client, *asked: str) -> list[str]:
    answer = await client.call_tool("lookup_catalog", {"catalog": {"ids": list(asked)}})
    assert answer.structured_content is not None
    return [each["id"] for each in answer.structured_content["products"]]


async def refused(client: Client, tool: str, arguments: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(MCPError) as caught:
        await client.call_tool(tool, arguments)
    return caught.value.error.code, caught.value.error.message


def test_calls_go_through_the_server_that_holds_the_home(tmp_path: Path) -> None:
    """Answers and refusals are those of an own catalogue; where no server is left the agent is told."""
    home = home_of(tmp_path / "home").home
    with opened(home_of(home)) as made:
        made.ingest(a_feed(tmp_path / "feed", ["p1", "p2"]))
    servers = [start(home, tmp_path / "log")]
    program = StdioServerParameters(command=PROGRAM[0], args=[*PROGRAM[1:], "mcp"], env=environment(home))

    async def session() -> None:
        async with Client(program) as client:
            assert len((await client.list_tools()).tools) == 3
            assert await ids(client, "p1", "none", "p2") == ["p1", "p2"]
            too_many = {"catalog": {"ids": [str(n) for n in range(51)]}}
            assert "the most is 50" in (await refused(client, "lookup_catalog", too_many))[1]
            assert await refused(client, "lookup_catalog", {}) == (-32602, "The arguments have no `catalog`.")
            assert "cannot be used" in (await refused(client, "lookup_catalog", {"catalog": {"ids": 1}}))[1]
            assert "no tool" in (await refused(client, "buy", {"catalog": {}}))[1]
            stranger = servers[0].client.post("/v1/agents/lookup_catalog", json={"catalog": {"ids": ["p1"]}})
            assert stranger.status_code == 404
            assert stop(servers.pop()) == 0
            code, said = await refused(client, "lookup_catalog", {"catalog": {"ids": ["p1"]}})
            assert (code, "has ended" in said) == (-32603, True)
            servers.append(await asyncio.to_thread(start, home, tmp_path / "log2"))
            assert await ids(client, "p1") == ["p1"]

    try:
        asyncio.run(session())
    finally:
        for server in servers:
            stop(server)
