"""The taxonomy: classes, words that mean a class, a shop's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ContractBroken, QueryRejected
from engine.taxonomy import load_taxonomy


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Apparel & Accessories > Clothing > Dresses", "dress"),
        ("Denim shirt dress", "dress"),
        ("Dress shirt", "upper_wear"),
        ("Ballet flats", "foot_wear"),
        ("Men > Tops > Hoodies & Sweatshirts", "upper_wear"),
        ("T-Shirt", "upper_wear"),
        ("Trench coat", "outerwear"),
        ("Sunglasses", None),
        ("", None),
    ],
)
def test_the_last_word_that_means_a_class_decides(text: str, name: str | None) -> None:
    """As the head noun of an English phrase comes last."""
    found = load_taxonomy().classify(text)
    assert (found.name if found else None) == name


def test_paper_supercategories_are_there() -> None:
    """Upper, lower and foot as in the paper, and the two that we add."""
    assert list(load_taxonomy().supercategories) == [
        "upper_wear", "lower_wear", "foot_wear", "full_body", "outerwear",
    ]  # fmt: skip
    assert load_taxonomy().supercategory_of("dress") == "full_body"


def test_a_shop_brings_its_own(tmp_path: Path) -> None:
    """A file of another shop replaces the built-in one."""
    file = tmp_path / "hats.toml"
    file.write_text('[supercategories]\nheadwear = "hats"\n[classes.hat]\nsupercategory = "headwear"\nmerge = false\n')
    taxonomy = load_taxonomy(file)
    assert taxonomy.supercategory_of("hat") == "headwear"
    assert not taxonomy.classes["hat"].merge


@pytest.mark.parametrize(
    "text", ["not toml =", "[classes.hat]\n", '[supercategories]\n[classes.hat]\nsupercategory="x"']
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    """The operator learns which file, not a stack trace."""
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ContractBroken):
        load_taxonomy(file)


def test_unknown_names_list_the_known_ones() -> None:
    """A caller who mistypes sees what there is."""
    with pytest.raises(QueryRejected, match="foot_wear"):
        load_taxonomy().require_supercategory("feet")
    with pytest.raises(ContractBroken, match="upper_wear"):
        load_taxonomy().supercategory_of("sock")
