"""The landing page: one file, its script and style allowed by hash, nothing from other hosts."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def landing_page() -> HTTPRouteHandler:
    """The handler of `/`; reads the page once, when the app is made."""
    html = files("api").joinpath("page.html").read_text("utf-8")
    headers = {"Content-Security-Policy": content_security_policy(html), "Cache-Control": "no-cache"}

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def page() -> Response[str]:
        """Upload a photo, see what it finds."""
        return Response(html, headers=headers)

    return page


def content_security_policy(html: str) -> str:
    """Only the page's own script and style may run; pictures and calls stay on this host."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        allowed[kind].append(f"'sha256-{digest}'")
    return (
        f"default-src 'none'; script-src {' '.join(allowed['script'])}; style-src {' '.join(allowed['style'])}; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
