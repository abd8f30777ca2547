"""Captions know what they demand, and the truth of a batch follows from it."""

from __future__ import annotations

import numpy as np

from models.architectures.tokenizer import CONTEXT_LENGTH, tokens_of, train_tokenizer
from models.train.clip.captions import COLOR_KIN, COLOR_WORDS, KINDS, caption, facts_of, kind_of, multi_hot, truth
from models.train.data.colors import COLOR_NAMES
from models.train.data.crops import CropRecord


def _record(category: str, label: str, *colours: str, pattern: str = "", gender: str = "") -> CropRecord:
    key = f"{category}-{colours}"
    return CropRecord("test", "train", key, key, label, category, "flat", colours, pattern=pattern, gender=gender)


NAVY_TEE = _record("t-shirt", "upper_wear", "navy")
RED_TEE = _record("t-shirt", "upper_wear", "red", "white", pattern="stripes", gender="women's")
NAVY_JEANS = _record("jeans", "lower_wear", "navy")
BLACK_TEE = _record("t-shirt", "upper_wear", "black")


def test_a_caption_is_true_of_its_own_picture() -> None:
    """Whatever is said of a picture, its own facts meet."""
    rng = np.random.default_rng(0)
    facts = [facts_of(r) for r in (NAVY_TEE, RED_TEE, NAVY_JEANS)] * 60
    told = [caption(f, rng) for f in facts]
    sure, maybe = truth(facts, [c.demands for c in told])
    assert sure.diagonal().all()
    assert (maybe | ~sure).all()
    assert len({c.text for c in told}) > 60


def test_words_come_from_the_facts() -> None:
    """No caption of a navy t-shirt speaks of red or of jeans."""
    rng = np.random.default_rng(0)
    texts = " ".join(caption(facts_of(NAVY_TEE), rng).text for _ in range(200))
    assert not [word for word in (*COLOR_WORDS["red"], *KINDS["jeans"].words) if f" {word} " in f" {texts} "]


def test_truth_is_known_for_every_pair() -> None:
    """Another navy garment fits "navy" too; a red one does not; a black one is left undecided."""
    rows = [facts_of(r) for r in (NAVY_TEE, NAVY_JEANS, RED_TEE, BLACK_TEE)]
    sure, maybe = truth(rows, [frozenset({"colour:navy"}), frozenset({"colour:navy", "kind:t-shirt"})])
    assert sure.tolist() == [[True, True], [True, False], [False, False], [False, False]]
    assert maybe[:, 0].tolist() == [True, True, False, True]
    assert maybe[:, 1].tolist() == [True, False, False, True]


def test_tables_fit_together() -> None:
    """Every colour has words and kin, every kind's doubtful neighbours exist."""
    assert set(COLOR_WORDS) == set(COLOR_KIN) == set(COLOR_NAMES)
    assert {kin for row in COLOR_KIN.values() for kin in row} <= set(COLOR_NAMES)
    assert {name for kind in KINDS.values() for name in kind.maybe} <= set(KINDS)
    multi_hot([facts_of(_record(k, v.label, "red")).maybe for k, v in KINDS.items()])


def test_kinds_of_other_data_sets() -> None:
    """A data set's word is understood, and one that means several kinds is not taken for any."""
    assert kind_of(_record("tee", "upper_wear")) == "t-shirt"
    assert kind_of(_record("pumps", "foot_wear")) == "heels"
    assert kind_of(_record("outwear", "outerwear")) is None
    assert "kind:coat" in facts_of(_record("outwear", "outerwear")).maybe


def test_tokenizer_round_trip() -> None:
    """Texts come back from their tokens, strange letters too; the end's id is the highest and 0 pads."""
    tokenizer = train_tokenizer(["a navy dress", "the same in red", "striped t-shirt"] * 5, vocabulary=400)
    texts = ["the same dress in navy", "Ünïcode émigré", "a" * 200]
    tokens = tokens_of(tokenizer, texts)
    assert tokens.shape == (3, CONTEXT_LENGTH)
    assert tokenizer.decode(tokens[0].tolist()).strip() == "the same dress in navy"
    assert tokenizer.decode(tokens[1].tolist()).strip() == "ünïcode émigré"
    end = tokenizer.get_vocab_size() - 1
    assert (tokens.max(1) == end).all()
    first, length = tokens[0], int((tokens[0] != 0).sum())
    assert first[length - 1] == end
    assert (first[length:] == 0).all()
    assert tokens[2, -1] == end
