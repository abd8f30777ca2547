"""thatlook as one object, over fake models that tell garments by colour and the exact store."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.domain import SPACES, Answer, Box, CollectionSpec, Crop, Item, Person, Pixels, Pose, Product, Scene
from engine.errors import DeadlineExceeded, NoGarmentFound, ProductNotFound, QueryRejected, TextRejected
from engine.facets import FacetAsk
from engine.filters import parse_filter
from engine.retrieval.fusion import Weights
from engine.retrieval.listing import Listing
from engine.retrieval.picking import GarmentAsk
from engine.retrieval.search import Calibrations, Searcher
from engine.seams import Calibration, IngestState, LedgerEntry
from engine.service import TextQuery, ThatLook
from engine.stores.exact import ExactStore
from engine.system.clock import Deadline
from engine.taxonomy import collection_name, load_taxonomy
from engine.vision.crops import box_garment
from engine.vision.photo_analysis import ImageQuery
from engine.vision.pipeline import VisionPipeline

CALIBRATION = Calibration(0.5, 0.1)
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class ColorModel:
    """Embeds a crop as the mean colour of its garment, and a text as the colour that it names."""

    fingerprint, dim, calibration = "color", 3, CALIBRATION

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        means = np.array([c.pixels[c.mask].mean(axis=0) + 1e-3 for c in crops], np.float32)
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([WORDS[t] for t in texts], np.float32)


class HalvesSegmenter:
    """The top half is upper wear, the lower half lower wear, unless the picture is grey."""

    fingerprint = "halves"

    def segment(self, image: Pixels) -> Scene:
        height, width = image.shape[:2]
        if np.ptp(image.mean(axis=(0, 1))) < 1:
            return Scene((), ())
        boxes: dict[str, Box] = {"upper_wear": (0, 0, width, height / 2), "lower_wear": (0, height / 2, width, height)}
        garments = tuple(box_garment(name, name, box, width, height) for name, box in boxes.items())
        return Scene(garments, (Person((0, 0, width, height), 0.9),))


class DoubtfulSegmenter:
    """One top over the whole picture, which may be something else too."""

    fingerprint = "doubtful"

    def __init__(self, also: tuple[str, ...]) -> None:
        self.also = also

    def segment(self, image: Pixels) -> Scene:
        height, width = image.shape[:2]
        top = box_garment("upper_wear", "upper_wear", (0, 0, width, height), width, height)
        return Scene((replace(top, also=self.also),), (Person((0, 0, width, height), 0.9),))


def doubtful(thatlook: ThatLook, also: tuple[str, ...]) -> ThatLook:
    return replace(thatlook, pipeline=replace(thatlook.pipeline, segmenter=DoubtfulSegmenter(also)))


class NoPose:
    fingerprint = "none"

    def estimate(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
        return []


class Book:
    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self.entries = {e.product.product_id: e for e in entries}

    def get(self, ids: Sequence[str]) -> dict[str, LedgerEntry]:
        return {i: self.entries[i] for i in ids if i in self.entries}

    def products(self, ids: Sequence[str]) -> dict[str, Product]:
        return {i: self.entries[i].product for i in ids if i in self.entries}


def rgb(color: str) -> NDArray[np.float32]:
    row = np.array(WORDS[color], np.float32) * 0.98 + 0.02
    return row / np.linalg.norm(row)


@pytest.fixture
def thatlook() -> ThatLook:
    """Three upper and three lower products, one of each colour."""
    model, store, taxonomy = ColorModel(), ExactStore(), load_taxonomy()
    entries = []
    for name in taxonomy.supercategories:
        for space in SPACES:
            store.ensure(CollectionSpec(collection_name(name, space), 3, "color"))
    for name in ("upper_wear", "lower_wear"):
        for color in WORDS:
            key = f"{color}-{name}"
            item = Item(f"{key}#0", key, name, name, "k", (0, 0, 9, 9), {"color": (color,)})
            for space in SPACES:
                store.upsert(collection_name(name, space), [item], rgb(color)[None])
            product = Product(key, f"A {color} thing", f"https://shop.example/{key}", ("a.jpg",))
            now = datetime.now(UTC)
            entries.append(LedgerEntry(product, IngestState.INDEXED, "feed", "r", "c", now, ((name, item.item_id),)))
    entries.append(
        LedgerEntry(
            Product("refused", "t", "l", ()), IngestState.REFUSED, "f", "r", "c", datetime.now(UTC), reason="no garment"
        )
    )
    pipeline = VisionPipeline(HalvesSegmenter(), NoPose(), model, model, model, taxonomy)
    calibrations = Calibrations(CALIBRATION, CALIBRATION, CALIBRATION)
    return ThatLook(pipeline, Searcher(store, Book(entries), calibrations))  # type: ignore[arg-type]


def photo(top: str, bottom: str) -> bytes:
    image = Image.new("RGB", (64, 128), top)
    image.paste(bottom, (0, 64, 64, 128))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_each_garment_gets_products_of_its_own_kind(thatlook: ThatLook) -> None:
    """The red top finds the red upper product, the blue trousers the blue lower one."""
    answer = thatlook.search_image(photo("red", "blue"), k=1)
    found = {g.supercategory: g.hits[0].product.product_id for g in answer.garments}
    assert found == {"upper_wear": "red-upper_wear", "lower_wear": "blue-lower_wear"}
    assert (answer.width, answer.height) == (64, 128)
    assert {"decode", "segment", "crop", "embed", "candidates", "rescore", "rank", "total"} <= set(answer.timing_ms)


def test_supercategory_narrows_the_answer(thatlook: ThatLook) -> None:
    """Only the garments asked for are searched."""
    answer = thatlook.search_image(photo("red", "blue"), ImageQuery(supercategories=("lower_wear",)), k=1)
    assert [g.supercategory for g in answer.garments] == ["lower_wear"]


def test_what_is_seen_in_a_picture(thatlook: ThatLook) -> None:
    """The garments, and of the person what the gate says: here of one whose shoulders lie outside of the picture."""

    class Outside(NoPose):
        def estimate(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
            return [Pose(np.full((17, 3), -1, np.float32), box) for box in boxes]

    seen = replace(thatlook, pipeline=replace(thatlook.pipeline, pose=Outside())).analyze(photo("red", "blue"))
    assert {each.supercategory for each in seen.garments} == {"upper_wear", "lower_wear"}
    assert (seen.width, seen.height, seen.gate.people, seen.gate.view, seen.gate.keep) == (64, 128, 1, "none", False)
    assert seen.gate.reason.startswith("A close-up")


def test_a_doubtful_garment_is_looked_for_in_both_places(thatlook: ThatLook) -> None:
    """A red top that may be lower wear as well finds both red products, and the second says where it comes from."""
    answer = doubtful(thatlook, also=("lower_wear",)).search_image(photo("red", "red"), k=2)
    (garment,) = answer.garments
    assert garment.supercategory == "upper_wear"
    assert {hit.product.product_id for hit in garment.hits} == {"red-upper_wear", "red-lower_wear"}
    told = {hit.product.product_id: hit.why[-1] for hit in garment.hits}
    assert told["red-lower_wear"] == "Listed under lower wear, which this garment may also be."
    assert "Filed" not in told["red-upper_wear"]


def test_who_asks_for_a_supercategory_settles_the_doubt(thatlook: ThatLook) -> None:
    """Asked for lower wear, a top that may be such is searched as such and as nothing else."""
    query = ImageQuery(supercategories=("lower_wear",))
    (garment,) = doubtful(thatlook, also=("full_body", "lower_wear")).search_image(photo("red", "red"), query).garments
    assert garment.supercategory == "lower_wear"
    assert garment.garment is not None
    assert garment.garment.also == ()
    assert {hit.item.supercategory for hit in garment.hits} == {"lower_wear"}
    with pytest.raises(NoGarmentFound, match="seen: upper_wear"):
        doubtful(thatlook, also=()).search_image(photo("red", "red"), query)


def test_own_box_replaces_detection(thatlook: ThatLook) -> None:
    """A box on the blue half searched as upper wear finds the blue upper product, and reaches no further."""
    query = ImageQuery(supercategories=("upper_wear",), box=(0, 70, 64, 400))
    answer = thatlook.search_image(photo("red", "blue"), query, k=1)
    assert answer.garments[0].hits[0].product.product_id == "blue-upper_wear"
    assert answer.garments[0].garment is not None
    assert answer.garments[0].garment.box == (0, 70, 64, 128)


def test_whole_image_skips_detection(thatlook: ThatLook) -> None:
    """Even a photo without garments can be asked about as a whole."""
    query = ImageQuery(supercategories=("upper_wear",), whole_image=True)
    assert "segment" not in thatlook.search_image(photo("#777777", "#777777"), query, k=1).timing_ms


def test_text_moves_the_photo(thatlook: ThatLook) -> None:
    """ "The same in green": the green products come first."""
    answer = thatlook.search_image(photo("red", "red"), text=TextQuery(("green",)), k=3)
    for garment in answer.garments:
        assert garment.hits[0].product.product_id.startswith("green")


def test_text_alone_searches_everything(thatlook: ThatLook) -> None:
    """One list over all supercategories."""
    (answer,) = thatlook.search_text(TextQuery(("blue",)), k=2).garments
    assert {h.product.product_id for h in answer.hits} == {"blue-upper_wear", "blue-lower_wear"}


def test_similar_leaves_the_asking_product_out(thatlook: ThatLook) -> None:
    """And stays in its supercategory."""
    (answer,) = thatlook.similar("red-upper_wear", k=5).garments
    assert {h.product.product_id for h in answer.hits} == {"green-upper_wear", "blue-upper_wear"}


@pytest.mark.parametrize(("product_id", "says"), [("nope", "no product"), ("refused", "no garment")])
def test_similar_to_what_is_not_there(thatlook: ThatLook, product_id: str, says: str) -> None:
    """An unknown product, and one that was refused: each with its reason."""
    with pytest.raises(ProductNotFound, match=says):
        thatlook.similar(product_id)


class FarStore(ExactStore):
    """A store that is asked several things at once, and remembers how many."""

    def __init__(self, near: ExactStore) -> None:
        self.__dict__ |= near.__dict__
        self.asked: list[int] = []

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        self.asked.append(len(calls))
        return [call() for call in calls]


def test_a_store_on_servers_is_asked_for_all_garments_at_once(thatlook: ThatLook) -> None:
    """Of a product with two garments both are looked for together, and found as by one question after the other."""
    searcher = thatlook.searcher
    items = (("upper_wear", "red-upper_wear#0"), ("lower_wear", "red-upper_wear#1"))
    trousers = Item(items[1][1], "red-upper_wear", "lower_wear", "lower_wear", "k", (0, 0, 9, 9), {"color": ("red",)})
    for space in SPACES:
        searcher.store.upsert(collection_name("lower_wear", space), [trousers], rgb("red")[None])
    known = searcher.ledger.entries["red-upper_wear"]  # type: ignore[attr-defined]
    searcher.ledger.entries["red-upper_wear"] = replace(known, items=items)  # type: ignore[attr-defined]
    near = thatlook.similar("red-upper_wear", k=1)
    store = FarStore(searcher.store)  # type: ignore[arg-type]
    far = replace(thatlook, searcher=replace(searcher, store=store)).similar("red-upper_wear", k=1)
    assert store.asked.count(2) >= 2  # Their stored embeddings, then their hits.
    assert [each.supercategory for each in far.garments] == ["upper_wear", "lower_wear"]
    assert [[hit.score for hit in each.hits] for each in far.garments] == [
        [hit.score for hit in each.hits] for each in near.garments
    ]


def test_a_photo_without_garments_says_so(thatlook: ThatLook) -> None:
    """And says what to do."""
    with pytest.raises(NoGarmentFound, match="point at the garment with a box"):
        thatlook.search_image(photo("#777777", "#777777"))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (ImageQuery(supercategories=("hats",)), "no supercategory 'hats'"),
        (ImageQuery(box=(0, 0, 9, 9)), "the one supercategory"),
        (ImageQuery(whole_image=True), "the one supercategory"),
        (ImageQuery(("upper_wear",), (0, 0, 9, 9), whole_image=True), "not both"),
        (ImageQuery(("upper_wear",), (100, 0, 200, 90)), "too little of the picture"),
        (ImageQuery(("upper_wear",), (9, 9, 0, 0)), "too little of the picture"),
        (ImageQuery(("upper_wear",), (0, 0, float("nan"), 9)), "too little of the picture"),
    ],
)
def test_parameters_that_do_not_fit(thatlook: ThatLook, query: ImageQuery, says: str) -> None:
    """Each contradiction is named."""
    with pytest.raises(QueryRejected, match=says):
        thatlook.search_image(photo("red", "blue"), query)


def test_bad_texts_are_refused() -> None:
    """Nothing, blanks, 10,000 characters, too many, half a character."""
    for bad in ((), ("",), ("  ",), ("x" * 10_000,), ("red",) * 17, ("r\udcf6d",)):
        with pytest.raises(TextRejected):
            TextQuery(bad)


def test_unwanted_words_alone_are_no_text_search(thatlook: ThatLook) -> None:
    """There would be nothing to rank by."""
    with pytest.raises(QueryRejected, match="wanted words"):
        thatlook.search_text(TextQuery((), ("red",)))


def test_a_deadline_that_passed_stops_the_work(thatlook: ThatLook) -> None:
    """Before the first stage, not after the last."""
    with pytest.raises(DeadlineExceeded, match="before decode"):
        thatlook.search_image(photo("red", "blue"), deadline=Deadline.within(-1))


def test_the_kind_that_words_name_comes_first(thatlook: ThatLook, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "green trousers" are lower wear before anything else that is green; k is filled with what else fits."""
    monkeypatch.setitem(WORDS, "green trousers", (0, 1, 0))
    (found,) = thatlook.search_text(TextQuery(("green trousers",)), k=6).garments
    ids = [hit.product.product_id for hit in found.hits]
    assert ids[0] == "green-lower_wear"
    assert [i.split("-")[1] for i in ids] == ["lower_wear"] * 3 + ["upper_wear"] * 3
    (one,) = thatlook.search_text(TextQuery(("green trousers",)), supercategories=["upper_wear"], k=1).garments
    assert one.hits[0].product.product_id == "green-upper_wear"


def found(answer: Answer) -> list[tuple[str | None, str]]:
    return [(each.supercategory, each.hits[0].product.product_id) for each in answer.garments]


def test_each_garment_has_options_of_its_own(thatlook: ThatLook) -> None:
    """Named by place, kind, point or box: in the order asked, with its own words, filters and number of hits."""
    look = photo("red", "blue")
    asks = [
        GarmentAsk(supercategory="lower_wear", where=parse_filter(["color!=blue"])),
        GarmentAsk(point=(30, 10), text=TextQuery(("green",)), weights=Weights(0, 0, 1, 0), k=2),
        GarmentAsk(index=0),
        GarmentAsk(box=(0, 70, 60, 128)),
    ]
    answer = thatlook.search_image(look, garments=asks, k=1)
    kinds = [each.supercategory for each in answer.garments]
    assert kinds == ["lower_wear", "upper_wear", thatlook.search_image(look).garments[0].supercategory, "lower_wear"]
    assert answer.garments[0].hits[0].product.product_id != "blue-lower_wear"
    assert (len(answer.garments[1].hits), found(answer)[1][1]) == (2, "green-upper_wear")
    assert [name for _, name in found(answer)[2:]] == ["blue-lower_wear", "blue-lower_wear"]


def test_a_box_alone_is_of_the_kind_that_is_seen_there(thatlook: ThatLook) -> None:
    answer = thatlook.search_image(photo("red", "blue"), ImageQuery(None, (4, 66, 60, 120)), k=1)
    assert found(answer) == [("lower_wear", "blue-lower_wear")]


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        ({"index": 7}, QueryRejected),
        ({"supercategory": "foot_wear"}, NoGarmentFound),
        ({"supercategory": "hats"}, QueryRejected),
        ({"point": (500.0, 500.0)}, NoGarmentFound),
        ({}, QueryRejected),
        ({"index": 0, "point": (1.0, 1.0)}, QueryRejected),
    ],
)
def test_a_garment_that_is_not_there(thatlook: ThatLook, ask: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        thatlook.search_image(photo("red", "blue"), garments=[GarmentAsk(**ask)])


def test_several_photos_are_one_query(thatlook: ThatLook) -> None:
    """Two reds outvote a green; a garment that only one of them shows is there too."""
    photos = [photo("red", "blue"), photo("red", "blue"), photo("green", "blue")]
    assert dict(found(thatlook.search_image(photos, k=1))) == {
        "upper_wear": "red-upper_wear",
        "lower_wear": "blue-lower_wear",
    }
    with pytest.raises(QueryRejected, match="photos"):
        thatlook.search_image(photos * 2)


def test_a_garments_next_page_and_its_counts(thatlook: ThatLook) -> None:
    """One garment of the two, behind what was shown of it; three products match, and colours are counted."""
    look, ask = photo("red", "blue"), FacetAsk(("color",))
    first = thatlook.search_image(look, k=2, facets=ask).garments[1]
    kind = first.supercategory
    assert first.seen is not None
    assert first.counted is not None
    assert (first.counted.products, len(first.counted.facets[0].values)) == (3, 3)
    (second,) = thatlook.search_image(look, k=2, listing=Listing(after=first.seen), only=1).garments
    shown = {hit.product.product_id for hit in (*first.hits, *second.hits)}
    assert (second.seen, shown) == (None, {f"{color}-{kind}" for color in WORDS})
    with pytest.raises(QueryRejected, match="cursor"):
        thatlook.search_image(look, only=5)
