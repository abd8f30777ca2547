"""What a step of the CLIP's training sees and is judged by, and the tower's way for colour."""

from __future__ import annotations

import numpy as np
import torch

from engine.color.naming import COLOR_NAMES
from models.architectures.semantic import FEATURES
from models.architectures.semantic_color import MEAN, SHADES, STD, ColorPath
from models.architectures.sentence import WIDTH
from models.train.clip.bank import Bank
from models.train.clip.batches import Batch, Draw, draw
from models.train.clip.captions import KINDS, Caption, answered, caption, facts_of, single_facts, truth
from models.train.clip.data import CaptionedCrops
from models.train.clip.training import composition, contrast, doubt, likeness, neighbours, variants
from models.train.clip.views import VIEWS, Views, several
from models.train.data.crops import CropRecord
from models.train.synonyms import HELD_OUT, SYNONYMS


def _record(name: str, category: str, label: str, *colours: str) -> CropRecord:
    return CropRecord("test", "train", name, name, label, category, "flat", colours)


RECORDS = (
    _record("a", "t-shirt", "upper_wear", "navy"),
    _record("b", "longsleeve", "upper_wear", "red"),
    _record("c", "jeans", "lower_wear", "blue"),
    _record("d", "dress", "dress", "green"),
)


def _crops() -> CaptionedCrops:
    crops = np.full((4, 40, 40, 4), 255, np.uint8)
    crops[..., 3] = 0
    for row, rgb in enumerate(((28, 32, 70), (200, 30, 40), (50, 100, 190), (40, 128, 62))):
        crops[row, 8:32, 8:32] = (*rgb, 255)
    odds = np.full(4, 0.25)
    return CaptionedCrops(RECORDS, crops, np.arange(4), odds, [True] * 4)


def _views() -> Views:
    """Features that say which view of which crop they are."""
    features = np.zeros((VIEWS, 4, FEATURES), np.float16)
    for view in range(VIEWS):
        features[view, :, 0], features[view, :, 1] = view, np.arange(4)
    empty = np.zeros((VIEWS, 4, 1), np.float16)
    return Views(np.arange(4), features, empty, empty, np.array(["red", "mint", "olive", "black"]), several(["a", "b"]))


def _bank() -> Bank:
    told = [
        Caption("navy t-shirt", frozenset({"kind:t-shirt", "colour:navy"})),
        Caption("tee", frozenset({"kind:t-shirt"})),
        Caption("red", frozenset({"colour:red"})),
    ]
    changes = {dye: [3 + n] for n, dye in enumerate(("red", "mint", "olive", "black"))}
    return Bank(told, changes, {"kind:t-shirt": [1], "colour:red": [2]}, torch.eye(7, WIDTH))


def _batch(seed: int = 0) -> Batch:
    return draw(Draw(4, 2, 1, 2), _crops(), _views(), _bank(), np.random.default_rng(seed))


def _input(*rgb: tuple[int, int, int]) -> torch.Tensor:
    """Pictures of one colour each in the middle of white."""
    pictures = torch.ones(len(rgb), 3, 30, 30)
    pictures[:, :, 6:24, 6:24] = torch.tensor(rgb)[..., None, None] / 255
    return (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def test_a_batch_says_what_its_pictures_show() -> None:
    """Crops as photographed, then the first two dyed, in the colours of the facts and of the changes."""
    batch = _batch()
    assert batch.features.shape == (6, FEATURES)  # No product here has a second picture.
    views, crops = batch.features[:, 0].tolist(), batch.features[:, 1].long().tolist()
    assert views[4:] == [4, 4]
    assert not {1, 4} & set(views[:2])
    assert crops[4:] == crops[:2]
    dyes = [("red", "mint", "olive", "black")[crop] for crop in crops[4:]]
    for facts, dye, change in zip(batch.facts[4:], dyes, batch.changes, strict=True):
        assert {f"colour:{dye}", f"shade:{dye}"} & facts.sure
        assert change.argmax() == 3 + ("red", "mint", "olive", "black").index(dye)
    assert [told.demands for told in batch.told[batch.singles :]] == [{"kind:t-shirt"}] * 2 + [{"colour:red"}]
    assert len(batch.sentences) == len(batch.told) == batch.singles + 3


def test_variants_with_several_pictures_are_known() -> None:
    """Only they can show that two views of one garment are alike."""
    assert several(["a", "b", "a", "c", "b"]).tolist() == [0, 1, 2, 4]


def test_what_is_alike_costs_little() -> None:
    """Each of the contrasts among pictures falls when the pictures that belong together are together."""
    batch = _batch()
    rows = batch.features[:, 1].long()
    together, apart = torch.eye(6)[rows], torch.eye(6)
    assert variants(together, [str(int(row)) for row in rows]) < variants(apart, [str(int(row)) for row in rows])
    assert likeness(together, batch) < likeness(apart, batch)
    features = torch.zeros(6, FEATURES)
    features[:, -6:] = together
    assert neighbours(together, features) < 1e-4 < neighbours(apart, features)


def test_words_held_out_are_in_no_caption() -> None:
    """Else the measure of synonyms would measure what was taught."""
    taught = {word.casefold() for kind in KINDS for word in (*KINDS[kind].words, *SYNONYMS.get(kind, ()))}
    held = {word.casefold() for words in HELD_OUT.values() for word in words}
    assert not held & taught
    assert set(HELD_OUT) | set(SYNONYMS) <= set(KINDS)


def test_every_kind_is_asked_once() -> None:
    """Beside its captions a batch is asked for each single fact, so that no kind waits for its turn."""
    rng = np.random.default_rng(0)
    kinds = [c for c in single_facts(rng) if any(d.startswith("kind:") for d in c.demands)]
    assert len(kinds) == len({c.demands for c in kinds}) == 35


def test_a_shade_leaves_its_neighbours_undecided() -> None:
    """A garment dyed mint may be called teal or green; nobody would call it red, and it is no cream."""
    facts = facts_of(RECORDS[0], (), shade="mint")
    assert "shade:mint" in facts.sure
    assert {"colour:teal", "colour:green"} <= facts.maybe
    assert not {"colour:red", "shade:coral"} & facts.maybe
    rng = np.random.default_rng(0)
    texts = " ".join(caption(facts, rng).text for _ in range(100))
    assert "mint" in texts
    assert "navy" not in texts


def test_sleeves_follow_from_the_kind_where_it_tells() -> None:
    """A t-shirt has short sleeves, a long-sleeved top long ones; of a dress nobody knows; jeans have none."""
    short, long, unknown, none = (facts_of(record) for record in (RECORDS[0], RECORDS[1], RECORDS[3], RECORDS[2]))
    assert "sleeves:short" in short.sure
    assert "sleeves:long" in long.sure
    assert "sleeves:long" in unknown.maybe - unknown.sure
    assert "sleeves:long" not in none.maybe


def test_composition_wants_that_very_garment_in_that_color() -> None:
    """Where image plus change points at the dyed copy the loss is small; where at the crop as it was, large."""
    batch = _batch()
    towards = torch.eye(6)[[4, 5]] * 3
    right = composition(torch.tensor(20.0), torch.eye(6), towards, batch)
    wrong = composition(torch.tensor(20.0), torch.eye(6), -towards, batch)
    assert right < 0.1
    assert wrong > 5


def test_undecided_pairs_do_not_count() -> None:
    """A text that may be true of a picture costs nothing, however alike the two are."""
    sure, maybe = np.eye(2, dtype=bool), np.array([[True, True], [False, True]])
    alike = torch.tensor([[5.0, 50.0], [0.0, 5.0]])
    assert contrast(alike, sure, maybe) < 0.05
    assert contrast(alike, sure, sure) > 5
    assert contrast(alike, np.zeros_like(sure), maybe) == 0


def test_colors_are_counted_on_the_garment_alone() -> None:
    """The paper around a garment does not count; a garment as white as paper is white."""
    path = ColorPath(8).eval()
    shares = path.shares(_input((28, 32, 70), (200, 30, 40), (255, 255, 255))) @ path.owners
    names = [COLOR_NAMES[int(row.argmax())] for row in shares]
    assert names == ["navy", "red", "white"]
    assert shares.sum(1).allclose(torch.ones(3), atol=1e-4)


def test_training_looks_colors_up_nearly_as_it_serves_them() -> None:
    """The cube of 32 levels gives the shares of the arithmetic that is exported, but for its cells' width."""
    path = ColorPath(8)
    pictures = _input(*[SHADES[i] for i in (3, 9, 20, 33, 47, 60)])
    looked_up, worked_out = path.train().shares(pictures), path.eval().shares(pictures)
    assert (looked_up @ path.owners).argmax(1).equal((worked_out @ path.owners).argmax(1))
    assert (looked_up - worked_out).abs().sum(1).max() < 0.5


def test_the_way_for_color_adds_nothing_at_first() -> None:
    """So weights from before it compute what they did."""
    assert not ColorPath(8)(_input((200, 30, 40))).any()


def test_a_neighbouring_word_counts_a_little_and_an_unknown_one_not_at_all() -> None:
    """A navy garment is a weak negative for "black"; a garment of unknown kind is none for any kind it may be."""
    unknown = facts_of(_record("e", "outwear", "outerwear", "navy"))
    demands = [frozenset({"colour:black"}), frozenset({"kind:jacket"}), frozenset({"colour:black", "kind:jacket"})]
    sure, maybe = truth([unknown], demands)
    assert not sure.any()
    assert maybe.all()
    assert answered([unknown], demands).tolist() == [[True, False, False]]
    right, logits = np.array([[True], [False]]), torch.tensor([[2.0], [2.0]])
    wrong, near = (contrast(logits + doubt(np.array([[False], [n]])), right, right) for n in (False, True))
    assert 0.1 < near < wrong
