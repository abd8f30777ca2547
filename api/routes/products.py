"""Products: written one by one or in lists, read with their state and refusals, deleted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, cast

from litestar import Controller, Request, Response, delete, get, put
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from api.context import Context, RequestContext
from api.description.documentation import UNCHANGED, PutProductsOperation, problems
from api.http.addresses import with_slashes
from api.http.uploads import read_body
from api.problems import ProductsRejected
from api.requests.changes import expected_by, found, has_tag, tag_of
from api.requests.products import (
    ProductPage,
    ProductStateForm,
    check_products,
    read_products,
    state_form,
)
from engine.forms.catalogue import IntakeReceipt
from engine.seams import IngestState
from engine.system.clock import Deadline

ProductId = Annotated[str, PathParameter(description="The product's id, percent-encoded.")]


class ProductController(Controller):
    """The catalogue."""

    path = "/v1/products"
    tags = ("products",)

    @put(
        operation_class=PutProductsOperation,
        responses=problems(404, 408, 412, 413, 415, 422, 503, 504),
        opt={"parameters": ()},
        status_code=202,
        summary="Write products",
    )
    async def write(
        self,
        request: Request[Any, Any, Any],
        context: Context,
        if_match: Annotated[
            str | None, HeaderParameter(name="If-Match", description="The ETag of the version to replace; one product.")
        ] = None,
        if_none_match: Annotated[
            Literal["*"] | None,
            HeaderParameter(name="If-None-Match", description="`*`: only a product that is not there yet."),
        ] = None,
    ) -> IntakeReceipt:
        """Take on one product or a list of at most 1,000; the answer says what became of each."""
        body, (media_type, _) = await read_body(request), request.content_type
        read, expected = partial(read_products, body, media_type), (if_match, if_none_match)
        return await context.look_up(partial(_take_on, context, read, expected, context.deadline()))

    @get(
        responses=problems(422, 503, 504),
        opt={"parameters": ("state", "after", "limit", "q")},
        summary="List products by state or words",
    )
    async def page(
        self,
        context: Context,
        in_state: Annotated[
            IngestState | None, QueryParameter(name="state", description="Only products in this state.")
        ] = None,
        after: Annotated[str | None, QueryParameter(description="Begin behind this id.")] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
        q: Annotated[
            str,
            QueryParameter(max_length=200, description="Only those with each of these words in id, title or brand."),
        ] = "",
    ) -> ProductPage:
        """Products in the order of their ids, each with its state and refusals."""
        page = partial(context.services.ledger.page, state=in_state, after=after, limit=limit, words=q)
        entries = await context.look_up(page)
        more = entries[-1].product.product_id if len(entries) == limit else None
        return ProductPage([state_form(entry) for entry in entries], more)

    @get(
        "/{product_id:str}",
        responses={304: UNCHANGED, **problems(404, 422, 503, 504)},
        opt={"parameters": ()},
        summary="Read a product",
    )
    async def read(
        self, product_id: ProductId, request: Request[Any, Any, Any], context: Context
    ) -> Response[ProductStateForm]:
        """A product, where it stands, and why pictures of it were refused; its ETag names this version."""
        entry = await context.look_up(partial(found, context.services, with_slashes(product_id)))
        headers = {"ETag": tag_of(entry), "Cache-Control": "no-cache"}
        if has_tag(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(cast(ProductStateForm, b""), status_code=304, headers=headers)
        return Response(state_form(entry), headers=headers)

    @delete(
        "/{product_id:str}",
        responses=problems(404, 412, 422, 503, 504),
        opt={"parameters": ()},
        status_code=204,
        summary="Delete a product",
    )
    async def remove(
        self,
        product_id: ProductId,
        context: Context,
        if_match: Annotated[
            str | None, HeaderParameter(name="If-Match", description="The ETag of the version to delete.")
        ] = None,
    ) -> Response[None]:
        """Take a product out; it is gone from searches when this answers."""
        await context.look_up(partial(_delete, context, product_id, if_match))
        return Response(None, status_code=204)


def _take_on(
    context: RequestContext,
    read: Callable[[], list[object]],
    expected: tuple[str | None, str | None],
    deadline: Deadline,
) -> IntakeReceipt:
    products, receipt = check_products(read(), deadline)
    if not products:
        raise ProductsRejected(
            [(row.id or f"product {n}", "; ".join(row.reasons)) for n, row in enumerate(receipt.products, 1)]
        )
    context.services.intake.submit(products, expected_by(products, *expected))
    return receipt


def _delete(context: RequestContext, product_id: str, if_match: str | None) -> None:
    product = found(context.services, with_slashes(product_id)).product
    context.services.intake.delete([product.product_id], expected_by([product], if_match))
