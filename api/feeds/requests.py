"""A feed that is sent to the server: read from one of the forms in which it can come, straight into a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request
from msgspec import Meta

from api.http.documents import convert, read_json
from api.http.uploads import Upload, read_chunks, upload_of
from api.problems import RequestInvalid, RequestTooLarge
from api.requests.forms import Part, read_form
from api.services import Limits
from engine.errors import QueryRejected
from engine.jobs import FeedRequest
from engine.system.refusals import refusal

_JSON_BYTES = 64 * 1024
_WRITE_BYTES = 1 << 20
_SUFFIXES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/rss+xml": ".xml",
    "application/atom+xml": ".xml",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/zip": ".zip",
    "application/gzip": ".gz",
}
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class FeedFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of a feed, as to `thatlook ingest`.

    `prune` takes out products that left the feed, at most half of them; `prune_all` all of them.
    """

    name: Text | None = None
    policy: Literal["strict", "prefer"] | None = None
    prune: bool = False
    prune_all: bool = False
    limit: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    shop_url: Text | None = None
    currency: Text | None = None
    encoding: Text | None = None


class FeedByAddress(FeedFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed that the server fetches; `feed_url` may not lead into a private network."""

    feed_url: Annotated[str, Meta(min_length=1, max_length=8_192)]


class _FeedByPath(FeedFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed that lies on the server's machine; for programs of the home's owner."""

    path: str


class FileSink:
    """A file that takes a body as it comes, bounded; disks are written to off the event loop."""

    def __init__(self, path: Path, most_bytes: int, upload: Upload | None) -> None:
        self._most_bytes = most_bytes
        self._upload = upload
        self._pending = bytearray()
        self._file = path.open("xb")
        self.size_bytes = 0

    def take(self, piece: bytes) -> None:
        """More of the body.

        Raises:
            RequestTooLarge: more than a feed may have.
        """
        self.size_bytes += len(piece)
        if self.size_bytes > self._most_bytes:
            raise RequestTooLarge(f"The feed has more than {self._most_bytes:,} bytes; pack it with gzip, or split it.")
        self._pending += piece

    async def drain(self, least_bytes: int = _WRITE_BYTES) -> None:
        """Write what has gathered, if it is enough."""
        if not self._pending or len(self._pending) < least_bytes:
            return
        pending, self._pending = bytes(self._pending), bytearray()
        await asyncio.to_thread(self._file.write, pending)
        if self._upload is not None:
            self._upload.written(len(pending))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


async def read_feed_request(
    request: Request[Any, Any, Any], inbox: Callable[[], Path], limits: Limits, *, is_owner: bool
) -> FeedRequest:
    """Read multipart (file `feed` and fields), JSON with `feed_url`, or the feed itself as the body.

    Query parameters join the fields of each. An upload lies in a file of `inbox` when this returns, and nothing does
    when it fails.

    Raises:
        RequestInvalid, QueryRejected, RequestMalformed, RequestTooLarge, msgspec.ValidationError: with the reason.
        UploadTooSlow, UploadsFull: as for every body.
        StoreUnavailable: it cannot be written.
    """
    media_type, options = request.content_type
    address = dict(request.query_params.multi_items())
    if media_type == "application/json":
        return _by_reference(await _small_body(request), address, is_owner=is_owner)
    async with _sink(request, inbox(), limits) as (sink, path):
        if media_type == "multipart/form-data":
            return await _from_form(request, options, address, sink, path)
        async for chunk in read_chunks(request):
            sink.take(chunk)
            await sink.drain()
        fields = _fields(address, {})
        name = fields.name or "feed"
        suffix = _SUFFIXES.get(media_type, "")
        return _uploaded(path, fields, name if "." in name else name + suffix, sink)


@asynccontextmanager
async def _sink(request: Request[Any, Any, Any], path: Path, limits: Limits) -> AsyncIterator[tuple[FileSink, Path]]:
    upload = upload_of(request)
    if upload is not None:
        upload.goes_to_disk(limits.feed_upload_s)
    try:
        sink = FileSink(path, limits.max_feed_bytes, upload)
        try:
            yield sink, path
            await sink.drain(0)
        finally:
            sink.close()
    except OSError as error:
        path.unlink(missing_ok=True)
        raise refusal(error, "The feed cannot be stored", path.parent) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _from_form(
    request: Request[Any, Any, Any], options: Mapping[str, str], address: dict[str, str], sink: FileSink, path: Path
) -> FeedRequest:
    parts = await read_form(read_chunks(request), options, sinks={"feed": sink})
    feeds = [part for part in parts if part.name == "feed"]
    if len(feeds) != 1:
        raise QueryRejected("Send exactly one file 'feed' (curl: -F feed=@feed.csv), or feed_url in a JSON body.")
    fields = _fields({part.name: _text(part) for part in parts if part.name != "feed"}, address)
    return _uploaded(path, fields, feeds[0].file_name or fields.name, sink)


def _text(part: Part) -> str:
    if part.file_name is not None:
        raise QueryRejected(f"The field {part.name[:100]!r} must be a text; only 'feed' is a file.")
    return part.text()


def _uploaded(path: Path, fields: FeedFields, file_name: str | None, sink: FileSink) -> FeedRequest:
    if not sink.size_bytes:
        raise RequestInvalid("The feed is empty (0 bytes).")
    return FeedRequest("upload", str(path), file_name=file_name, **msgspec.structs.asdict(fields))


def _fields(given: Mapping[str, str], address: Mapping[str, str]) -> FeedFields:
    for name in given.keys() & address.keys():
        if given[name] != address[name]:
            raise QueryRejected(f"The field {name!r} is given in the body and, with another value, in the address.")
    return convert({**given, **address}, FeedFields, strict=False)


async def _small_body(request: Request[Any, Any, Any]) -> bytes:
    body = bytearray()
    async for chunk in read_chunks(request):
        body += chunk
        if len(body) > _JSON_BYTES:
            raise RequestTooLarge(
                "A JSON body names the feed's address (feed_url); send a JSON feed itself as multipart/form-data."
            )
    return bytes(body)


def _by_reference(body: bytes, address: dict[str, str], *, is_owner: bool) -> FeedRequest:
    document = read_json(body, msgspec.Raw)
    kind: type[FeedByAddress | _FeedByPath] = FeedByAddress
    if bytes(document).lstrip()[:1] != b"{":
        raise QueryRejected(
            "A JSON body is an object with feed_url; send a JSON feed itself as multipart/form-data (file 'feed')."
        )
    if is_owner and '"path"' in bytes(document).decode("utf-8", "replace"):
        kind = _FeedByPath
    found = read_json(body, kind)
    if address:
        raise QueryRejected("Give the fields beside feed_url in the JSON body, not in the address.")
    fields = msgspec.structs.asdict(found)
    if isinstance(found, _FeedByPath):
        return FeedRequest("path", fields.pop("path"), **fields)
    return FeedRequest("address", fields.pop("feed_url"), **fields)
