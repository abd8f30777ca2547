"""The rest of a look: what a product's own picture shows beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from engine.domain import SPACES, Box, Garment, Item
from engine.errors import ObjectNotFound, ProductNotFound, StoreUnavailable
from engine.filters import FacetCondition, Filter
from engine.retrieval.outfit import beside
from engine.seams import ObjectStore
from engine.service import ThatLook
from engine.taxonomy import collection_name
from engine.vision.crops import box_garment
from tests.unit.engine.test_service import doubtful, photo, rgb, thatlook

__all__ = ["thatlook"]


class Pictures:
    """Stored pictures by key, and which were asked for."""

    def __init__(self, **pictures: bytes) -> None:
        self.pictures, self.asked = pictures, list[str]()

    def get(self, key: str) -> bytes:
        self.asked.append(key)
        if key not in self.pictures:
            raise ObjectNotFound(f"There is no picture {key!r}.")
        return self.pictures[key]


def showing(thatlook: ThatLook, **pictures: bytes) -> ThatLook:
    return replace(thatlook, pictures=cast(ObjectStore, Pictures(**pictures)))


def garment(supercategory: str, box: Box) -> Garment:
    return box_garment(supercategory, supercategory, box, 100, 200)


def test_the_product_itself_is_no_part_of_the_rest() -> None:
    """Neither under its own name nor under another one; what it covers, as a coat does a top, is a part."""
    seen = [
        garment("outerwear", (10, 20, 90, 150)),
        garment("upper_wear", (12, 22, 88, 148)),
        garment("upper_wear", (35, 30, 65, 90)),
        garment("foot_wear", (30, 180, 70, 200)),
    ]
    assert beside(seen, (10, 20, 90, 150), "outerwear") == [2, 3]
    assert beside(seen, (10, 20, 90, 150), "full_body") == [2, 3]
    assert beside(seen, (35, 30, 65, 90), "upper_wear") == [0, 3]


def test_the_rest_of_a_look(thatlook: ThatLook) -> None:
    """The red top is worn with blue trousers: the shop's come first, and the top is not asked for."""
    answer = showing(thatlook, k=photo("red", "blue")).look("red-upper_wear", k=2)
    (found,) = answer.garments
    assert (found.supercategory, found.garment and found.garment.box) == ("lower_wear", (0, 64, 64, 128))
    assert found.hits[0].product.product_id == "blue-lower_wear"
    assert len(found.hits) == 2
    assert (answer.image, answer.width, answer.height, answer.notes) == ("k", 64, 128, ())
    assert {"fetch", "segment", "embed", "total"} <= set(answer.timing_ms)


def test_a_product_is_not_worn_with_itself(thatlook: ThatLook) -> None:
    """A suit sold as one product has rows of both kinds; it is not what goes with its own jacket."""
    store = thatlook.searcher.store
    item = Item("red-upper_wear#1", "red-upper_wear", "lower_wear", "lower_wear", "k", (0, 64, 64, 128))
    for space in SPACES:
        store.upsert(collection_name("lower_wear", space), [item], rgb("blue")[None])
    (found,) = showing(thatlook, k=photo("red", "blue")).look("red-upper_wear", k=10).garments
    assert "red-upper_wear" not in [hit.product.product_id for hit in found.hits]
    assert found.hits[0].product.product_id == "blue-lower_wear"


def test_filters_hold_and_are_told_of(thatlook: ThatLook) -> None:
    """Green trousers alone are shown under a filter; where no product matches, the answer says so."""
    shop = showing(thatlook, k=photo("red", "blue"))
    green = Filter((FacetCondition("color", frozenset({"green"})),))
    (found,) = shop.look("red-upper_wear", where=green).garments
    assert [hit.product.product_id for hit in found.hits] == ["green-lower_wear"]
    mauve = Filter((FacetCondition("color", frozenset({"mauve"})),))
    assert shop.look("red-upper_wear", where=mauve).notes == ('No product has the color "mauve".',)


def test_a_product_alone_in_its_picture(thatlook: ThatLook) -> None:
    """No garment at all, or none but the product: an empty answer with a note, and no error."""
    nothing = showing(thatlook, k=photo("#808080", "#808080"))
    itself = showing(doubtful(thatlook, ()), k=photo("red", "red"))
    for shop in (nothing, itself):
        answer = shop.look("red-upper_wear")
        assert (answer.garments, answer.image) == ((), "k")
        assert "alone" in answer.notes[0]


def test_what_is_not_there(thatlook: ThatLook) -> None:
    """An unknown product, one without a picture, a picture that is gone, and no store of pictures."""
    shop = showing(thatlook)
    for product_id in ("nobody", "refused"):
        with pytest.raises(ProductNotFound, match=product_id):
            shop.look(product_id)
    with pytest.raises(ObjectNotFound, match="'k'"):
        shop.look("red-upper_wear")
    with pytest.raises(StoreUnavailable, match="pictures"):
        thatlook.look("red-upper_wear")


def test_a_doubtful_garment_is_not_looked_for_among_the_products_own_kind(thatlook: ThatLook) -> None:
    """A top that may be trousers too is no other pair of trousers where the product is the trousers."""
    (found,) = showing(doubtful(thatlook, ("lower_wear",)), k=photo("red", "red")).look("blue-lower_wear").garments
    assert {hit.item.supercategory for hit in found.hits} == {"upper_wear"}
