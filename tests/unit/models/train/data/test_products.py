"""Pictures of products alone: what is learned from, what is left out, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.train.data.datasets import LabelledPhoto
from models.train.data.products import (
    BAR,
    as_shops_show,
    before_wall,
    before_white,
    cut_out,
    flat_lays,
    folded,
    repeated,
    sample_photos,
    with_bars,
)
from models.train.splits import is_left_out


def photo(label: str, size: tuple[int, int] = (120, 90), red: bool = True) -> LabelledPhoto:
    """A red block in the middle of a green picture."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[..., 1] = 160
    mask = np.zeros(size, bool)
    mask[size[0] // 4 : 3 * size[0] // 4, size[1] // 4 : 3 * size[1] // 4] = True
    if red:
        pixels[mask] = (220, 20, 20)
    return LabelledPhoto("lay", pixels, {label: mask})


@pytest.mark.parametrize("label", ["upper_wear", "lower_wear", "foot_wear", "bag"])
def test_a_garment_before_a_wall_brings_its_mask_along(label: str) -> None:
    """Whatever is done to it: inside the mask lies the garment, outside a wall that is never its old ground."""
    for seed in range(12):
        made = before_wall(photo(label), "made", np.random.default_rng(seed))
        (mask,) = made.masks.values()
        assert mask.shape == made.pixels.shape[:2]
        assert 0.05 < mask.mean() < 0.98
        inside, outside = made.pixels[mask].astype(int), made.pixels[~mask].astype(int)
        assert np.ptp(np.median(inside, axis=0)) > 20, "the garment has a colour"
        green = outside[:, 1] - outside[:, [0, 2]].max(axis=1)
        assert np.median(green) < 60, "the floor stayed behind"


def test_wide_pictures_get_bars_as_the_served_input_has_them() -> None:
    wide = with_bars(photo("dress", (60, 120)))
    assert wide.pixels.shape == (160, 120, 3)
    assert (wide.pixels[:50] == BAR).all()
    assert (wide.pixels[110:] == BAR).all()
    assert wide.masks["dress"].sum() == photo("dress", (60, 120)).masks["dress"].sum()
    upright = photo("dress", (120, 90))
    assert with_bars(upright) is upright


def test_open_coats_are_not_cut_out_as_two_strips() -> None:
    """What is cut out alone must look like a garment; bags and shoes are what they are."""
    mask = np.zeros((120, 90), bool)
    mask[20:100, 20:35] = mask[20:100, 55:70] = True
    strips = LabelledPhoto("open", photo("outerwear").pixels, {"outerwear": mask, "person": mask})
    rng = np.random.default_rng(0)
    assert list(cut_out(strips, rng)) == []
    (made,) = cut_out(LabelledPhoto("shoes", strips.pixels, {"foot_wear": mask}), rng)
    assert set(made.masks) == {"foot_wear"}
    assert list(cut_out(LabelledPhoto("p", strips.pixels, {"person": mask}), rng)) == []


def test_kinds_of_which_there_are_few_come_more_often() -> None:
    rng = np.random.default_rng(1)
    assert len(list(repeated(photo("foot_wear"), rng))) == 5
    assert len(list(repeated(photo("upper_wear"), rng))) == 2
    assert len(list(repeated(LabelledPhoto("watch", photo("bag").pixels), rng))) == 1
    assert next(iter(as_shops_show(photo("dress"), rng))).name == "lay"


def test_tops_are_shown_folded_too_and_nothing_else_is() -> None:
    """Half of them; a folded one is a part of the whole, label and all."""
    rng = np.random.default_rng(2)
    names = [made.name for _ in range(40) for made in as_shops_show(photo("upper_wear"), rng)]
    assert 8 <= sum(name.endswith("_fold") for name in names) <= 32
    assert not any(m.name.endswith("_fold") for _ in range(20) for m in as_shops_show(photo("dress"), rng))
    whole, part = photo("upper_wear").masks["upper_wear"], folded(photo("upper_wear"), rng).masks["upper_wear"]
    assert 0.3 * whole.sum() < part.sum() < 0.9 * whole.sum()


def test_flat_lays_kept_for_measuring_are_left_out_and_labels_take_turns(tmp_path: Path) -> None:
    """Many T-shirts do not crowd out the one blouse of their class."""
    (tmp_path / "images").mkdir()
    rows = [(f"t{i}", "T-Shirt", "train") for i in range(6)] + [("blouse", "Blouse", "train")]
    rows += [("kept", "Shoes", "test"), ("hat", "Hat", "train"), ("body", "Not sure", "train")]
    lines = [f"{name},{label},False,1,{split}" for name, label, split in rows]
    (tmp_path / "images.csv").write_text("\n".join(["image,label,kids,sender_id,split_small", *lines]))
    for name, _, _ in rows:
        Image.fromarray(photo("any").pixels).save(tmp_path / "images" / f"{name}.jpg", quality=95)
    taken = list(flat_lays(tmp_path, 2, seed=3))
    names = {lay.name for lay in taken}
    assert "flat_blouse" in names
    assert "flat_hat" in names
    assert not names & {"flat_kept", "flat_body"}
    assert sum(set(lay.masks) == {"upper_wear"} for lay in taken) == 3  # Of tops three where of others two are taken.
    assert is_left_out({"split_small": "validation", "image": "x"})
    assert not is_left_out({"split_small": "train", "image": "x"})


def test_shop_samples_are_cut_from_their_white_wall(tmp_path: Path) -> None:
    """By the article's words; sunglasses are no class of ours and teach what to leave alone."""
    shop = tmp_path / "shop"
    (shop / "images").mkdir(parents=True)
    pixels = np.full((60, 60, 3), 252, np.uint8)
    pixels[20:40, 10:50] = (30, 60, 140)
    pixels[28:32, 25:35] = 252  # A white stripe inside is part of the shoe.
    Image.fromarray(pixels).save(shop / "images" / "one.png")
    rows = [
        {"id": f"p{i}", "article": article, "views": [{"file": "images/one.png"}]}
        for i, article in enumerate(["plimsolls (slip-on shoes)", "sunglasses", "polo shirt", "tote bag"] * 3)
    ]
    (shop / "products.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    found = [tuple(one.masks) for one in sample_photos(tmp_path)]
    assert set(found) == {("foot_wear",), (), ("upper_wear",), ("bag",)}
    assert len(found) < len(rows), "some products are kept for measuring, whole"
    mask = before_white(pixels)
    assert mask[30, 30]
    assert 800 <= mask.sum() <= 1000
