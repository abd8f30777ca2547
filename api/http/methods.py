"""Which methods a path takes, all of them, whichever handlers they have."""

from __future__ import annotations

from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send


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
