"""The tools for agents over stdio and HTTP, with the SDK's own client, against a drawn shop."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from models.bootstrap import open_parts
from models.settings import read_settings
from models.studio.output.feed import write_catalogue
from tests.fixtures.program import PROGRAM, environment, start, stop

pytestmark = pytest.mark.integration
META = {"ucp-agent": {"profile": "https://platform.example/agent.json"}}
SETTINGS = {"THATLOOK_PROFILE": "starter", "THATLOOK_MCP": "1", "THATLOOK_UCP": "1", "PYTHONPATH": str(Path.cwd())}
Document = dict[str, Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home of some drawn products."""
    folder: Path = tmp_path_factory.mktemp("agents")
    feed = write_catalogue(folder / "shop", 40, 7, (240, 320))
    with open_parts(read_settings({"home": folder / "home"})) as parts:
        ingest_feed(ingest_dependencies(parts), feed, "prefer")
    return folder


async def called(client: Client, tool: str, **catalog: Any) -> Document:
    answer = await client.call_tool(tool, {"meta": META, "catalog": catalog})
    assert not answer.is_error
    told: Document = answer.structured_content
    return told


async def refused(client: Client, tool: str, arguments: Document) -> tuple[int, str]:
    with pytest.raises(MCPError) as caught:
        await client.call_tool(tool, arguments)
    return caught.value.error.code, caught.value.error.message


async def a_shopper(client: Client, shop: Path) -> None:
    """What an agent does: look at the tools, search by words and by photo, read what it found."""
    assert {tool.name for tool in (await client.list_tools()).tools} == {
        "search_catalog", "lookup_catalog", "get_product",
    }  # fmt: skip
    found = await called(client, "search_catalog", query="navy dress", pagination={"limit": 3})
    first, *_ = found["products"]
    assert found["ucp"]["version"] == "2026-08-25"
    assert len(found["products"]) == 3
    assert 0 < first["metadata"]["score"] <= 1
    assert first["variants"][0]["price"]["currency"] == "EUR"
    further = await called(
        client, "search_catalog", query="navy dress",
        pagination={"limit": 3, "cursor": found["pagination"]["cursor"]},
    )  # fmt: skip
    assert not {each["id"] for each in found["products"]} & {each["id"] for each in further["products"]}

    photo = base64.b64encode(next((shop / "shop" / "images").glob(f"{first['id']}_front*")).read_bytes()).decode()
    seen = await called(client, "search_catalog", like={"image_base64": photo}, pagination={"limit": 2})
    assert first["id"] in {each["id"] for each in seen["products"]}
    assert {"class", "box", "index"} <= seen["products"][0]["metadata"]["garment"].keys()
    alike = await called(client, "search_catalog", like={"product_id": first["id"]}, query="in red")
    assert first["id"] not in {each["id"] for each in alike["products"]}
    cheap = await called(client, "search_catalog", query="dress", filters={"price": {"max": 4_000}})
    assert all(each["price_range"]["min"]["amount"] <= 4_000 for each in cheap["products"])

    looked = await called(client, "lookup_catalog", ids=[first["id"], first["id"], "none"])
    assert [each["id"] for each in looked["products"]] == [first["id"]]
    assert looked["products"][0]["variants"][0]["inputs"] == [{"id": first["id"], "match": "exact"}]
    assert looked["messages"] == [{"type": "info", "code": "not_found", "content": "none"}]
    product = (await called(client, "get_product", id=first["id"]))["product"]
    assert (product["id"], product["variants"][0]["id"]) == (first["id"], first["id"])
    assert all(value["exists"] for option in product["options"] for value in option["values"])
    assert (await called(client, "get_product", id="none"))["ucp"]["status"] == "error"

    assert (await refused(client, "search_catalog", {"catalog": {}}))[0] == -32602
    assert "ids" in (await refused(client, "lookup_catalog", {"catalog": {}}))[1]
    assert (
        "the most is 50"
        in (await refused(client, "lookup_catalog", {"catalog": {"ids": [str(n) for n in range(51)]}}))[1]
    )
    assert "no tool" in (await refused(client, "buy", {"catalog": {}}))[1]


def run(server: Any, work: Callable[[Client], Awaitable[None]]) -> None:
    async def session() -> None:
        async with Client(server) as client:
            await work(client)

    asyncio.run(session())


def test_over_stdio(shop: Path) -> None:
    """As a program that an agent starts."""
    settings = environment(shop / "home") | SETTINGS
    program = StdioServerParameters(command=PROGRAM[0], args=[*PROGRAM[1:], "mcp"], env=settings)
    run(program, lambda client: a_shopper(client, shop))


def test_over_http_beside_the_api(shop: Path, tmp_path: Path) -> None:
    """Under a running server, with UCP's profile; without the setting neither is there."""
    server = start(shop / "home", tmp_path / "log", settings=SETTINGS)
    try:
        base = str(server.client.base_url).rstrip("/")
        run(f"{base}/mcp", lambda client: a_shopper(client, shop))
        profile = server.client.get("/.well-known/ucp").json()["ucp"]
        assert profile["services"]["dev.ucp.shopping"][0]["endpoint"] == f"{base}/mcp"
        (extension,) = profile["capabilities"]["io.github.thatlook.visual_similarity"]
        schema = server.client.get(extension["schema"].removeprefix(base)).json()
        assert schema["name"] == "io.github.thatlook.visual_similarity"
    finally:
        assert stop(server) == 0
    plain = start(shop / "home", tmp_path / "log2", settings=SETTINGS | {"THATLOOK_MCP": "0", "THATLOOK_UCP": "0"})
    try:
        assert plain.client.post("/mcp", json={}).status_code == 404
        assert plain.client.get("/.well-known/ucp").status_code == 404
    finally:
        stop(plain)
    assert os.environ.get("THATLOOK_MCP") is None
