"""A product's pictures: which are kept and searched, why others are not, and another try."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import PathParameter, QueryParameter

from api.context import Context, RequestContext, image_url
from api.description.documentation import UNCHANGED, problems
from api.http.addresses import with_slashes
from api.routes.images import picture_response
from engine.errors import InputRejected, ObjectNotFound, ProductNotFound
from engine.forms.catalogue import (
    AnalysisForm,
    IntakeReceipt,
    PictureForm,
    PictureList,
    ProductReceipt,
    analysis_form,
)
from engine.product_lookup import find_product
from engine.products.stored import picture_prefix
from engine.seams import IngestState, LedgerEntry
from engine.system.redaction import redacted
from engine.vision.images import decode_photo, encode_jpeg

ProductId = Annotated[str, PathParameter(description="The product's id, percent-encoded.")]
Side = Annotated[
    int | None,
    QueryParameter(ge=16, le=1024, description="A JPEG of which no side has more pixels; without it, as stored."),
]
_CACHING = "public, max-age=60, stale-while-revalidate=86400"
"""Short, for the address stays the same when the product gets another picture."""


class PicturesBesideTheFeed(InputRejected):
    """The product's pictures are files beside its feed, where only the feed's reader finds them."""


class ProductPictureController(Controller):
    """One product's pictures."""

    path = "/v1/products/{product_id:str}"
    tags = ("products",)

    @get("/pictures", responses=problems(404, 422, 503, 504), opt={"parameters": ()}, summary="A product's pictures")
    async def pictures(self, product_id: ProductId, context: Context) -> PictureList:
        """Every picture that the shop names: the one that is searched, and why others are refused."""
        return await context.look_up(partial(_pictures, context, product_id))

    @get(
        "/picture",
        media_type="image/*",
        responses={304: UNCHANGED, **problems(404, 422, 503, 504)},
        opt={"parameters": ("side",)},
        summary="A product's picture",
    )
    async def picture(
        self, product_id: ProductId, request: Request[Any, Any, Any], context: Context, side: Side = None
    ) -> Response[bytes]:
        """The stored picture by which the product is found, as small as is asked for."""
        data = await context.look_up(partial(_picture, context, product_id, side))
        return picture_response(data, request, _CACHING)

    @get("/analysis", responses=problems(404, 422, 503, 504), opt={"parameters": ()}, summary="A picture's analysis")
    async def analysis(self, product_id: ProductId, context: Context) -> AnalysisForm:
        """What is seen in the stored picture: garments with their outlines, from where and how wholly the person."""
        deadline = context.deadline()
        key, data = await context.look_up(partial(_stored, context, product_id), deadline)
        return analysis_form(image_url(key), await context.analyze(data, deadline))

    @post(
        "/retry",
        responses=problems(404, 422, 503, 504),
        opt={"parameters": ()},
        status_code=202,
        summary="Index a product anew",
    )
    async def retry(self, product_id: ProductId, context: Context) -> IntakeReceipt:
        """Fetch the product's pictures and look at them again, whatever became of it before."""
        return await context.look_up(partial(_retry, context, product_id))


def _entry(context: RequestContext, path_id: str) -> LedgerEntry:
    entry = find_product(context.services.ledger, with_slashes(path_id))
    if entry is None:
        raise ProductNotFound(f"There is no product {with_slashes(path_id)!r} in this catalogue.")
    return entry


def _pictures(context: RequestContext, path_id: str) -> PictureList:
    entry = _entry(context, path_id)
    stored = [image_url(key) for key in context.services.objects.keys(picture_prefix(entry.product.product_id))]
    refused = {refusal.image: refusal.rejection for refusal in entry.refusals}
    forms = []
    for reference in entry.product.images:
        rejection = refused.get(reference)
        told = (rejection.stage, redacted(rejection.reason)) if rejection else (None, None)
        forms.append(PictureForm(redacted(reference), None, *told))
    return PictureList(_with_stored(forms, stored if entry.state is IngestState.INDEXED else []))


def _with_stored(forms: list[PictureForm], stored: list[str]) -> list[PictureForm]:
    """The stored picture is the one of those that were not refused; which of several, nobody noted: the first."""
    for n, form in enumerate(forms):
        if stored and form.reason is None:
            return [*forms[:n], msgspec.structs.replace(form, stored=stored[0]), *forms[n + 1 :]]
    return forms


def _stored(context: RequestContext, path_id: str) -> tuple[str, bytes]:
    """The key and the bytes of a product's stored picture."""
    product_id = _entry(context, path_id).product.product_id
    key = next(iter(context.services.objects.keys(picture_prefix(product_id))), None)
    if key is None:
        raise ObjectNotFound(f"No picture of product {product_id!r} is stored.")
    return key, context.services.objects.get(key)


def _picture(context: RequestContext, path_id: str, side: int | None) -> bytes:
    _, data = _stored(context, path_id)
    return data if side is None else encode_jpeg(decode_photo(data, enough_side=2 * side).pixels, max_side=side)


def _retry(context: RequestContext, path_id: str) -> IntakeReceipt:
    entry = _entry(context, path_id)
    if not all(reference.lower().startswith(("http:", "https:", "s3:")) for reference in entry.product.images):
        raise PicturesBesideTheFeed(
            "The pictures of this product lie beside its feed, where this server finds none; take the feed again."
        )
    context.services.intake.submit([entry.product])
    receipt = ProductReceipt(entry.product.product_id, IngestState.PENDING.value)
    return IntakeReceipt(1, 0, [receipt])
