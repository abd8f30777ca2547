"""The catalogue as files, streamed page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from api.context import Context, RequestContext
from api.description.documentation import ExportOperation, problems
from engine.errors import QueryRejected
from engine.export.feeds import FEEDS
from engine.seams import IngestState

MEDIA = {
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "xml": "application/xml",
    "parquet": "application/vnd.apache.parquet",
}


@get(
    "/v1/export/products",
    operation_class=ExportOperation,
    responses=problems(422, 503, 504),
    opt={"parameters": ("format", "state")},
    tags=["export"],
    summary="The products as a file",
)
async def export_products(
    context: Context,
    form: Annotated[
        Literal["jsonl", "csv", "xml", "parquet"],
        QueryParameter(name="format", description="A feed that `thatlook ingest` takes back, or a Parquet table."),
    ] = "jsonl",
    in_state: Annotated[
        IngestState | None, QueryParameter(name="state", description="Only products in this state.")
    ] = None,
) -> Stream:
    """Every product as it is kept, with Google Merchant's field names; memory holds a page of it at a time."""
    ledger = context.services.ledger
    if form == "parquet":
        from engine.export.parquet import products_table

        return _streamed(context, products_table(ledger, in_state), "products", form)
    return _streamed(context, FEEDS[form](ledger, in_state), "products", form)


@get(
    "/v1/export/embeddings",
    operation_class=ExportOperation,
    responses=problems(422, 503, 504),
    opt={"parameters": ("supercategory", "space")},
    tags=["export"],
    summary="The embeddings of a collection as a file",
)
async def export_embeddings(
    context: Context,
    supercategory: Annotated[str, QueryParameter(max_length=100, description="Such as `upper_wear`.")],
    space: Annotated[
        Literal["visual", "semantic"], QueryParameter(description="Which of the two embeddings.")
    ] = "visual",
) -> Stream:
    """Parquet: each garment's unit embedding with its product, stored picture and box; the model in the metadata."""
    from engine.export.parquet import embeddings_table

    services = context.services
    if services.embeddings is None:
        raise QueryRejected("This server hands out no embeddings.")
    store, dim = services.embeddings(supercategory, space)
    table = embeddings_table(services.ledger, store, supercategory, space, dim, services.models[space])
    return _streamed(context, table, f"{supercategory}_{space}", "parquet")


def _streamed(context: RequestContext, parts: Iterator[bytes], name: str, form: str) -> Stream:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Stream(_read(context, parts), media_type=MEDIA[form], headers=headers)


async def _read(context: RequestContext, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The parts, each made on a thread that may wait for the ledger."""
    while (part := await context.look_up(lambda: next(parts, None))) is not None:
        if part:
            yield part
