"""The three tools of UCP's catalogue capability, and what they answer. Products are found as over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from api.agents.forms import (
    LOOKUP,
    MOST_IDS,
    SEARCH,
    Form,
    GetProduct,
    Like,
    LookupCatalog,
    SearchCatalog,
    detailed,
    envelope,
    filters_of,
    info,
    matches,
    not_found,
    product_form,
    selection_of,
    similarity,
)
from api.context import RequestContext
from api.requests.calls import Asked, by_photos, by_product, by_text
from api.requests.filters import filter_of
from api.requests.pictures import PhotoRequest, find_pictures
from api.requests.queries import HybridSearch, ImageSearch, SimilarSearch, TextSearch
from engine.domain import Answer, Hit
from engine.errors import NoGarmentFound, ProductNotFound, QueryRejected
from engine.system.clock import Deadline

T = TypeVar("T")
_MOST = 50


async def search_catalog(context: RequestContext, arguments: object, base: str | None) -> Form:
    """Products for words, a photo or a product.

    Raises:
        InputRejected, msgspec.ValidationError: what is asked cannot be used.
        Unavailable: not now.
    """
    wanted, deadline = msgspec.convert(arguments, SearchCatalog), context.deadline()
    extended = wanted.like is not None
    try:
        asked = await _asked(context, wanted, deadline)
        answer, query_id = await context.ask(asked, deadline)
    except ProductNotFound:
        return not_found(SEARCH, wanted.like.product_id or "" if wanted.like else "")
    except NoGarmentFound as error:
        messages = [info(error.message, "no_garment_found")]
        return {"ucp": envelope(SEARCH, extended=extended), "products": [], "messages": messages}
    products, left_out = _products(answer, query_id, base)
    messages = [info(note) for note in answer.notes]
    messages += [info(f"{left_out} products without a price were left out.", "no_price")] if left_out else []
    form: Form = {
        "ucp": envelope(SEARCH, extended=extended),
        "products": products,
        "pagination": _paging(answer, asked),
    }
    return form | ({"messages": messages} if messages else {})


async def lookup_catalog(context: RequestContext, arguments: object, base: str | None) -> Form:
    """Products by id, SKU or GTIN; what is not there is told.

    Raises:
        InputRejected, msgspec.ValidationError: what is asked cannot be used, or too many ids.
    """
    wanted = msgspec.convert(arguments, LookupCatalog)
    ids = list(dict.fromkeys(wanted.ids))
    if len(ids) > MOST_IDS:
        raise QueryRejected(f"There are {len(ids)} ids; the most is {MOST_IDS}.")
    found = await _stored(context, ids, wanted.filters, wanted.context)
    forms: dict[str, Form] = {}
    for code, hits in found.items():
        for hit in hits:
            form = forms.get(hit.product.product_id) or product_form(hit, base, [hit.product])
            if form:
                forms[hit.product.product_id] = form
                form["variants"][0].setdefault("inputs", []).append({"id": code, "match": "exact"})
    missing = [info(code, "not_found") for code in ids if code not in found]
    answer: Form = {"ucp": envelope(LOOKUP), "products": list(forms.values())}
    return answer | ({"messages": missing} if missing else {})


async def get_product(context: RequestContext, arguments: object, base: str | None) -> Form:
    """One product with its variants, those with the chosen options alone.

    Raises:
        InputRejected, msgspec.ValidationError: what is asked cannot be used.
    """
    wanted = msgspec.convert(arguments, GetProduct)
    found = await _stored(context, [wanted.id], wanted.filters, wanted.context)
    hit = next(iter(found.get(wanted.id, ())), None)
    if hit is None:
        return not_found(LOOKUP, wanted.id)
    others = [each for each in hit.variants if each.product_id != hit.product.product_id]
    chosen = [hit.product, *(each for each in others if matches(each, wanted.selected))]
    form = product_form(hit, base, chosen)
    if form is None:
        return not_found(LOOKUP, wanted.id)
    selected = [{"name": each.name, "label": each.label} for each in wanted.selected] or selection_of(hit.product)
    return {"ucp": envelope(LOOKUP), "product": detailed(form, hit, wanted.selected) | {"selected": selected}}


async def _stored(
    context: RequestContext, ids: Sequence[str], filters: Mapping[str, Any], about: Mapping[str, Any]
) -> Mapping[str, Sequence[Hit]]:
    where = filter_of(filters_of(filters, about))
    return await context.look_up(partial(context.services.thatlook.stored, ids, where=where))


async def _asked(context: RequestContext, wanted: SearchCatalog, deadline: Deadline) -> Asked:
    """The search that is meant.

    Raises:
        QueryRejected: neither words nor anything to look like.
    """
    looks, like = context.services.thatlook, wanted.like
    fields: dict[str, Any] = {
        "k": min(wanted.pagination.limit, _MOST),
        "filters": filters_of(wanted.filters, wanted.context),
        "cursor": wanted.pagination.cursor,
    }
    words = {"text": [wanted.query]} if wanted.query else {}
    words |= {"not_text": [like.not_query]} if like and like.not_query else {}
    if like is None:
        if not wanted.query:
            raise QueryRejected("Give a query, or a photo or product to look like (`like`).")
        return by_text(looks, _read(TextSearch, fields | words), deadline)
    if like.product_id is not None:
        if like.image_base64 or like.image_url or like.image_id:
            raise QueryRejected("Look like a product or like a photo, not both.")
        return by_product(looks, like.product_id, _read(SimilarSearch, fields | words), deadline)
    query = _read(HybridSearch if words else ImageSearch, fields | words | _photo(like))
    ready = by_photos(looks, query, deadline)
    pictures = partial(find_pictures, PhotoRequest(query), context.services.objects, context.limits)
    return ready(await context.look_up(pictures, deadline))


def _photo(like: Like) -> dict[str, Any]:
    """A photo, and which garment of it is meant."""
    photo = {name: getattr(like, name) for name in ("image_base64", "image_url", "image_id")}
    if like.index is not None:
        return photo | {"garments": [{"index": like.index}]}
    if like.point is not None:
        return photo | {"point": like.point}
    if like.box is not None:
        return photo | {"box": like.box, "supercategory": [like.supercategory] if like.supercategory else []}
    return photo | ({"supercategory": [like.supercategory]} if like.supercategory else {})


def _read(kind: type[T], fields: dict[str, Any]) -> T:
    return msgspec.convert({name: value for name, value in fields.items() if value is not None}, kind)


def _products(answer: Answer, query_id: str, base: str | None) -> tuple[list[Form], int]:
    """The products of all garments, each once, with why they were found; and how many had no price."""
    forms: dict[str, Form] = {}
    left_out = 0
    for number, garment in enumerate(answer.garments):
        for hit in garment.hits:
            form = product_form(hit, base)
            left_out += form is None
            if form and form["id"] not in forms:
                forms[form["id"]] = form | {"metadata": similarity(hit, garment, number, query_id)}
    return list(forms.values()), left_out


def _paging(answer: Answer, asked: Asked) -> Form:
    """A cursor where one garment (or words) was answered; of several, each is asked for again by its index."""
    seen = answer.garments[0].seen if len(answer.garments) == 1 else None
    return {"has_next_page": False} if seen is None else {"has_next_page": True, "cursor": asked.cursor(0, seen)}
