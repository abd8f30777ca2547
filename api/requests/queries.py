"""Search requests as they come over the wire, and what they mean to the engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from api.http.cursors import MAX_CURSOR, Place
from api.http.documents import convert, read_json, told
from api.problems import RequestMalformed
from api.requests.filters import filter_of
from engine.domain import Box
from engine.errors import QueryRejected
from engine.facets import FacetAsk
from engine.retrieval.fusion import Weights
from engine.retrieval.listing import Listing
from engine.retrieval.looks import Shown
from engine.retrieval.picking import MOST_GARMENTS, MOST_PHOTOS, GarmentAsk
from engine.retrieval.text_query import TextQuery
from engine.vision.photo_analysis import ImageQuery

K = Annotated[int, Meta(ge=1, le=100, description="How many products for each garment.")]
Texts = str | list[str]
Fields = Sequence[tuple[str, object]]
Names = (
    Annotated[str, Meta(max_length=500)] | Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)]
)
_NUMBERS = {"box": 4, "point": 2}
_JSON_FIELDS = ("filters", "weights", "garments", "images", *_NUMBERS)
_LIST_FIELDS = ("supercategory", "text", "not_text", "facets")


Group = Annotated[
    Literal["look", "none"],
    Meta(description="`look`: one hit for all sizes of a product, which are its `variants`; `none`: every product."),
]
Unavailable = Annotated[
    Literal["last", "mixed", "hidden"],
    Meta(
        description="`last`: what is out of stock comes after what can be bought; `mixed`: wherever it fits; "
        "`hidden`: not at all."
    ),
]
Order = Annotated[
    Literal["relevance", "price_asc", "price_desc", "newest"],
    Meta(description="Other orders than `relevance` are of the 200 best hits."),
]
Share = Annotated[float, Meta(ge=0, le=1)]
MinScore = Annotated[Share, Meta(description="Hits with a lower score are left out.")]
Diversity = Annotated[Share, Meta(description="How much unlike each other the first hits are to be.")]
DiversityBy = Annotated[
    Literal["likeness", "brand"], Meta(description="In what the first hits are to differ: how they look, or brands.")
]
CursorText = Annotated[
    str, Meta(max_length=MAX_CURSOR, description="`next_cursor` of a garment: its next hits, of the same search.")
]
FacetNames = (
    Annotated[str, Meta(max_length=2_000)] | Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)]
)
Total = Annotated[bool, Meta(description="Say how many hits there are.")]


class WeightsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each signal counts; only the ratios matter."""

    visual: float = Weights().visual
    semantic: float = Weights().semantic
    text: float = Weights().text
    color: float = Weights().color


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every search can be asked."""

    k: K = 10
    filters: dict[str, Any] = {}
    group: Group = "look"
    unavailable: Unavailable = "last"
    sort: Order = "relevance"
    min_score: MinScore = 0.0
    diversity: Diversity = 0.0
    diversity_by: DiversityBy = "likeness"
    cursor: CursorText | None = None
    facets: FacetNames = []
    total: Total = False


class SimilarSearch(SearchRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search by a stored product, moved by words if there are any."""

    text: Texts = []
    not_text: Texts = []
    weights: WeightsForm | None = None


class LookSearch(SearchRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search by what is worn with a stored product."""


class TextSearch(SearchRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search by words: `text` is wanted, `not_text` is not."""

    text: Texts = []
    not_text: Texts = []
    supercategory: Names = []


class GarmentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One garment of the photo (named by `index`, `supercategory`, `box` or `point`), and what differs for it."""

    index: Annotated[int, Meta(ge=0, le=1000)] | None = None
    supercategory: Annotated[str, Meta(max_length=100)] | None = None
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    text: Texts = []
    not_text: Texts = []
    filters: dict[str, Any] = {}
    weights: WeightsForm | None = None
    k: K | None = None


class PhotoSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One photo of several; exactly one of the three."""

    image_base64: str | None = None
    image_id: str | None = None
    image_url: str | None = None


class ImageSearch(SearchRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search by photo. Exactly one of the three `image_*` or `images`, unless the photo is sent beside.

    `box` points at one garment, `point` at the garment under a click, `whole_image` takes the photo as one garment, of
    one `supercategory`. `images` are photos of one look: garments of one kind are searched with together. `garments`
    answers for these alone, each with options of its own.
    """

    image_base64: str | None = None
    image_id: str | None = None
    image_url: str | None = None
    images: Annotated[list[PhotoSource], Meta(max_length=MOST_PHOTOS)] = []
    supercategory: Names = []
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    whole_image: bool = False
    garments: Annotated[list[GarmentOptions], Meta(max_length=MOST_GARMENTS)] = []
    weights: WeightsForm | None = None


class HybridSearch(ImageSearch, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search by photo and words."""

    text: Texts = []
    not_text: Texts = []


Q = TypeVar("Q", bound=SearchRequest)


def from_json(kind: type[Q], body: bytes) -> Q:
    """Read a JSON body.

    Raises:
        RequestMalformed, RequestTooLarge: not JSON, or too much of it.
        msgspec.ValidationError: JSON with wrong or unknown fields.
    """
    return read_json(body, kind)


def from_fields(kind: type[Q], fields: Fields) -> Q:
    """Read form fields or query parameters: numbers as text, structures as JSON, lists by repetition.

    Raises:
        QueryRejected: a field given twice, or one that is not the JSON it should be.
        RequestTooLarge: too much JSON in a field.
        msgspec.ValidationError: wrong or unknown fields.
    """
    data: dict[str, object] = {}
    for name, value in _one_box(fields):
        if not isinstance(value, str):
            raise QueryRejected(f"The field {name!r} must be a text; only 'image' is a file.")
        if name in _LIST_FIELDS:
            data[name] = [*_as_list(data.get(name)), value]
        elif name in data:
            raise QueryRejected(f"The field {name[:100]!r} is given twice.")
        else:
            data[name] = _from_text(name, value) if name in _JSON_FIELDS else value
    return convert(data, kind, strict=False)


def joined(body: Q, named: Collection[str], address: Fields) -> Q:
    """A body's search together with the query parameters beside it; `named` are the fields that the body names.

    Raises:
        QueryRejected: a field that both give, with different values.
        msgspec.ValidationError: wrong or unknown parameters.
    """
    if not address:
        return body
    beside = from_fields(type(body), address)
    given = dict.fromkeys(name for name, _ in address)
    for name in given:
        if name in named and _plain(getattr(body, name)) != _plain(getattr(beside, name)):
            raise QueryRejected(
                f"The field {name!r} is given in the body and, with another value, in the address; give it once."
            )
    return msgspec.structs.replace(body, **{name: getattr(beside, name) for name in given})


def json_with_address(kind: type[Q], body: bytes, address: Fields) -> Q:
    """A JSON body together with the query parameters beside it.

    Raises:
        As `from_json` and `joined`.
    """
    query = from_json(kind, body)
    return joined(query, read_json(body, dict[str, msgspec.Raw]), address) if address else query


def shown(request: SearchRequest) -> Shown:
    """Which products become hits, and in which order."""
    unavailable = request.unavailable
    return Shown(request.group == "look", unavailable == "last", sold_out_left_out=unavailable == "hidden")


def facet_ask(request: SearchRequest) -> FacetAsk | None:
    """Which facets are to be counted; None where none are asked for."""
    names = names_of(request.facets)
    return FacetAsk(names) if names else None


def listing_of(request: SearchRequest, place: Place | None) -> Listing:
    """How the hits are listed.

    Args:
        place: what the request's cursor says.
    """
    total, seen = request.total or bool(request.facets), place.seen if place else None
    return Listing(request.sort, request.min_score, request.diversity, total, seen, request.diversity_by)


def garment_asks(request: ImageSearch) -> tuple[GarmentAsk, ...]:
    """The garments that are named, each with what is asked of it.

    Raises:
        QueryRejected: a garment that is not named, or in two ways; options that cannot be used.
    """
    if request.point is not None:
        if request.garments or request.box is not None or request.whole_image:
            raise QueryRejected("Give one of 'point', 'box', 'whole_image' and 'garments'.")
        return (GarmentAsk(point=request.point),)
    return tuple(map(_garment_ask, request.garments))


def _garment_ask(form: GarmentOptions) -> GarmentAsk:
    return GarmentAsk(
        index=form.index,
        supercategory=form.supercategory,
        box=_checked_box(form.box),
        point=form.point,
        text=text_query(form.text, form.not_text),
        where=filter_of(form.filters),
        weights=weights_of(form.weights),
        k=form.k,
    )


def image_query(request: ImageSearch) -> ImageQuery:
    """How the photo is to be searched with."""
    return ImageQuery(supercategories(request), _checked_box(request.box), request.whole_image)


def supercategories(request: ImageSearch | TextSearch) -> tuple[str, ...] | None:
    """The supercategories asked for; None for all."""
    return names_of(request.supercategory) or None


def text_query(positive: Texts, negative: Texts) -> TextQuery | None:
    """Wanted and unwanted words; None where there are none.

    Raises:
        TextRejected: empty or too long.
    """
    wanted, unwanted = as_texts(positive), as_texts(negative)
    return TextQuery(wanted, unwanted) if wanted or unwanted else None


def weights_of(form: WeightsForm | None) -> Weights | None:
    """The caller's weights.

    Raises:
        QueryRejected: negative, or all 0.
    """
    return None if form is None else Weights(form.visual, form.semantic, form.text, form.color)


def as_texts(value: Texts) -> tuple[str, ...]:
    """One text or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def names_of(value: Texts) -> tuple[str, ...]:
    """Names that come as a list, or as texts with commas between them; each once."""
    names = [name.strip() for text in as_texts(value) for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def _checked_box(box: Box | None) -> Box | None:
    if box is None:
        return None
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise QueryRejected(f"The box {told(list(box))} is empty; give x0, y0, x1, y1 with x0 < x1 and y0 < y1.")
    return box


def _from_text(name: str, value: str) -> object:
    if name in _NUMBERS and not value.lstrip().startswith("["):
        value = f"[{value}]"
    try:
        parsed = read_json(value, object, f"field {name!r}")
    except RequestMalformed as error:
        raise QueryRejected(f"{error.message} It begins: {value[:80]!r}.") from None
    if not isinstance(parsed, dict | list):
        raise QueryRejected(f"The field {name!r} must be a JSON object or list, not {value[:80]!r}.")
    return parsed


def _one_box(fields: Fields) -> Fields:
    """The fields with their box in one: generated clients repeat a list's name for each of its values."""
    for name, length in _NUMBERS.items():
        sides = [value for each, value in fields if each == name and isinstance(value, str)]
        if len(sides) == length:
            fields = [*((each, value) for each, value in fields if each != name), (name, ",".join(sides))]
    return fields


def _plain(value: object) -> object:
    """A field's value in the form in which two are compared: one text and a list of it are the same."""
    return [value] if isinstance(value, str) else value


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
