"""The photo of a request: read from one of the forms in which it can come, and found where it lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from litestar import Request

from api.http.base64_text import decode_base64
from api.http.uploads import read_body, read_chunks
from api.problems import MediaTypeUnsupported
from api.requests.forms import Part, read_form
from api.requests.queries import ImageSearch, PhotoSource, from_fields, joined, json_with_address
from api.services import Limits
from engine.errors import ImageTooLarge, ImageUnreadable, ObjectNotFound, QueryRejected
from engine.remote import fetch
from engine.retrieval.picking import MOST_PHOTOS
from engine.seams import ObjectStore

IMAGES_PATH = "/v1/images/"
_SMALL_BYTES = 256 * 1024
"""A JSON body of this size is parsed in well under a millisecond; a larger one leaves the event loop."""
Q = TypeVar("Q", bound=ImageSearch)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRequest(Generic[Q]):
    """A search request with the photos that came beside its fields, if any did."""

    query: Q
    uploads: tuple[bytes, ...] = ()


async def read_photo_request(request: Request[Any, Any, Any], kind: type[Q]) -> PhotoRequest[Q]:
    """Read multipart (file `image` and fields), JSON, or a raw image; query parameters join the fields of each.

    Raises:
        MediaTypeUnsupported: of another kind.
        RequestMalformed, RequestTooLarge: not what its type says, or too much of it.
        QueryRejected, msgspec.ValidationError: wrong fields, or fields that contradict each other.
    """
    media_type, options = request.content_type
    address = list(request.query_params.multi_items())
    if any(name == "image_base64" for name, _ in address):
        raise QueryRejected("image_base64 is too long for an address; send it in the body.")
    if media_type == "application/json":
        body = await read_body(request)
        read = partial(json_with_address, kind, body, address)
        return PhotoRequest(read() if len(body) < _SMALL_BYTES else await asyncio.to_thread(read))
    if media_type == "multipart/form-data":
        parts = await read_form(read_chunks(request), options, ("image", "image_base64"))
        fields = [(part.name, _field(part)) for part in parts if part.name != "image"]
        query = joined(from_fields(kind, fields), {name for name, _ in fields}, address)
        return PhotoRequest(query, _photos_of([part for part in parts if part.name == "image"]))
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return PhotoRequest(from_fields(kind, address), (await read_body(request),))
    raise MediaTypeUnsupported(
        "Send the photo as multipart/form-data (file field 'image'), as application/json "
        "(image_base64, image_id or image_url), or as the body itself with its own type, such as image/jpeg."
    )


def _field(part: Part) -> object:
    """A field's text; a file that came under its name is not taken for one."""
    return part.text() if part.file_name is None else part


def _photos_of(parts: list[Part]) -> tuple[bytes, ...]:
    """The photos of a form, whether or not their parts have a file name."""
    if len(parts) > MOST_PHOTOS:
        raise QueryRejected(f"The form has {len(parts)} photos; the most is {MOST_PHOTOS}.")
    for part in parts:
        if part.data and part.file_name is None and _is_text(part.data):
            raise QueryRejected(
                "The field 'image' holds text instead of a photo; send the file itself (curl: -F image=@photo.jpg), or "
                "its base64 as image_base64 in a JSON body."
            )
    return tuple(part.data for part in parts)


def _is_text(data: bytes) -> bool:
    """Whether bytes are a text, which no picture is."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def find_pictures(photo: PhotoRequest[Any], objects: ObjectStore, limits: Limits) -> list[bytes]:
    """The photos' bytes, from wherever the request says. Blocks.

    Raises:
        QueryRejected: no photo, or in several ways; or an address where addresses are not taken.
        ImageUnreadable, ImageTooLarge: what was found.
        ObjectNotFound: no such stored picture.
    """
    query: ImageSearch = photo.query
    own = PhotoSource(image_base64=query.image_base64, image_id=query.image_id, image_url=query.image_url)
    ways = [bool(photo.uploads), bool(query.images), *_named(own)]
    if sum(ways) != 1:
        raise QueryRejected("Send exactly one photo: the file 'image', image_base64, image_id or image_url.")
    if photo.uploads:
        return [_checked(data, limits) for data in photo.uploads]
    return [_found(source, objects, limits) for source in query.images or [own]]


def _named(source: PhotoSource) -> list[bool]:
    return [each is not None for each in (source.image_base64, source.image_id, source.image_url)]


def _found(source: PhotoSource, objects: ObjectStore, limits: Limits) -> bytes:
    if sum(_named(source)) != 1:
        raise QueryRejected("Each of 'images' has exactly one of image_base64, image_id and image_url.")
    if source.image_base64 is not None:
        return _checked(decode_base64(source.image_base64), limits)
    if source.image_id is not None:
        return objects.get(_named_key(source.image_id))
    return _from_address(source.image_url or "", limits)


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


def _checked(data: bytes, limits: Limits) -> bytes:
    if not data:
        raise ImageUnreadable("The image is empty (0 bytes).")
    if len(data) > limits.max_image_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; the most is {limits.max_image_bytes:,}.")
    return data
