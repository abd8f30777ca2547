"""Clients of the HTTP API, for programs that wait (`Client`) and for asyncio (`AsyncClient`). Both have every route."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self, TypeVar, Unpack

import httpx

from engine.forms.answers import AnswerForm, FacetsForm
from thatlook import calls
from thatlook.calls import Call, Feed, Photo, saved
from thatlook.client_base import ClientBase
from thatlook.forms import (
    BatchAnswer,
    Clicks,
    DeletionReceipt,
    FeedOptions,
    FoundProducts,
    IngestError,
    IngestJob,
    IngestRun,
    IngestStatus,
    PhotoOptions,
    ProductAnalysis,
    ProductPage,
    ProductPicture,
    ProductState,
    Readiness,
    Receipt,
    SearchOptions,
    UpdateReceipt,
    WeakQuery,
)

T = TypeVar("T")
TIMEOUT_S = 40.0
"""Longer than a server takes for an upload and an answer."""
Words = str | Sequence[str]


class Client(ClientBase[httpx.Client]):
    """A server's catalogue, from a program that waits for each answer. Safe to use from several threads.

    Every method raises the errors of this package: `InputRejected` (change the request), `NotFound`, `Unavailable` (try
    again later), with the server's own sentence.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_s: float = TIMEOUT_S,
        key: str | None = None,
        retries: int = 2,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            address: such as `http://127.0.0.1:8080`.
            timeout_s: for connecting, each wait for more of an answer, and an answer as a whole (exports apart).
            key: of `thatlook keys create`, where the server asks for one.
            retries: how often a request is sent again, only where the server refused it and says when (Retry-After).
            headers: sent with every request, such as those that a proxy wants.
            transport: httpx's, for tests and special networks.
        Raises:
            QueryRejected: no address of a server, or a proxy in the environment that cannot be used.
        """
        super().__init__(
            httpx.Client,
            address,
            timeout_s=timeout_s,
            key=key,
            retries=retries,
            headers=headers,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def search_image(self, photo: Photo | Sequence[Photo], **options: Unpack[PhotoOptions]) -> AnswerForm:
        """Products like each garment of a photo (of several photos of one look), moved by words if there are any."""
        return self._send(calls.search_image(photo, options))

    def search_text(
        self, text: Words, *, not_text: Words = (), supercategory: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Products that fit the words."""
        return self._send(calls.search_text(text, not_text, supercategory, options))

    def similar(
        self, product_id: str, *, text: Words = (), not_text: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Other products like a stored one, moved by words if there are any."""
        return self._send(calls.similar(product_id, text, not_text, options))

    def look(self, product_id: str, **options: Unpack[SearchOptions]) -> AnswerForm:
        """What a stored product's picture shows beside it, each garment with products like it: the rest of the look."""
        return self._send(calls.look(product_id, options))

    def search_batch(self, searches: Sequence[Mapping[str, Any]]) -> list[BatchAnswer]:
        """Several searches at once, each with its `kind` (image, hybrid, text, similar) and that search's fields."""
        return self._send(calls.search_batch(searches)).answers

    def facets(
        self,
        names: Sequence[str] = (),
        *,
        supercategory: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        prefix: str = "",
    ) -> FacetsForm:
        """How many products match, and how many of them have which value; all facets where none is named."""
        return self._send(calls.facets(list(names), list(supercategory), filters, limit, prefix))

    def put_products(self, products: Sequence[Mapping[str, Any]]) -> Receipt:
        """Write products, each with Google Merchant's field names; indexing follows, see `product`."""
        return self._send(calls.put_products(products))

    def product(self, product_id: str) -> ProductState:
        """A product, where it stands, and why pictures of it were refused."""
        return self._send(calls.product(product_id))

    def product_pictures(self, product_id: str) -> list[ProductPicture]:
        """A product's pictures: the one that is searched, and why others are refused."""
        return self._send(calls.product_pictures(product_id)).pictures

    def product_picture(self, product_id: str, *, side: int | None = None) -> bytes:
        """The stored picture by which a product is found; as a JPEG of at most `side` pixels, if that is given."""
        return self._send(calls.product_picture(product_id, side))

    def product_analysis(self, product_id: str) -> ProductAnalysis:
        """What is seen in a product's stored picture: its garments, and from where the person is seen."""
        return self._send(calls.product_analysis(product_id))

    def retry_product(self, product_id: str) -> Receipt:
        """Look at a product's pictures again, whatever became of it before."""
        return self._send(calls.retry_product(product_id))

    def delete_product(self, product_id: str) -> None:
        """Take a product out; it is gone from searches when this returns."""
        self._send(calls.delete_product(product_id))

    def change_product(self, product_id: str, fields: Mapping[str, Any], *, etag: str | None = None) -> ProductState:
        """Give fields of a product another value (None takes one away), pictures apart: searchable when this returns.

        Args:
            etag: of the version to change; another version is refused.
        """
        return self._send(calls.change_product(product_id, fields, etag))

    def change_products(self, changes: Iterable[Mapping[str, Any]]) -> UpdateReceipt:
        """Change fields of at most 10,000 products, each named by its `id`: price and stock, say."""
        return self._send(calls.change_products(changes))

    def get_products(self, ids: Sequence[str]) -> FoundProducts:
        """Products by their ids, at most 1,000, and the ids that there are none of."""
        return self._send(calls.get_products(ids))

    def delete_products(self, ids: Sequence[str]) -> DeletionReceipt:
        """Take products out, at most 1,000; they are gone from searches when this returns."""
        return self._send(calls.delete_products(ids))

    def products(
        self, *, state: str | None = None, after: str | None = None, limit: int = 100, q: str | None = None
    ) -> ProductPage:
        """One page of products in the order of their ids; those alone with each word of `q` in id, title or brand."""
        return self._send(calls.products(state, after, limit, q))

    def every_product(self, *, state: str | None = None) -> Iterator[ProductState]:
        """All products, page by page."""
        after: str | None = None
        while True:
            page = self.products(state=state, after=after, limit=500)
            yield from page.products
            if (after := page.next_after) is None:
                return

    def image(self, key: str) -> bytes:
        """A stored picture; `key` is a hit's `image`."""
        return self._send(calls.image(key))

    def ingest_status(self) -> IngestStatus:
        """How many products stand where."""
        return self._send(calls.ingest_status())

    def ingest_runs(self, limit: int = 20) -> list[IngestRun]:
        """The latest runs over feeds, newest first."""
        return self._send(calls.ingest_runs(limit)).runs

    def ingest_errors(self, run_id: int, *, offset: int = 0, limit: int = 100) -> list[IngestError]:
        """Rows of a run that were not taken."""
        return self._send(calls.ingest_errors(run_id, offset, limit)).errors

    def start_ingest(self, feed: Feed, **options: Unpack[FeedOptions]) -> IngestJob:
        """Let the server take a feed while it serves: a file, a zip with pictures, or an address. See `ingest_job`."""
        with calls.start_ingest(feed, options) as call:
            return self._send(call)

    def ingest_jobs(self, limit: int = 20) -> list[IngestJob]:
        """The latest feed jobs, newest first."""
        return self._send(calls.ingest_jobs(limit)).jobs

    def ingest_job(self, job_id: str) -> IngestJob:
        """Where a feed job stands, and its report once it has ended."""
        return self._send(calls.ingest_job(job_id))

    def cancel_ingest(self, job_id: str) -> IngestJob:
        """End a feed job; what was written is kept."""
        return self._send(calls.cancel_ingest(job_id))

    def retry_ingest(self, job_id: str) -> IngestJob:
        """Start a feed job again that was interrupted or cancelled, or failed."""
        return self._send(calls.retry_ingest(job_id))

    def export_products(self, target: str | PathLike[str], *, form: str = "jsonl", state: str | None = None) -> int:
        """Write the products into a file, as `jsonl`, `csv`, `xml` or `parquet`; returns its bytes."""
        return self._save(calls.export_products(form, state), target)

    def export_embeddings(
        self, target: str | PathLike[str], supercategory: str, *, space: Literal["visual", "semantic"] = "visual"
    ) -> int:
        """Write the embeddings of a collection into a Parquet file; returns its bytes."""
        return self._save(calls.export_embeddings(supercategory, space), target)

    def send_events(self, events: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Tell what people did with answers, in the form of User Behavior Insights; returns how many were taken."""
        return self._send(calls.send_events(events)).accepted

    def no_match(self, days: int = 7, limit: int = 100) -> list[WeakQuery]:
        """Queries of the last days without a good match, the most frequent first."""
        return self._send(calls.no_match(days, limit)).queries

    def clicks(self, days: int = 7, depth: int = 10) -> Clicks:
        """How often hits were shown and clicked at each rank."""
        return self._send(calls.clicks(days, depth))

    def ready(self) -> Readiness:
        """Whether every part of the server can answer, and what it waits for."""
        return self._send(calls.ready())

    def metrics(self) -> str:
        """The server's metrics, in Prometheus's text form."""
        return self._send(calls.metrics()).decode()

    def _save(self, call: Call[bytes], target: str | PathLike[str]) -> int:
        """Stream an answer into a file, which is there when the answer is whole."""
        try:
            with self._http.stream(call.method, call.path, **call.sent) as response, saved(target) as file:
                if not response.is_success:
                    self._read(call, response, response.read())
                self._check_kind(response)
                return sum(file.write(part) for part in response.iter_bytes())
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _send(self, call: Call[T]) -> T:
        tries, body = 0, bytearray()
        while True:
            body.clear()
            try:
                with self._http.stream(call.method, call.path, **call.sent) as response:
                    began = time.monotonic()
                    for part in response.iter_bytes():
                        self._take(body, part, began)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
            if (wait := self._wait(response, tries)) is None:
                return self._read(call, response, body)
            tries += 1
            time.sleep(wait)


class AsyncClient(ClientBase[httpx.AsyncClient]):
    """The same for asyncio; see `Client`."""

    def __init__(
        self,
        address: str,
        *,
        timeout_s: float = TIMEOUT_S,
        key: str | None = None,
        retries: int = 2,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; see `Client`."""
        super().__init__(
            httpx.AsyncClient,
            address,
            timeout_s=timeout_s,
            key=key,
            retries=retries,
            headers=headers,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def search_image(self, photo: Photo | Sequence[Photo], **options: Unpack[PhotoOptions]) -> AnswerForm:
        """Products like each garment of a photo (of several photos of one look), moved by words if there are any."""
        return await self._send(await asyncio.to_thread(calls.search_image, photo, options))

    async def search_text(
        self, text: Words, *, not_text: Words = (), supercategory: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Products that fit the words."""
        return await self._send(calls.search_text(text, not_text, supercategory, options))

    async def similar(
        self, product_id: str, *, text: Words = (), not_text: Words = (), **options: Unpack[SearchOptions]
    ) -> AnswerForm:
        """Other products like a stored one, moved by words if there are any."""
        return await self._send(calls.similar(product_id, text, not_text, options))

    async def look(self, product_id: str, **options: Unpack[SearchOptions]) -> AnswerForm:
        """What a stored product's picture shows beside it, each garment with products like it: the rest of the look."""
        return await self._send(calls.look(product_id, options))

    async def search_batch(self, searches: Sequence[Mapping[str, Any]]) -> list[BatchAnswer]:
        """Several searches at once, each with its `kind` (image, hybrid, text, similar) and that search's fields."""
        return (await self._send(calls.search_batch(searches))).answers

    async def facets(
        self,
        names: Sequence[str] = (),
        *,
        supercategory: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        prefix: str = "",
    ) -> FacetsForm:
        """How many products match, and how many of them have which value; all facets where none is named."""
        return await self._send(calls.facets(list(names), list(supercategory), filters, limit, prefix))

    async def put_products(self, products: Sequence[Mapping[str, Any]]) -> Receipt:
        """Write products, each with Google Merchant's field names; indexing follows, see `product`."""
        return await self._send(calls.put_products(products))

    async def product(self, product_id: str) -> ProductState:
        """A product, where it stands, and why pictures of it were refused."""
        return await self._send(calls.product(product_id))

    async def product_pictures(self, product_id: str) -> list[ProductPicture]:
        """A product's pictures: the one that is searched, and why others are refused."""
        return (await self._send(calls.product_pictures(product_id))).pictures

    async def product_picture(self, product_id: str, *, side: int | None = None) -> bytes:
        """The stored picture by which a product is found; as a JPEG of at most `side` pixels, if that is given."""
        return await self._send(calls.product_picture(product_id, side))

    async def product_analysis(self, product_id: str) -> ProductAnalysis:
        """What is seen in a product's stored picture: its garments, and from where the person is seen."""
        return await self._send(calls.product_analysis(product_id))

    async def retry_product(self, product_id: str) -> Receipt:
        """Look at a product's pictures again, whatever became of it before."""
        return await self._send(calls.retry_product(product_id))

    async def delete_product(self, product_id: str) -> None:
        """Take a product out; it is gone from searches when this returns."""
        await self._send(calls.delete_product(product_id))

    async def change_product(
        self, product_id: str, fields: Mapping[str, Any], *, etag: str | None = None
    ) -> ProductState:
        """Give fields of a product another value (None takes one away), pictures apart: searchable when this returns.

        Args:
            etag: of the version to change; another version is refused.
        """
        return await self._send(calls.change_product(product_id, fields, etag))

    async def change_products(self, changes: Iterable[Mapping[str, Any]]) -> UpdateReceipt:
        """Change fields of at most 10,000 products, each named by its `id`: price and stock, say."""
        return await self._send(calls.change_products(changes))

    async def get_products(self, ids: Sequence[str]) -> FoundProducts:
        """Products by their ids, at most 1,000, and the ids that there are none of."""
        return await self._send(calls.get_products(ids))

    async def delete_products(self, ids: Sequence[str]) -> DeletionReceipt:
        """Take products out, at most 1,000; they are gone from searches when this returns."""
        return await self._send(calls.delete_products(ids))

    async def products(
        self, *, state: str | None = None, after: str | None = None, limit: int = 100, q: str | None = None
    ) -> ProductPage:
        """One page of products in the order of their ids; those alone with each word of `q` in id, title or brand."""
        return await self._send(calls.products(state, after, limit, q))

    async def every_product(self, *, state: str | None = None) -> AsyncIterator[ProductState]:
        """All products, page by page."""
        after: str | None = None
        while True:
            page = await self.products(state=state, after=after, limit=500)
            for product in page.products:
                yield product
            if (after := page.next_after) is None:
                return

    async def image(self, key: str) -> bytes:
        """A stored picture; `key` is a hit's `image`."""
        return await self._send(calls.image(key))

    async def ingest_status(self) -> IngestStatus:
        """How many products stand where."""
        return await self._send(calls.ingest_status())

    async def ingest_runs(self, limit: int = 20) -> list[IngestRun]:
        """The latest runs over feeds, newest first."""
        return (await self._send(calls.ingest_runs(limit))).runs

    async def ingest_errors(self, run_id: int, *, offset: int = 0, limit: int = 100) -> list[IngestError]:
        """Rows of a run that were not taken."""
        return (await self._send(calls.ingest_errors(run_id, offset, limit))).errors

    async def start_ingest(self, feed: Feed, **options: Unpack[FeedOptions]) -> IngestJob:
        """Let the server take a feed while it serves: a file, a zip with pictures, or an address. See `ingest_job`."""
        with calls.start_ingest(feed, options) as call:
            return await self._send(call)

    async def ingest_jobs(self, limit: int = 20) -> list[IngestJob]:
        """The latest feed jobs, newest first."""
        return (await self._send(calls.ingest_jobs(limit))).jobs

    async def ingest_job(self, job_id: str) -> IngestJob:
        """Where a feed job stands, and its report once it has ended."""
        return await self._send(calls.ingest_job(job_id))

    async def cancel_ingest(self, job_id: str) -> IngestJob:
        """End a feed job; what was written is kept."""
        return await self._send(calls.cancel_ingest(job_id))

    async def retry_ingest(self, job_id: str) -> IngestJob:
        """Start a feed job again that was interrupted or cancelled, or failed."""
        return await self._send(calls.retry_ingest(job_id))

    async def export_products(
        self, target: str | PathLike[str], *, form: str = "jsonl", state: str | None = None
    ) -> int:
        """Write the products into a file, as `jsonl`, `csv`, `xml` or `parquet`; returns its bytes."""
        return await self._save(calls.export_products(form, state), target)

    async def export_embeddings(
        self, target: str | PathLike[str], supercategory: str, *, space: Literal["visual", "semantic"] = "visual"
    ) -> int:
        """Write the embeddings of a collection into a Parquet file; returns its bytes."""
        return await self._save(calls.export_embeddings(supercategory, space), target)

    async def send_events(self, events: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Tell what people did with answers, in the form of User Behavior Insights; returns how many were taken."""
        return (await self._send(calls.send_events(events))).accepted

    async def no_match(self, days: int = 7, limit: int = 100) -> list[WeakQuery]:
        """Queries of the last days without a good match, the most frequent first."""
        return (await self._send(calls.no_match(days, limit))).queries

    async def clicks(self, days: int = 7, depth: int = 10) -> Clicks:
        """How often hits were shown and clicked at each rank."""
        return await self._send(calls.clicks(days, depth))

    async def ready(self) -> Readiness:
        """Whether every part of the server can answer, and what it waits for."""
        return await self._send(calls.ready())

    async def metrics(self) -> str:
        """The server's metrics, in Prometheus's text form."""
        return (await self._send(calls.metrics())).decode()

    async def _save(self, call: Call[bytes], target: str | PathLike[str]) -> int:
        """Stream an answer into a file, which is there when the answer is whole."""
        try:
            async with self._http.stream(call.method, call.path, **call.sent) as response:
                if not response.is_success:
                    self._read(call, response, await response.aread())
                self._check_kind(response)
                with saved(target) as file:
                    return sum([file.write(part) async for part in response.aiter_bytes()])
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def _send(self, call: Call[T]) -> T:
        tries, body = 0, bytearray()
        while True:
            body.clear()
            try:
                async with self._http.stream(call.method, call.path, **call.sent) as response:
                    began = time.monotonic()
                    async for part in response.aiter_bytes():
                        self._take(body, part, began)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
            if (wait := self._wait(response, tries)) is None:
                return self._read(call, response, body)
            tries += 1
            await asyncio.sleep(wait)
