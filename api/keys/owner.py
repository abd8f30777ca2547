"""Whether a program of the home's owner asks: it has read a file that nobody else can."""

from __future__ import annotations

import hmac
from typing import Any

from litestar.connection import ASGIConnection


def is_owner(connection: ASGIConnection[Any, Any, Any, Any], context: Any) -> bool:
    """Whether the request carries the token of the home's `control.json`.

    Args:
        context: the `RequestContext`.
    """
    token: str | None = context.services.local_token
    given = connection.headers.get("authorization", "")
    return token is not None and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
