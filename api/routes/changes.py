"""Many products at once, and changes of their fields that touch no picture."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, patch, post
from litestar.params import HeaderParameter, PathParameter

from api.context import Context, RequestContext
from api.description.documentation import ChangeOperation, ChangesOperation, IdsOperation, problems
from api.http.addresses import with_slashes
from api.http.documents import read_json
from api.http.json_lines import JSON_LINES
from api.http.uploads import read_body
from api.problems import MediaTypeUnsupported
from api.requests.changes import change_many, change_one, read_changes, tag_of
from api.requests.products import FoundProducts, ProductStateForm, state_form
from engine.forms.catalogue import DeletionReceipt, UpdateReceipt

_SEVERAL = (*JSON_LINES, "application/json")
_MERGES = ("application/merge-patch+json", "application/json")


class Ids(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Products by their ids."""

    ids: Annotated[list[Annotated[str, msgspec.Meta(min_length=1)]], msgspec.Meta(min_length=1, max_length=1000)]


@patch(
    "/v1/products/{product_id:str}",
    operation_class=ChangeOperation,
    responses=problems(404, 408, 412, 413, 415, 422, 503, 504),
    opt={"parameters": ()},
    tags=["products"],
    summary="Change a product",
)
async def change(
    product_id: Annotated[str, PathParameter(description="The product's id, percent-encoded.")],
    request: Request[Any, Any, Any],
    context: Context,
    if_match: Annotated[
        str | None, HeaderParameter(name="If-Match", description="The ETag of the version to change.")
    ] = None,
) -> Response[ProductStateForm]:
    """Give fields another value (null takes one away), pictures apart: price and stock are searched by at once."""
    _check_kind(request, _MERGES)
    body = await read_body(request)
    entry = await context.look_up(partial(change_one, context.services, with_slashes(product_id), body, if_match))
    return Response(state_form(entry), headers={"ETag": tag_of(entry)})


@patch(
    "/v1/products",
    operation_class=ChangesOperation,
    responses=problems(408, 413, 415, 422, 503, 504),
    opt={"parameters": ()},
    tags=["products"],
    summary="Change many products",
)
async def change_several(request: Request[Any, Any, Any], context: Context) -> UpdateReceipt:
    """Change at most 10,000 products, a line of JSON with its `id` for each; the answer says what became of each."""
    media_type = _check_kind(request, _SEVERAL)
    body, deadline = await read_body(request), context.deadline()

    def work() -> UpdateReceipt:
        return change_many(context.services, read_changes(body, media_type), deadline)

    return await context.look_up(work, deadline)


@post(
    "/v1/products/get",
    operation_class=IdsOperation,
    responses=problems(408, 413, 422, 503, 504),
    opt={"parameters": ()},
    status_code=200,
    tags=["products"],
    summary="Read many products",
)
async def get_several(request: Request[Any, Any, Any], context: Context) -> FoundProducts:
    """Products by their ids, in the order asked, and the ids that there are none of."""
    ids = list(dict.fromkeys(read_json(await read_body(request), Ids).ids))
    known = await context.look_up(partial(context.services.ledger.get, ids))
    return FoundProducts([state_form(known[i]) for i in ids if i in known], [i for i in ids if i not in known])


@post(
    "/v1/products/delete",
    operation_class=IdsOperation,
    responses=problems(408, 413, 422, 503, 504),
    opt={"parameters": ()},
    status_code=200,
    tags=["products"],
    summary="Delete many products",
)
async def delete_several(request: Request[Any, Any, Any], context: Context) -> DeletionReceipt:
    """Take products out; they are gone from searches when this answers."""
    ids = list(dict.fromkeys(read_json(await read_body(request), Ids).ids))
    return await context.look_up(partial(_delete, context, ids))


def _delete(context: RequestContext, ids: list[str]) -> DeletionReceipt:
    known = context.services.ledger.get(ids)
    if known:
        context.services.intake.delete(list(known))
    return DeletionReceipt(len(known), [each for each in ids if each not in known])


def _check_kind(request: Request[Any, Any, Any], kinds: tuple[str, ...]) -> str:
    media_type, _ = request.content_type
    if media_type not in kinds:
        raise MediaTypeUnsupported(f"Send the body as {' or '.join(kinds)}.")
    return media_type
