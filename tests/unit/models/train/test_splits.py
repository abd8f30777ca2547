"""What is held out stays held out: the rules give for these names what the shipped weights were trained by."""

from __future__ import annotations

from collections.abc import Callable

from models.train import splits

NAMES = [f"MH{number:02}" for number in range(40)]
LUMA = [4, 16, 17, 19, 20, 23, 27, 29, 31, 34, 35, 39]
POSE = [3, 15, 24, 26, 28, 33, 36, 38, 39]
FACING = [6, 7, 8, 10, 12, 21, 28, 33, 35, 36, 38]
TUNING = [18, 25, 32, 57, 61, 71, 83]
FOREIGN = [3, 15, 28, 33, 38]
SHOP = [9, 18, 25, 34]


def chosen(rule: Callable[[str], bool]) -> list[int]:
    return [number for number, name in enumerate(NAMES) if rule(name)]


def test_the_sides_are_those_of_the_shipped_weights() -> None:
    """A changed rule would measure models on what they have learned from."""
    assert chosen(splits.is_luma_validation) == LUMA
    assert chosen(splits.is_held_out) == POSE
    assert chosen(splits.is_for_facing) == FACING
    assert [number for number in range(100) if splits.is_for_tuning(f"{number:04}")] == TUNING
    assert chosen(lambda name: splits.split_of(name) == "val") == FOREIGN
    assert chosen(lambda name: splits.is_shop_validation("shop", name)) == SHOP


def test_what_a_data_set_says_itself_comes_first() -> None:
    """A flat-lay's own column decides; another shop's products are all for measuring."""
    rows = [{"split_small": own, "image": "x"} for own in ("train", "validation", "test")]
    assert [splits.is_left_out(row) for row in rows] == [False, True, True]
    left_out = {name for name in NAMES if splits.is_left_out({"split_small": "", "image": name})}
    assert left_out == {name for name in NAMES if splits.is_validation(name, 10)} != set()
    assert splits.magento_split({"source": "venia", "product_id": "any"}) == "test"
    sides = {splits.magento_split({"source": "luma", "product_id": name}) for name in NAMES}
    assert sides == {"train", "val"}


def test_shares_are_shares() -> None:
    """Of many names a quarter lie below a quarter."""
    below = sum(splits.hash_share(f"photo-{number}") < 0.25 for number in range(2000))
    assert 440 < below < 560
