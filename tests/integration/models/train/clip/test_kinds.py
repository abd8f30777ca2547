"""What kind of garment a picture or a text is told to be, and how far off the heads are."""

from __future__ import annotations

import pytest
import torch

from models.architectures import semantic
from models.train.clip.captions import KINDS
from models.train.clip.kinds import NAMES, any_of, evenly, kinds_named, kinds_seen
from models.train.clip.start import GARMENTS

SHOES = {name for name, kind in KINDS.items() if kind.label == "foot_wear"}


def test_the_towers_have_a_place_for_every_kind_and_class() -> None:
    """The architecture knows their number alone."""
    assert len(NAMES) == semantic.KINDS
    assert len(GARMENTS) == semantic.CLASSES


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"kind:heels", "label:foot_wear", "colour:red"}, {"heels"}),
        ({"kind:shoes", "label:foot_wear"}, SHOES),
        ({"label:foot_wear"}, SHOES),
        ({"kind:bag"}, {"bag"}),
        ({"colour:red"}, set()),
    ],
)
def test_a_label_may_name_one_kind_or_several(facts: set[str], wanted: set[str]) -> None:
    """ "Shoes" says no more than footwear does, and a colour says nothing."""
    assert kinds_named(frozenset(facts)) == wanted


def test_shoes_that_imagenet_is_sure_of_are_told_apart() -> None:
    """A running shoe is a sneaker; what is unsure, or no shoe, names no kind."""
    names = list(GARMENTS.values())
    classes = torch.zeros(3, len(names))
    classes[0, names.index("running shoe")] = 9.0
    classes[1, names.index("sandal")] = 1.0
    classes[2, names.index("jean")] = 9.0
    assert kinds_seen(classes) == [{"sneakers"}, set(), set()]


def test_any_right_kind_will_do_for_a_picture() -> None:
    """Certainty of one of several right kinds costs no more than a guess among them, and far less than a wrong one."""
    right = torch.tensor([[True, True, False, False]])
    sure, torn, wrong = (
        any_of(torch.tensor([logits]), right) for logits in ([6.0, 0, 0, 0], [6.0, 6.0, 0, 0], [0, 0, 6.0, 0])
    )
    assert abs(float(sure - torn)) < 0.2
    assert wrong > sure + 4
    assert float(any_of(torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.bool))) == 0


def test_a_word_for_several_kinds_means_all_of_them() -> None:
    """For a text an even spread is best."""
    right = torch.tensor([[True, True, False, False]])
    torn, one = (evenly(torch.tensor([logits]), right) for logits in ([6.0, 6.0, 0, 0], [6.0, 0, 0, 0]))
    assert torn < one - 1
