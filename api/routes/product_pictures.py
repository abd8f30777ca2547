"""A product's pictures: which are kept and searched, why others are not, and another try."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.params import PathParameter

from api.context import Context, RequestContext, image_url
from api.description.documentation import problems
from api.http.addresses import with_slashes
from engine.errors import InputRejected, ProductNotFound
from engine.forms.catalogue import IntakeReceipt, PictureForm, PictureList, ProductReceipt
from engine.product_lookup import find_product
from engine.products.stored import picture_prefix
from engine.seams import IngestState, LedgerEntry
from engine.system.redaction import redacted

ProductId = Annotated[str, PathParameter(description="The product's id, percent-encoded.")]


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


def _retry(context: RequestContext, path_id: str) -> IntakeReceipt:
    entry = _entry(context, path_id)
    if not all(reference.lower().startswith(("http:", "https:", "s3:")) for reference in entry.product.images):
        raise PicturesBesideTheFeed(
            "The pictures of this product lie beside its feed, where this server finds none; take the feed again."
        )
    context.services.intake.submit([entry.product])
    receipt = ProductReceipt(entry.product.product_id, IngestState.PENDING.value)
    return IntakeReceipt(1, 0, [receipt])
