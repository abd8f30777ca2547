"""Which methods a path takes: `OPTIONS` names all of them, and `HEAD` asks what `GET` would answer."""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_OWN_HEADS = ("/docs", "/v1/images/", "/v1/export/", "/mcp")


def complete_options(app: Litestar, inner: ASGIApp) -> ASGIApp:
    """Wrap an app so that `OPTIONS` names the methods of all handlers of a path; Litestar names those of one."""
    methods: dict[str, set[str]] = {}
    for route in app.routes:
        methods.setdefault(route.path_format, set()).update(getattr(route, "methods", ()))

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        async def completed(message: Message) -> None:
            known = methods.get(scope.get("path_template", ""))
            if message["type"] == "http.response.start" and known:
                allow = (b"allow", ", ".join(sorted(known)).encode())
                message["headers"] = [
                    allow if name.lower() == b"allow" else (name, value) for name, value in message["headers"]
                ]
            await send(message)

        await inner(scope, receive, completed if scope.get("method") == "OPTIONS" else send)

    return outer


def heads(inner: ASGIApp) -> ASGIApp:
    """Wrap an app so that `HEAD` is answered as `GET` is, without the body: so do load balancers look after a server.

    Handlers that take `HEAD` themselves are left alone, and so are exports and agents' streams, made for nothing then.
    """

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD" or scope["path"].startswith(_OWN_HEADS) or scope["path"] == "/":
            await inner(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        asked: Any = {**scope, "method": "GET"}
        try:
            await inner(asked, receive, without_body)
        finally:
            for name in ("path_template", "state"):  # What the request is counted by.
                if name in asked:
                    cast(Any, scope)[name] = asked[name]

    return outer
