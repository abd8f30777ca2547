"""Every route of the HTTP API as a value: what to send, and what comes back. Both clients send these."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import IO, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from engine.errors import FeedUnreadable, ImageUnreadable, QueryRejected
from engine.forms.answers import AnswerForm, FacetsForm
from thatlook.forms import (
    BatchAnswers,
    Clicks,
    DeletionReceipt,
    EventsReceipt,
    FeedOptions,
    FoundProducts,
    IngestErrors,
    IngestJob,
    IngestJobs,
    IngestRuns,
    IngestStatus,
    PhotoOptions,
    ProductAnalysis,
    ProductPage,
    ProductPictures,
    ProductState,
    Readiness,
    Receipt,
    SearchOptions,
    UpdateReceipt,
    WeakQueries,
)

T = TypeVar("T")
Photo = bytes | str | PathLike[str]
"""A photo's bytes, the path of its file, or its `https://` address where the server takes addresses."""
Feed = bytes | str | PathLike[str]
"""A feed's bytes, the path of its file (or of a zip with its pictures), or its `https://` address."""
IMAGES = "/v1/images/"


@dataclass(frozen=True, slots=True, eq=False)
class Call(Generic[T]):
    """One request: what to send, as httpx takes it, and the type of the answer (bytes: the body as it is)."""

    method: str
    path: str
    answer: type[T]
    also: tuple[int, ...] = ()
    """Statuses of failure whose body is an answer all the same."""
    sent: dict[str, Any] = field(default_factory=dict)


def search_image(photo: Photo | Sequence[Photo], options: PhotoOptions) -> Call[AnswerForm]:
    """Search by photo (or photos of one look), moved by words if there are any."""
    path = "/v1/search/hybrid" if "text" in options or "not_text" in options else "/v1/search/image"
    fields, headers = _split(options)
    photos = photos_of(photo)
    addresses = [each for each in photos if isinstance(each, str) and each.lower().startswith(("http://", "https://"))]
    if len(addresses) == len(photos) == 1:
        return Call("POST", path, AnswerForm, sent={"json": {**fields, "image_url": addresses[0]}, "headers": headers})
    if addresses:
        images = [{"image_url": each} if each in addresses else _as_json(photo_bytes(each)) for each in photos]
        return Call("POST", path, AnswerForm, sent={"json": {**fields, "images": images}, "headers": headers})
    data = {name: _as_field(value) for name, value in fields.items()}
    files = [("image", ("photo", photo_bytes(each), "application/octet-stream")) for each in photos]
    return Call("POST", path, AnswerForm, sent={"data": data, "files": files, "headers": headers})


def search_text(
    text: str | Sequence[str],
    not_text: str | Sequence[str],
    supercategory: str | Sequence[str],
    options: SearchOptions,
) -> Call[AnswerForm]:
    """Search by words."""
    fields, headers = _split(options)
    words = {"text": text, "not_text": not_text, "supercategory": supercategory}
    return Call("POST", "/v1/search/text", AnswerForm, sent={"json": {**_given(words), **fields}, "headers": headers})


def similar(
    product_id: str, text: str | Sequence[str], not_text: str | Sequence[str], options: SearchOptions
) -> Call[AnswerForm]:
    """Search by a stored product."""
    fields, headers = _split(options)
    params = {
        name: _as_field(value) for name, value in ({**_given({"text": text, "not_text": not_text}), **fields}).items()
    }
    path = f"{_product(product_id)}/similar"
    return Call("GET", path, AnswerForm, sent={"params": params, "headers": headers})


def look(product_id: str, options: SearchOptions) -> Call[AnswerForm]:
    """Search by what a stored product is worn with."""
    fields, headers = _split(options)
    params = {name: _as_field(value) for name, value in fields.items()}
    return Call("GET", f"{_product(product_id)}/look", AnswerForm, sent={"params": params, "headers": headers})


def search_batch(searches: Sequence[Mapping[str, Any]]) -> Call[BatchAnswers]:
    """Several searches at once."""
    return Call(
        "POST", "/v1/search/batch", BatchAnswers, sent={"json": {"searches": [dict(each) for each in searches]}}
    )


def facets(
    names: Sequence[str],
    supercategory: Sequence[str],
    filters: Mapping[str, Any] | None,
    limit: int | None,
    prefix: str,
) -> Call[FacetsForm]:
    """Values to filter by."""
    fields = {"names": names, "supercategory": supercategory, "filters": filters, "limit": limit, "prefix": prefix}
    params = {name: _as_field(value) for name, value in _given(fields).items()}
    return Call("GET", "/v1/facets", FacetsForm, sent={"params": params})


def put_products(products: Sequence[Mapping[str, Any]]) -> Call[Receipt]:
    """Write products; each has Google Merchant's names."""
    return Call("PUT", "/v1/products", Receipt, sent={"json": [dict(product) for product in products]})


def product(product_id: str) -> Call[ProductState]:
    """Read a product."""
    return Call("GET", _product(product_id), ProductState)


def product_pictures(product_id: str) -> Call[ProductPictures]:
    """Read which of a product's pictures are searched."""
    return Call("GET", f"{_product(product_id)}/pictures", ProductPictures)


def product_picture(product_id: str, side: int | None) -> Call[bytes]:
    """The picture by which a product is found."""
    return Call("GET", f"{_product(product_id)}/picture", bytes, sent={"params": _given({"side": side})})


def product_analysis(product_id: str) -> Call[ProductAnalysis]:
    """What is seen in a product's picture."""
    return Call("GET", f"{_product(product_id)}/analysis", ProductAnalysis)


def retry_product(product_id: str) -> Call[Receipt]:
    """Index a product anew."""
    return Call("POST", f"{_product(product_id)}/retry", Receipt)


def delete_product(product_id: str) -> Call[bytes]:
    """Delete a product."""
    return Call("DELETE", _product(product_id), bytes)


def change_product(product_id: str, fields: Mapping[str, Any], etag: str | None) -> Call[ProductState]:
    """Change fields of a product."""
    headers = {"If-Match": etag} if etag else {}
    return Call("PATCH", _product(product_id), ProductState, sent={"json": dict(fields), "headers": headers})


def change_products(changes: Iterable[Mapping[str, Any]]) -> Call[UpdateReceipt]:
    """Change fields of many products."""
    lines = b"".join(msgspec.json.encode(dict(each)) + b"\n" for each in changes)
    headers = {"Content-Type": "application/x-ndjson"}
    return Call("PATCH", "/v1/products", UpdateReceipt, sent={"content": lines, "headers": headers})


def get_products(ids: Sequence[str]) -> Call[FoundProducts]:
    """Products by their ids."""
    return Call("POST", "/v1/products/get", FoundProducts, sent={"json": {"ids": list(ids)}})


def delete_products(ids: Sequence[str]) -> Call[DeletionReceipt]:
    """Delete many products."""
    return Call("POST", "/v1/products/delete", DeletionReceipt, sent={"json": {"ids": list(ids)}})


def products(state: str | None, after: str | None, limit: int, q: str | None) -> Call[ProductPage]:
    """List products."""
    params = _given({"state": state, "after": after, "limit": limit, "q": q})
    return Call("GET", "/v1/products", ProductPage, sent={"params": params})


def image(key: str) -> Call[bytes]:
    """A stored picture."""
    return Call("GET", key if key.startswith(IMAGES) else IMAGES + quote(key), bytes)


def ingest_status() -> Call[IngestStatus]:
    """The catalogue's state."""
    return Call("GET", "/v1/ingest/status", IngestStatus)


def ingest_runs(limit: int) -> Call[IngestRuns]:
    """Runs over feeds."""
    return Call("GET", "/v1/ingest/runs", IngestRuns, sent={"params": {"limit": limit}})


def ingest_errors(run_id: int, offset: int, limit: int) -> Call[IngestErrors]:
    """Rows that were rejected."""
    params = {"offset": offset, "limit": limit}
    return Call("GET", f"/v1/ingest/runs/{run_id}/errors", IngestErrors, sent={"params": params})


@contextmanager
def start_ingest(feed: Feed, options: FeedOptions) -> Iterator[Call[IngestJob]]:
    """Let the server take a feed: an address, or a file, which is open for as long as this lasts.

    Raises:
        FeedUnreadable: the file cannot be read.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if isinstance(feed, str) and feed.lower().startswith(("http://", "https://")):
        yield Call("POST", "/v1/ingest", IngestJob, sent={"json": {"feed_url": feed, **given}})
        return
    data = {name: _as_field(value) for name, value in given.items()}
    with _opened(feed) as (name, content):
        yield Call("POST", "/v1/ingest", IngestJob, sent={"data": data, "files": {"feed": (name, content)}})


@contextmanager
def _opened(feed: bytes | str | PathLike[str]) -> Iterator[tuple[str, Any]]:
    """The feed's name and its bytes, or its file, which is sent as it is read."""
    if isinstance(feed, bytes | bytearray | memoryview):
        yield "feed", bytes(feed)
        return
    path = Path(feed)
    try:
        file = path.open("rb")
    except OSError as error:
        raise FeedUnreadable(f"The feed {str(feed)!r} cannot be read: {error.strerror}.") from None
    with file:
        yield path.name, file


def ingest_jobs(limit: int) -> Call[IngestJobs]:
    """Feed jobs."""
    return Call("GET", "/v1/ingest/jobs", IngestJobs, sent={"params": {"limit": limit}})


def ingest_job(job_id: str) -> Call[IngestJob]:
    """A feed job."""
    return Call("GET", _job(job_id), IngestJob)


def cancel_ingest(job_id: str) -> Call[IngestJob]:
    """Cancel a feed job."""
    return Call("DELETE", _job(job_id), IngestJob)


def retry_ingest(job_id: str) -> Call[IngestJob]:
    """Start a feed job again."""
    return Call("POST", f"{_job(job_id)}/retry", IngestJob)


def _job(job_id: str) -> str:
    """A job's address.

    Raises:
        QueryRejected: an empty id, which would be the address of all jobs.
    """
    if job_id in ("", ".", ".."):
        raise QueryRejected(f"{job_id!r} cannot be the id of a job.")
    return f"/v1/ingest/jobs/{quote(job_id, safe='')}"


def export_products(form: str, state: str | None) -> Call[bytes]:
    """The products as a file."""
    return Call("GET", "/v1/export/products", bytes, sent={"params": _given({"format": form, "state": state})})


def export_embeddings(supercategory: str, space: str) -> Call[bytes]:
    """The embeddings of a collection as a file."""
    params = {"supercategory": supercategory, "space": space}
    return Call("GET", "/v1/export/embeddings", bytes, sent={"params": params})


def send_events(events: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Call[EventsReceipt]:
    """Tell what people did with answers."""
    told = dict(events) if isinstance(events, Mapping) else [dict(event) for event in events]
    return Call("POST", "/v1/events", EventsReceipt, sent={"json": told})


def no_match(days: int, limit: int) -> Call[WeakQueries]:
    """Queries without a good match."""
    return Call("GET", "/v1/events/no-match", WeakQueries, sent={"params": {"days": days, "limit": limit}})


def clicks(days: int, depth: int) -> Call[Clicks]:
    """Clicks by rank."""
    return Call("GET", "/v1/events/clicks", Clicks, sent={"params": {"days": days, "depth": depth}})


def ready() -> Call[Readiness]:
    """Whether every part can answer."""
    return Call("GET", "/readyz", Readiness, also=(503,))


def metrics() -> Call[bytes]:
    """Prometheus metrics."""
    return Call("GET", "/metrics", bytes)


def read_answer(call: Call[T], body: bytes) -> T:
    """The answer as a value."""
    return body if call.answer is bytes else msgspec.json.decode(body, type=call.answer)  # type: ignore[return-value]


def _product(product_id: str) -> str:
    """A product's address; its id is one segment, whatever it holds.

    Raises:
        QueryRejected: an empty id, which would be the address of all products.
    """
    if product_id in ("", ".", ".."):
        raise QueryRejected(f"{product_id!r} cannot be the id of a product.")
    return f"/v1/products/{quote(product_id, safe='')}"


def photos_of(photo: Photo | Sequence[Photo]) -> list[Photo]:
    """One photo or several as a list."""
    if isinstance(photo, bytearray | memoryview):
        return [bytes(photo)]
    return [photo] if isinstance(photo, bytes | str | PathLike) else list(photo)


def _as_json(data: bytes) -> dict[str, str]:
    return {"image_base64": base64.b64encode(data).decode()}


def photo_bytes(photo: Photo) -> bytes:
    """The photo's bytes, read from its file where a path is given.

    Raises:
        ImageUnreadable: the file cannot be read.
    """
    if isinstance(photo, bytes | bytearray | memoryview):
        return bytes(photo)
    try:
        return Path(photo).read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"The photo {str(photo)!r} cannot be read: {error.strerror}.") from None


def _split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of a request, and its headers."""
    fields = {name: value for name, value in options.items() if name != "deadline_ms" and value is not None}
    deadline = options.get("deadline_ms")
    return fields, {} if deadline is None else {"X-Deadline-Ms": str(deadline)}


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value not in ("", (), [], {})}


def _as_field(value: object) -> object:
    """A value as a form field or query parameter: structures as JSON, lists of words by repetition."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return [str(one) for one in value] if all(isinstance(one, str) for one in value) else json.dumps(list(value))
    return str(value)


@contextmanager
def saved(target: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """A file that is there when all of it is written, and not before."""
    path = Path(target)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
