"""Stored pictures, served so that a browser takes them for pictures and nothing else."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated, Any

from litestar import HttpMethod, Request, Response, route
from litestar.params import PathParameter

from api.context import Context
from api.description.documentation import UNCHANGED, problems
from api.http.addresses import with_slashes
from api.requests.pictures import IMAGES_PATH, stored_key

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_CACHING = "public, max-age=86400, stale-while-revalidate=604800"


def content_type_of(data: bytes) -> str:
    """The type that the bytes themselves tell; a file that is no picture is never served as one."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return "application/octet-stream"


@route(
    IMAGES_PATH + "{key:path}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    media_type="image/*",
    responses={304: UNCHANGED, **problems(404, 422, 503, 504)},
    opt={"parameters": ()},
    tags=["images"],
    summary="A stored picture",
)
async def read_image(
    key: Annotated[str, PathParameter(description="The picture's key, as hits name it.")],
    request: Request[Any, Any, Any],
    context: Context,
) -> Response[bytes]:
    """The picture's bytes, with an ETag; 304 where the caller has them already."""
    data = await context.look_up(partial(context.services.objects.get, stored_key(with_slashes(key.removeprefix("/")))))
    return picture_response(data, request, _CACHING)


def picture_response(data: bytes, request: Request[Any, Any, Any], caching: str) -> Response[bytes]:
    """A picture of the type that its bytes tell, with an ETag; 304 where the caller has it already."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": caching}
    if tag in [given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")]:
        return Response(b"", status_code=304, headers=headers)
    content_type = content_type_of(data)
    if content_type == "application/octet-stream":
        headers["Content-Disposition"] = "attachment"
    return Response(data, media_type=content_type, headers=headers)
