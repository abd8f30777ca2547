"""Search: by photo, by photo and words, by words, by a stored product, by what a stored product is worn with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from unicodedata import is_normalized

from litestar import Controller, Request, Response, get, post
from litestar.params import PathParameter

from api.context import Context, RequestContext
from api.description.documentation import (
    HybridOperation,
    ImageOperation,
    LookOperation,
    SimilarOperation,
    TextOperation,
    problems,
)
from api.http.addresses import with_slashes
from api.http.uploads import read_body
from api.requests.calls import Asked, by_look, by_photos, by_product, by_text
from api.requests.queries import (
    HybridSearch,
    ImageSearch,
    LookSearch,
    Q,
    SimilarSearch,
    TextSearch,
    from_fields,
    json_with_address,
)
from api.routes.deadlines import DeadlineMs
from api.services import Searches
from engine.forms.answers import AnswerForm
from engine.product_lookup import find_product
from engine.system.clock import Deadline


class SearchController(Controller):
    """The ways to search."""

    path = "/v1"
    tags = ("search",)

    @post(
        "/search/image",
        operation_class=ImageOperation,
        responses=problems(404, 408, 413, 415, 422, 503, 504),
        status_code=200,
        summary="Search by photo",
    )
    async def by_image(
        self, request: Request[Any, Any, Any], context: Context, deadline_ms: DeadlineMs = None
    ) -> Response[AnswerForm]:
        """Products like each garment of the photo's main person."""
        return await _by_photo(context, request, ImageSearch, deadline_ms)

    @post(
        "/search/hybrid",
        operation_class=HybridOperation,
        responses=problems(404, 408, 413, 415, 422, 503, 504),
        status_code=200,
        summary="Search by photo and words",
    )
    async def by_image_and_text(
        self, request: Request[Any, Any, Any], context: Context, deadline_ms: DeadlineMs = None
    ) -> Response[AnswerForm]:
        """Products like the photo's garments, moved towards `text` and away from `not_text`."""
        return await _by_photo(context, request, HybridSearch, deadline_ms)

    @post(
        "/search/text",
        operation_class=TextOperation,
        responses=problems(408, 413, 415, 422, 503, 504),
        status_code=200,
        request_max_body_size=1_000_000,
        summary="Search by words",
    )
    async def by_text(
        self, request: Request[Any, Any, Any], context: Context, deadline_ms: DeadlineMs = None
    ) -> Response[AnswerForm]:
        """Products that fit the words."""
        body = await read_body(request)
        query = json_with_address(TextSearch, body, list(request.query_params.multi_items()))
        deadline = context.deadline(deadline_ms)
        asked = by_text(context.services.thatlook, query, deadline)
        return await context.search(asked, deadline)

    @get(
        "/products/{product_id:str}/similar",
        operation_class=SimilarOperation,
        responses=problems(404, 422, 503, 504),
        summary="Search by a stored product",
    )
    async def by_product(
        self,
        product_id: Annotated[str, PathParameter(description="The product's id, percent-encoded.")],
        request: Request[Any, Any, Any],
        context: Context,
        deadline_ms: DeadlineMs = None,
    ) -> Response[AnswerForm]:
        """Other products like this one ("because you looked at …"), moved by words if there are any."""
        return await _by_stored(context, request, product_id, SimilarSearch, by_product, deadline_ms)

    @get(
        "/products/{product_id:str}/look",
        operation_class=LookOperation,
        responses=problems(404, 422, 503, 504),
        summary="The rest of a product's look",
    )
    async def by_look(
        self,
        product_id: Annotated[str, PathParameter(description="The product's id, percent-encoded.")],
        request: Request[Any, Any, Any],
        context: Context,
        deadline_ms: DeadlineMs = None,
    ) -> Response[AnswerForm]:
        """What else the product's own picture shows ("complete the look"), each garment with products like it.

        Boxes are in pixels of the picture at `image`. A product that is alone in its picture has no garments in its
        answer, and a note that says so.
        """
        return await _by_stored(context, request, product_id, LookSearch, by_look, deadline_ms)


async def _by_stored(
    context: RequestContext, request: Request[Any, Any, Any], product_id: str, kind: type[Q],
    ask: Callable[[Searches, str, Q, Deadline], Asked], deadline_ms: int | None,
) -> Response[AnswerForm]:  # fmt: skip
    deadline = context.deadline(deadline_ms)
    query = from_fields(kind, list(request.query_params.multi_items()))
    asked = ask(context.services.thatlook, await _known_as(context, product_id, deadline), query, deadline)
    return await context.search(asked, deadline)


async def _known_as(context: RequestContext, product_id: str, deadline: Deadline) -> str:
    """The id under which the catalogue knows a product, however its letters were composed on the way here."""
    named = with_slashes(product_id)
    if not is_normalized("NFC", named):
        entry = await context.look_up(partial(find_product, context.services.ledger, named), deadline)
        named = entry.product.product_id if entry else named
    return named


async def _by_photo(
    context: RequestContext, request: Request[Any, Any, Any], kind: type[ImageSearch], deadline_ms: int | None
) -> Response[AnswerForm]:
    photo = await context.receive(request, kind, deadline_ms)
    deadline = context.deadline(deadline_ms)  # From here: how long an upload takes is the caller's affair.
    ready = by_photos(context.services.thatlook, photo.query, deadline)
    asked = ready(await context.pictures(photo, deadline))
    return await context.search(asked, deadline)
