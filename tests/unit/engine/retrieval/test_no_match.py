"""Whether anything that was found is alike at all."""

from __future__ import annotations

from dataclasses import replace

from engine.domain import Answer, GarmentHits, Hit, Item, Product, Signals
from engine.forms.answers import answer_form
from engine.retrieval.fusion import Weights
from engine.retrieval.listing import Listing
from engine.retrieval.no_match import NOTHING_ALIKE, marked, notes_on_likeness
from engine.retrieval.search import Calibrations
from engine.seams import Calibration
from engine.service import TextQuery, ThatLook
from tests.unit.engine.test_service import photo, thatlook

__all__ = ["thatlook"]


def hits(*scores: float) -> GarmentHits:
    item = Item("a#0", "a", "upper_wear", "upper_wear", "k", (0, 0, 1, 1))
    product = Product("a", "A", "https://shop.example/a", ())
    return GarmentHits(None, "upper_wear", tuple(Hit(product, item, score, Signals(), ()) for score in scores))


def strict(thatlook: ThatLook) -> ThatLook:
    """The same shop, whose cosines have to be high to count."""
    calibrations = Calibrations(*(Calibration(0.8, 0.05),) * 3)
    return replace(thatlook, searcher=replace(thatlook.searcher, calibrations=calibrations))


def test_the_best_hit_decides() -> None:
    """It need not be the first, since what is sold out comes last; no hit at all is told by other notes."""
    found = [marked(each) for each in (hits(0.2, NOTHING_ALIKE), hits(NOTHING_ALIKE - 0.01, 0.1), hits())]
    assert [each.no_match for each in found] == [False, True, False]
    (note,) = notes_on_likeness(found)
    assert note == "None of the upper wear found is much like what was asked with; the hits are the nearest there are."
    form = answer_form(Answer(tuple(found), {"total": 1.0}))
    assert [each.no_match for each in form.garments] == [False, True, False]


def test_a_photo_of_what_the_shop_has_and_of_what_it_has_not(thatlook: ThatLook) -> None:
    """Red is there, purple is not; the nearest are shown all the same, with a note."""
    answer = strict(thatlook).search_image(photo("red", "#aa55aa"), k=1)
    assert {g.supercategory: g.no_match for g in answer.garments} == {"upper_wear": False, "lower_wear": True}
    assert all(g.hits for g in answer.garments)
    assert [note for note in answer.notes if "lower wear" in note] == list(answer.notes)


def test_hits_that_are_not_the_best_are_not_judged(thatlook: ThatLook) -> None:
    """By price, or on a further page, a low score says nothing of the catalogue."""
    for listing, no_match in ((Listing(total=True), True), (Listing(sort="price_asc"), False)):
        answer = strict(thatlook).search_image(photo("#aa55aa", "#aa55aa"), k=1, listing=listing)
        assert [g.no_match for g in answer.garments] == [no_match, no_match]


def test_words_and_own_weights_are_not_judged(thatlook: ThatLook) -> None:
    """Their scores mean something else: a garment moved by words is to be unlike the photo."""
    for options in ({"text": TextQuery(("green",))}, {"weights": Weights(1, 0, 0, 0)}):
        answer = strict(thatlook).search_image(photo("red", "#aa55aa"), k=1, **options)  # type: ignore[arg-type]
        assert not any(g.no_match for g in answer.garments)
        assert answer.notes == ()
