"""Whose garments count, which pieces are one, and the cutting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.domain import Box, Garment, Person, Scene
from engine.taxonomy import load_taxonomy
from engine.vision.crops import box_garment, cut, merge_pieces, of_main_person, whole


def piece(label: str, box: Box, score: float = 0.8) -> Garment:
    height, width = int(box[3] - box[1]), int(box[2] - box[0])
    corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]]], np.float32)
    return Garment(label, label, score, box, np.ones((height, width), bool), (corners,))


def test_two_shoes_are_one_pair() -> None:
    """Their masks stand in the joined box where they stood in the picture, and the gap stays empty."""
    left, right = piece("foot_wear", (10, 90, 20, 100), 0.6), piece("foot_wear", (30, 85, 40, 95), 0.9)
    (pair,) = merge_pieces([left, right], load_taxonomy())
    assert pair.box == (10, 85, 40, 100)
    assert pair.score == 0.9
    assert len(pair.polygons) == 2
    expected = np.zeros((15, 30), bool)
    expected[5:15, 0:10] = True
    expected[0:10, 20:30] = True
    assert np.array_equal(pair.mask, expected)


def test_a_huge_uncertain_piece_is_no_part_of_a_shoe() -> None:
    """A bush taken for footwear does not swallow the shoe that was surely seen; the other shoe still joins."""
    shoe, other, bush = (
        piece("foot_wear", (10, 90, 20, 100), 0.9),
        piece("foot_wear", (30, 85, 45, 100), 0.5),
        piece("foot_wear", (0, 0, 60, 80), 0.8),
    )
    (pair,) = merge_pieces([bush, shoe, other], load_taxonomy())
    assert pair.box == (10, 85, 45, 100)


def test_different_classes_stay_apart_best_first() -> None:
    """Only pieces of one class are joined."""
    rows = [piece("upper_wear", (0, 0, 10, 10), 0.5), piece("lower_wear", (0, 10, 10, 20), 0.7)]
    assert [g.label for g in merge_pieces(rows, load_taxonomy())] == ["lower_wear", "upper_wear"]


def test_what_is_worn_is_no_doubt_of_another_garment() -> None:
    """Whoever wears a coat over a top is not asked whether the top is a coat; a lone top may be a dress."""
    top = replace(piece("upper_wear", (0, 0, 8, 8)), also=("outerwear", "full_body"))
    assert merge_pieces([top], load_taxonomy())[0].also == ("outerwear", "full_body")
    found = {g.label: g.also for g in merge_pieces([top, piece("outerwear", (0, 0, 12, 20), 0.9)], load_taxonomy())}
    assert found == {"upper_wear": ("full_body",), "outerwear": ()}


def test_bystanders_keep_their_clothes() -> None:
    """A garment counts for the person whose box holds most of it; only the main person's are returned."""
    main, other = Person((40, 0, 80, 100), 0.9), Person((0, 20, 30, 90), 0.95)
    mine, theirs, nobody = (
        piece("upper_wear", (45, 20, 75, 50)),
        piece("upper_wear", (2, 30, 28, 50)),
        piece("dress", (85, 0, 100, 40)),
    )
    assert of_main_person(Scene((mine, theirs, nobody), (other, main)), 100, 100) == (mine,)


def test_what_lies_mostly_beside_the_person_is_not_worn() -> None:
    """Half of the box off the person: a mistake; three quarters on: a wide skirt."""
    main = Person((40, 0, 80, 100), 0.9)
    wall, skirt = piece("dress", (60, 0, 100, 90)), piece("lower_wear", (50, 40, 90, 70))
    assert of_main_person(Scene((wall, skirt), (main,)), 100, 100) == (skirt,)


def test_without_people_everything_counts() -> None:
    """A product-only picture."""
    rows = (piece("dress", (0, 0, 10, 10)),)
    assert of_main_person(Scene(rows, ()), 100, 100) == rows


def test_cut_paints_the_surroundings_white() -> None:
    """The garment's pixels are kept by value, everything else is white, with a margin around."""
    image = np.full((100, 100, 3), 7, np.uint8)
    mask = np.zeros((50, 20), bool)
    mask[10:40, 5:15] = True
    crop = cut(image, Garment("dress", "full_body", 1.0, (30, 20, 50, 70), mask))
    assert crop.pixels.shape == (54, 24, 3)
    assert crop.mask.sum() == mask.sum()
    assert (crop.pixels[crop.mask] == 7).all()
    assert (crop.pixels[~crop.mask] == 255).all()


def test_cut_at_the_edge_with_fractional_box() -> None:
    """A box that reaches over the picture's edge is cut to it."""
    image = np.zeros((40, 40, 3), np.uint8)
    crop = cut(image, box_garment("dress", "full_body", (30.5, 30.5, 44.0, 44.0), 40, 40))
    assert crop.mask.sum() == 100


def test_whole_masks_nothing() -> None:
    """The picture itself, every pixel counted."""
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    crop = whole(image)
    assert crop.pixels is image
    assert crop.mask.all()
