"""The interactive reference at `/docs`: Swagger UI, whose files another package carries; no other host is asked.

The package (swagger-ui-bundle-v2, Apache-2.0) is never imported: only the files of Swagger UI's release are read from
it, when they are first asked for. One version of it is required, and a test compares its files with the release's.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any

from litestar import HttpMethod, MediaType, Request, Response, get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from engine.errors import NotFound

CARRIER = "swagger-ui-bundle-v2"
_FILES = {"swagger-ui.css": "text/css; charset=utf-8", "swagger-ui-bundle.js": "text/javascript; charset=utf-8"}
# Swagger UI sets styles on its elements; it runs no code but its own.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KEPT = "public, max-age=86400"
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>thatlook: the HTTP API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<main id="reference"></main>
<noscript><p>This page needs JavaScript. The document itself:
<a href="/schema/openapi.json">/schema/openapi.json</a>.</p></noscript>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/schema/openapi.json", dom_id: "#reference", deepLinking: true, docExpansion: "list",
  displayRequestDuration: true, validatorUrl: null, persistAuthorization: false, defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});
"""


class ReferenceNotInstalled(NotFound):
    """The files of Swagger UI are not there."""


def reference_routes() -> list[HTTPRouteHandler]:
    """The handlers of `/docs` and of its files."""

    @get("/docs", include_in_schema=False, media_type=MediaType.HTML)
    async def reference() -> Response[str]:
        """Every route with its fields and examples, to be tried from the browser."""
        return Response(_DOCUMENT, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})

    @route(
        "/docs/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200, include_in_schema=False,
        sync_to_thread=True,
    )  # fmt: skip
    def reference_file(request: Request[Any, Any, Any], name: Annotated[str, PathParameter()]) -> Response[bytes]:
        """Swagger UI, its style, and the lines that start it."""
        if name == "start.js":
            return Response(_START.encode(), media_type=_FILES["swagger-ui-bundle.js"])
        if name not in _FILES:
            raise NotFound(f"The reference has no file {name[:100]!r}.")
        headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(_packed(name), media_type=_FILES[name], headers={**headers, "Content-Encoding": "gzip"})
        return Response(_carried(name), media_type=_FILES[name], headers=headers)

    return [reference, reference_file]


@lru_cache(maxsize=len(_FILES))
def _packed(name: str) -> bytes:
    """A file of Swagger UI, compressed once and on a thread: it has more than a megabyte."""
    return gzip.compress(_carried(name), mtime=0)


def _carried(name: str) -> bytes:
    """A file of Swagger UI, from the package that carries it.

    Raises:
        ReferenceNotInstalled: the package is not there.
    """
    try:
        paths = distribution(CARRIER).files or ()
        return next(Path(str(path.locate())).read_bytes() for path in paths if path.name == name)
    except (PackageNotFoundError, StopIteration, OSError):
        raise ReferenceNotInstalled(
            f"The package {CARRIER}, which carries Swagger UI, is not installed; the API's document is at "
            "/schema/openapi.json."
        ) from None
