"""The page: one document and its modules, served from the package; nothing comes from other hosts.

The modules lie under an address that names what they hold (`/page/<digest>/…`), so browsers keep them for good; the
document is asked for anew each time and names the digest of the day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

from litestar import HttpMethod, MediaType, Response, get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from api.services import Limits
from engine.errors import NotFound

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LATER = ("camera.js", "catalogue.js", "code.js", "csv.js", "feeds.js", "nomatch.js", "product.js")
"""Modules of the second view and of dialogs, which are asked for when they are opened."""
_FOR_GOOD, _ANEW = "public, max-age=31536000, immutable", "no-cache"


class PageFileNotFound(NotFound):
    """There is no such file of the page."""


def page_routes(limits: Limits) -> list[HTTPRouteHandler]:
    """The handlers of `/` and of the page's files; the files are read once, when the app is made."""
    folder = files("api").joinpath("page")
    kept = dict(_files(folder))
    digest = _digest(kept)
    html = _document(folder.joinpath("index.html").read_text("utf-8"), digest, sorted(kept), limits)

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def page() -> Response[str]:
        """Upload a photo, see what it finds; look after the catalogue."""
        return Response(html, headers={"Content-Security-Policy": _POLICY, "Cache-Control": _ANEW})

    @route(
        "/page/{version:str}/{name:path}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        status_code=200,
        include_in_schema=False,
    )
    async def page_file(
        version: Annotated[str, PathParameter()], name: Annotated[str, PathParameter()]
    ) -> Response[bytes]:
        """A module or style of the page; under the digest of an older page it is today's, and kept by nobody."""
        data = kept.get(name.removeprefix("/"))
        if data is None:
            raise PageFileNotFound(f"The page has no file {name[:100]!r}.")
        caching = _FOR_GOOD if version == digest else _ANEW
        return Response(data, media_type=_TYPES["." + name.rsplit(".", 1)[-1]], headers={"Cache-Control": caching})

    return [page, page_file]


def _files(folder: Traversable, under: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{under}{entry.name}/")
        elif "." + entry.name.rsplit(".", 1)[-1] in _TYPES:
            yield under + entry.name, entry.read_bytes()


def _digest(kept: dict[str, bytes]) -> str:
    told = hashlib.sha256()
    for name in sorted(kept):
        told.update(f"{name} {len(kept[name])} ".encode() + kept[name])
    return told.hexdigest()[:12]


def _document(html: str, digest: str, names: list[str], limits: Limits) -> str:
    """The document with the addresses of the day, the first modules named beforehand, and what this server takes."""
    first = (name for name in names if name.endswith(".js") and name not in _LATER)
    ahead = "\n".join(f'<link rel="modulepreload" href="/page/{digest}/{name}">' for name in first)
    settings = json.dumps({"maxImageBytes": limits.max_image_bytes, "imageUrls": limits.image_urls})
    html = html.replace("<!-- modules -->", ahead).replace("{{settings}}", escape(settings, quote=True))
    return html.replace('"/page/', f'"/page/{digest}/').replace(f"/{digest}/{digest}/", f"/{digest}/")
