"""A garment that nobody wears and the segmenter doubts is named by what the semantic model has learnt."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from engine.domain import Crop, Embeddings, Garment, Person, Scene
from engine.taxonomy import load_taxonomy
from engine.vision.kinds import LearntKinds
from engine.vision.pipeline import VisionPipeline

KINDS = LearntKinds(1, ("upper_wear", "upper_wear", "outerwear", "dress", ""))
"""Shirts, T-shirts, jackets, dresses and bags; what stands before them says something else."""
JACKET = Garment("outerwear", "outerwear", 0.6, (0, 0, 40, 40), np.ones((40, 40), bool), (), ("full_body",))


def embedded(*shares: float) -> Embeddings:
    return np.sqrt(np.array([0.4, *np.array(shares) / max(sum(shares), 1e-9) * 0.3, 0.3], np.float32))


def named(*shares: float, garment: Garment = JACKET) -> tuple[str, str, tuple[str, ...]]:
    found = KINDS.renamed(garment, embedded(*shares), load_taxonomy())
    return found.label, found.supercategory, found.also


def test_what_its_kinds_agree_on_is_its_supercategory() -> None:
    """Shirts and T-shirts are both tops; it may still be the jacket that the segmenter saw."""
    assert named(0.5, 0.4, 0.1, 0, 0) == ("upper_wear", "upper_wear", ("outerwear", "full_body"))
    assert named(0.01, 0.01, 0.08, 0.9, 0) == ("dress", "full_body", ("outerwear",))


@pytest.mark.parametrize(
    "shares", [(0.4, 0.3, 0.3, 0, 0), (0, 0, 1, 0, 0), (0.1, 0, 0, 0, 0.9), (0, 0, 0, 0, 0)], ids=str
)
def test_without_agreement_the_segmenter_stands(shares: tuple[float, ...]) -> None:
    """Kinds that lie in several supercategories, the same one, a bag, or an embedding that says nothing."""
    assert named(*shares) == ("outerwear", "outerwear", ("full_body",))


def test_a_taxonomy_without_these_classes_keeps_its_own() -> None:
    """A shop's own classes are unknown to the starter's kinds."""
    taxonomy = SimpleNamespace(classes={"outerwear": None}, supercategory_of=lambda name: {"outerwear": "coats"}[name])
    garment = Garment("outerwear", "coats", 0.6, JACKET.box, JACKET.mask)
    assert KINDS.renamed(garment, embedded(1, 0, 0, 0, 0), taxonomy) == garment  # type: ignore[arg-type]


class Shirts:
    """Embeds every crop as a shirt, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, crops: Sequence[Crop]) -> Embeddings:
        self.asked += len(crops)
        return np.stack([embedded(1, 0, 0, 0, 0)] * len(crops))


@pytest.mark.parametrize(
    ("score", "person", "label", "asked"),
    [
        (0.6, None, "upper_wear", 1),
        (0.6, 0.3, "upper_wear", 1),
        (0.9, None, "outerwear", 0),
        (0.6, 0.9, "outerwear", 0),
    ],
)
def test_only_a_doubtful_garment_without_a_person_is_asked_about(
    score: float, person: float | None, label: str, asked: int
) -> None:
    """Worn or surely seen, a jacket is one: the segmenter knows, and nothing is embedded."""
    people = (Person((0, 0, 40, 40), person),) if person else ()
    scene = Scene((Garment("outerwear", "outerwear", score, JACKET.box, JACKET.mask),), people)
    model, none = Shirts(), SimpleNamespace()
    pipeline = VisionPipeline(none, none, none, model, none, load_taxonomy(), KINDS)  # type: ignore[arg-type]
    (found,) = pipeline.garments(np.zeros((40, 40, 3), np.uint8), scene)
    assert (found.label, model.asked) == (label, asked)


def test_a_model_that_has_learnt_no_kinds_is_not_asked() -> None:
    """As an encoder from outside."""
    scene = Scene((JACKET,), ())
    none = SimpleNamespace()
    pipeline = VisionPipeline(none, none, none, none, none, load_taxonomy())  # type: ignore[arg-type]
    assert pipeline.garments(np.zeros((40, 40, 3), np.uint8), scene)[0].label == "outerwear"
