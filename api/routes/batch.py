"""Several searches in one request."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import msgspec
from litestar import Request, Response, post

from api.context import Context, RequestContext
from api.description.documentation import BatchOperation, problems
from api.http.batches import BatchAnswer, BatchAnswers, BatchRequest, Search, parted
from api.http.documents import read_json
from api.http.uploads import read_body
from api.problems import told_problem
from api.requests.calls import Asked, by_photos, by_product, by_text
from api.requests.pictures import PhotoRequest, find_pictures
from api.requests.queries import HybridSearch, ImageSearch, SimilarSearch, TextSearch, from_json
from api.routes.deadlines import DeadlineMs
from engine.errors import ThatLookError
from engine.forms.answers import AnswerForm
from engine.product_lookup import find_product
from engine.system.clock import Deadline


@post(
    "/v1/search/batch",
    operation_class=BatchOperation,
    responses=problems(408, 413, 415, 422, 503, 504),
    opt={"parameters": ()},
    status_code=200,
    tags=["search"],
    summary="Several searches at once",
)
async def search_batch(
    request: Request[Any, Any, Any], context: Context, deadline_ms: DeadlineMs = None
) -> Response[BatchAnswers]:
    """Answers for at most 16 searches, one after the other; one that is refused does not stop the rest."""
    batch = read_json(await read_body(request), BatchRequest)
    deadline = context.deadline(deadline_ms)
    answers = [await _answered(request, context, search, deadline) for search in batch.searches]
    return Response(BatchAnswers(answers))


async def _answered(
    request: Request[Any, Any, Any], context: RequestContext, search: Search, deadline: Deadline
) -> BatchAnswer:
    try:
        asked = await _asked(context, search, deadline)
        found = await context.answer(asked, deadline)
    except (ThatLookError, msgspec.ValidationError) as error:
        problem = told_problem(request, error)
        return BatchAnswer(problem.status, None, problem)
    return BatchAnswer(200, cast(AnswerForm, found.document))


async def _asked(context: RequestContext, search: Search, deadline: Deadline) -> Asked:
    (kind, product_id, body), services = parted(search), context.services
    if kind == "text":
        return by_text(services.thatlook, from_json(TextSearch, body), deadline)
    if kind == "similar" and product_id is not None:
        entry = await context.look_up(partial(find_product, services.ledger, product_id), deadline)
        named = entry.product.product_id if entry else product_id
        return by_product(services.thatlook, named, from_json(SimilarSearch, body), deadline)
    query = await asyncio.to_thread(from_json, HybridSearch if kind == "hybrid" else ImageSearch, body)
    ready = by_photos(services.thatlook, query, deadline)
    photo = PhotoRequest(query)
    return ready(await context.look_up(lambda: find_pictures(photo, services.objects, context.limits), deadline))
