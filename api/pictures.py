"""The photo of a request: read from one of the forms in which it can come, and found where it lies."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from litestar import Request
from litestar.datastructures import UploadFile

from api.problems import MediaTypeUnsupported, UploadTooSlow
from api.queries import ImageSearch, from_fields, from_json
from api.services import Limits
from engine.errors import ImageTooLarge, ImageUnreadable, ObjectNotFound, QueryRejected
from engine.remote import fetch
from engine.seams import ObjectStore

IMAGES_PATH = "/v1/images/"
_SMALL_BYTES = 256 * 1024
"""A JSON body of this size is parsed in well under a millisecond; a larger one leaves the event loop."""
Q = TypeVar("Q", bound=ImageSearch)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRequest(Generic[Q]):
    """A search request with the photo that came beside its fields, if one did."""

    query: Q
    upload: bytes | None = None


async def read_photo_request(request: Request[Any, Any, Any], kind: type[Q], within_s: float) -> PhotoRequest[Q]:
    """Read multipart (file `image` and fields), JSON, or a raw image with query parameters.

    Raises:
        MediaTypeUnsupported: of another kind.
        QueryRejected, msgspec.ValidationError: wrong fields.
        UploadTooSlow: it had not come after `within_s` seconds.
    """
    try:
        async with asyncio.timeout(within_s):
            return await _read(request, kind)
    except TimeoutError:
        raise UploadTooSlow(f"The request's body did not arrive within {within_s:g} s; send a smaller photo.") from None


async def _read(request: Request[Any, Any, Any], kind: type[Q]) -> PhotoRequest[Q]:
    media_type, _ = request.content_type
    if media_type == "application/json":
        body = await request.body()
        small = len(body) < _SMALL_BYTES
        return PhotoRequest(from_json(kind, body) if small else await asyncio.to_thread(from_json, kind, body))
    if media_type == "multipart/form-data":
        return await _from_form(request, kind)
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        fields = list(request.query_params.multi_items())
        return PhotoRequest(from_fields(kind, fields), await request.body())
    raise MediaTypeUnsupported(
        "Send the photo as multipart/form-data (file field 'image'), as application/json "
        "(image_base64, image_id or image_url), or as the body itself with its own type, such as image/jpeg."
    )


async def _from_form(request: Request[Any, Any, Any], kind: type[Q]) -> PhotoRequest[Q]:
    fields: list[tuple[str, object]] = []
    upload: bytes | None = None
    for name, value in (await request.form()).multi_items():
        if name != "image":
            fields.append((name, value))
        elif not isinstance(value, UploadFile):
            raise QueryRejected("The field 'image' must be a file, with a file name.")
        elif upload is not None:
            raise QueryRejected("The field 'image' is given twice; send one photo.")
        else:
            upload = await value.read()
    return PhotoRequest(from_fields(kind, fields), upload)


def find_picture(photo: PhotoRequest[Any], objects: ObjectStore, limits: Limits) -> bytes:
    """The photo's bytes, from wherever the request says. Blocks.

    Raises:
        QueryRejected: no photo, or several; or an address where addresses are not taken.
        ImageUnreadable, ImageTooLarge: what was found.
        ObjectNotFound: no such stored picture.
    """
    query: ImageSearch = photo.query
    named = (photo.upload, query.image_base64, query.image_id, query.image_url)
    if sum(source is not None for source in named) != 1:
        raise QueryRejected("Send exactly one photo: the file 'image', image_base64, image_id or image_url.")
    if query.image_base64 is not None:
        return _checked(_decode_base64(query.image_base64), limits)
    if query.image_id is not None:
        return objects.get(_named_key(query.image_id))
    if query.image_url is not None:
        return _from_address(query.image_url, limits)
    return _checked(photo.upload or b"", limits)


def stored_key(key: str) -> str:
    """The key itself, if the object store could have it.

    Raises:
        ObjectNotFound: no key looks like this.
    """
    if "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ObjectNotFound(f"There is no stored picture {key[:200]!r}.")
    return key


def _named_key(image_id: str) -> str:
    """The key that a caller names: as it is, or as the path that hits give."""
    if image_id.startswith(IMAGES_PATH):
        return stored_key(unquote(image_id.removeprefix(IMAGES_PATH)))
    return stored_key(image_id)


def _from_address(url: str, limits: Limits) -> bytes:
    if not limits.image_urls:
        raise QueryRejected("This server does not fetch image_url; send the picture itself.")
    return fetch(url, limits.remote)


def _decode_base64(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ImageUnreadable(
            "image_base64 is not valid base64; encode the file's bytes without line breaks."
        ) from None


def _checked(data: bytes, limits: Limits) -> bytes:
    if not data:
        raise ImageUnreadable("The image is empty (0 bytes).")
    if len(data) > limits.max_image_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; the most is {limits.max_image_bytes:,}.")
    return data
