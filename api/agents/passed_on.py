"""Calls of tools that `thatlook mcp` passes on to the server that holds the home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from api.agents.calls import PATH, Call
from api.agents.forms import Form
from engine.errors import QueryRejected, Unavailable
from models.holder import holder_of


def called_by_holder(home: Path, http: httpx.AsyncClient) -> Call:
    """Calls that the server answers which holds the home; one that was started again is found again."""

    async def call(tool: str, arguments: Mapping[str, Any], _base: str | None) -> Form:
        """Raises QueryRejected, and Unavailable where no server answers."""
        if (holder := holder_of(home)) is None:
            raise Unavailable("The server that held this home has ended; start it, or `thatlook mcp`, anew.")
        try:
            answer = await http.post(f"{holder.address}{PATH}{tool}", headers=holder.headers, json=dict(arguments))
            told: Form = answer.json()
        except (httpx.HTTPError, ValueError):
            raise Unavailable("The server that holds this home did not answer.") from None
        if answer.is_success:
            return told
        said = str(told.get("detail", f"The server answered with status {answer.status_code}."))
        raise (Unavailable if answer.status_code >= 500 or answer.status_code == 429 else QueryRejected)(said)

    return call
