"""What can be filtered by: names and values with how many products have them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter

from api.context import Context
from api.description.documentation import problems
from api.http.documents import read_json
from api.requests.filters import filter_of
from api.requests.queries import names_of
from api.routes.deadlines import DeadlineMs
from engine.errors import QueryRejected
from engine.facets import EVERY, MOST_VALUES, USUAL_VALUES, FacetAsk
from engine.forms.answers import FacetsForm, facets_form

_ONCE = ("filters", "limit", "prefix")
_LISTS = ("names", "supercategory")


@get("/v1/facets", responses=problems(422, 503, 504), tags=["search"], summary="Values to filter by")
async def facets(
    request: Request[Any, Any, Any],
    context: Context,
    names: Annotated[
        list[str] | None, QueryParameter(description="Facets, or `price`; all where none is named.")
    ] = None,
    supercategory: Annotated[list[str] | None, QueryParameter(description="Of these alone.")] = None,
    filters: Annotated[str | None, QueryParameter(description="`filters` as JSON: count what matches.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_VALUES, description="Values of each facet.")] = USUAL_VALUES,
    prefix: Annotated[str, QueryParameter(max_length=100, description="Only values that begin so.")] = "",
    deadline_ms: DeadlineMs = None,
) -> FacetsForm:
    """How many products match the filters, and how many of them have which value; and where their prices lie."""
    _check_parameters([name for name, _ in request.query_params.multi_items()])
    where = filter_of(read_json(filters, dict[str, Any], "parameter 'filters'") if filters else None)
    ask = FacetAsk(names_of(names or []) or (EVERY,), limit, prefix)
    count = partial(context.services.thatlook.count, names_of(supercategory or []) or None, where, ask)
    return facets_form(await context.look_up(count, context.deadline(deadline_ms)))


def _check_parameters(given: list[str]) -> None:
    known = (*_LISTS, *_ONCE)
    for name in given:
        if name not in known:
            raise QueryRejected(f"There is no query parameter {name[:100]!r}; there are {', '.join(known)}.")
        if name in _ONCE and given.count(name) > 1:
            raise QueryRejected(f"The query parameter {name!r} is given twice.")
