"""What a score is worth: tables between their points, whose they are, and which hits are told it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.domain import SPACES, CollectionSpec, Item, Product
from engine.forms.answers import hit_form
from engine.retrieval.confidence import EVERY, NO_CONFIDENCES, Confidences, ConfidenceTable
from engine.retrieval.fusion import Weights
from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.seams import Calibration
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name

EVEN = Calibration(0.5, 0.1)
SHIRTS = ConfidenceTable((0.2, 0.6, 1.0), (0.1, 0.3, 0.9))
TABLES = Confidences("these", {"upper_wear": SHIRTS, EVERY: ConfidenceTable((0.0, 1.0), (0.0, 1.0))})


class Shelf:
    """A ledger that knows one product."""

    def products(self, product_ids: list[str]) -> dict[str, Product]:
        return {i: Product(i, i, "https://shop.example", ()) for i in product_ids}


def searcher(confidences: Confidences) -> Searcher:
    store = ExactStore()
    row = np.eye(1, 4, dtype=np.float32)
    for space in SPACES:
        store.ensure(CollectionSpec(collection_name("upper_wear", space), 4, "f"))
        store.upsert(
            collection_name("upper_wear", space), [Item("a#0", "a", "upper_wear", "shirt", "k", (0, 0, 9, 9))], row
        )
    return Searcher(store, Shelf(), Calibrations(EVEN, EVEN, EVEN, confidences))  # type: ignore[arg-type]


def test_a_table_is_straight_between_its_points_and_level_beyond() -> None:
    """By hand: half-way between 0.6 and 1 it is half-way between 0.3 and 0.9."""
    assert [SHIRTS.of(score) for score in (0.0, 0.2, 0.4, 0.8, 1.0)] == pytest.approx([0.1, 0.1, 0.2, 0.6, 0.9])


def test_a_supercategory_without_a_table_of_its_own_has_that_of_all() -> None:
    """And nothing is told where nothing was fitted."""
    assert TABLES.of("foot_wear", 0.25) == 0.25
    assert TABLES.of("upper_wear", 0.8) == pytest.approx(0.6)
    assert NO_CONFIDENCES.of("upper_wear", 0.8) is None


def test_hits_of_a_plain_photo_are_told_how_sure_they_are() -> None:
    """By the score they have; with words, with weights of the caller's or without tables nothing is promised."""
    axis = np.eye(1, 4, dtype=np.float32)[0]
    photo = QueryVectors(axis, axis)
    (hit,) = searcher(TABLES).search(photo, ["upper_wear"], 1)
    assert hit.confidence == pytest.approx(SHIRTS.of(hit.score))
    assert hit_form(hit, str).confidence == pytest.approx(hit.confidence, abs=1e-4)
    for asked, weights, tables in (
        (replace(photo, positive=axis), None, TABLES),
        (QueryVectors(positive=axis), None, TABLES),
        (photo, Weights(1.0, 1.0), TABLES),
        (photo, None, NO_CONFIDENCES),
    ):
        (hit,) = searcher(tables).search(asked, ["upper_wear"], 1, weights=weights)
        assert hit.confidence is None
        assert hit_form(hit, str).confidence is None
