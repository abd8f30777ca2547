"""The studio's pictures and their truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.domain import View
from engine.taxonomy import load_taxonomy
from models.studio.catalogue import sample_catalogue, sample_garment, sample_outfit
from models.studio.figures.cloth import true_color
from models.studio.figures.kinds import KINDS
from models.studio.figures.people import sample_person
from models.studio.render import Rendered, render_look, render_product, tight_box
from models.studio.spec import Framing, GarmentSpec

SIZE = (120, 160)


def drawn(
    seed: int, view: View = "front", framing: Framing = "full", background: str = "white", bystanders: int = 0
) -> Rendered:
    person = sample_person(seed)
    outfit = sample_outfit(seed, person.gender)
    return render_look(outfit, person, view, background, SIZE, seed, framing=framing, bystanders=bystanders)


look = cache(drawn)


def of_kind(kind: str, seed: int = 0, **changes: object) -> GarmentSpec:
    return replace(sample_garment(np.random.default_rng(seed), kind, 1), **changes)  # type: ignore[arg-type]


def test_one_seed_draws_one_picture() -> None:
    """Equal arguments give equal pixels and equal truth; another seed gives another picture."""
    one, two, other = (drawn(seed, background="street") for seed in (5, 5, 6))
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.people[0].keypoints, two.people[0].keypoints)
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_masks_of_garments_share_no_pixel_and_lie_on_the_person(view: View) -> None:
    """A pixel belongs to one garment at most, and every garment pixel is the person's."""
    for seed in range(3):
        picture = look(seed, view)
        stack = np.stack([g.mask for g in picture.garments])
        assert stack.sum(0).max() == 1
        assert not (stack.any(0) & ~picture.people[0].mask).any()


def test_boxes_are_tight() -> None:
    """Every side of a box touches a pixel of its mask, and none lies outside."""
    picture = look(3, "front")
    for shown in picture.garments:
        x0, y0, x1, y1 = (int(v) for v in shown.box)
        inside = shown.mask[y0:y1, x0:x1]
        assert inside.sum() == shown.mask.sum()
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
    assert tight_box(np.zeros((4, 4), bool)) is None


def test_the_left_shoulder_is_right_in_front_views_and_left_in_back_views() -> None:
    """COCO's left is the person's: from the front it has the larger x, from behind the smaller."""
    for seed in range(6):
        front, back = look(seed, "front").people[0].keypoints, look(seed, "back").people[0].keypoints
        for left, right in ((5, 6), (11, 12)):
            assert front[left, 0] > front[right, 0]
            assert back[left, 0] < back[right, 0]


def test_a_face_from_behind_has_no_nose_and_a_full_shot_has_every_joint() -> None:
    """Face keypoints count only where a face shows; in a full shot all joints are in the picture."""
    for seed in range(4):
        front, back = look(seed, "front"), look(seed, "back")
        assert front.full_shot
        assert front.people[0].keypoints[0, 2] == 2
        assert (back.people[0].keypoints[:3, 2] == 0).all()
        assert (front.people[0].keypoints[5:, 2] >= 1).all()
        inside = front.people[0].keypoints[:, :2]
        assert (inside >= 0).all()
        assert (inside < SIZE).all()


@pytest.mark.parametrize(("framing", "gone"), [("knees_up", 15), ("waist_up", 13), ("waist_down", 0), ("headless", 0)])
def test_a_partial_shot_is_no_full_shot(framing: Framing, gone: int) -> None:
    """Cropped pictures say so, and joints out of the picture have visibility 0."""
    picture = look(2, framing=framing)
    assert not picture.full_shot
    assert picture.people[0].keypoints[gone, 2] == 0


def test_seen_joints_lie_on_the_person() -> None:
    """Visibility 2 means that the pixel there is the person's."""
    for seed in range(4):
        person = look(seed, "front").people[0]
        for x, y, seen in person.keypoints:
            if seen == 2:
                assert person.mask[int(y), int(x)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_worn_and_shown_alone(kind: str) -> None:
    """Each kind is visible on a person and alone, under a class of the taxonomy."""
    product = of_kind(kind)
    assert product.label in load_taxonomy().classes
    person = sample_person(1, product.gender)
    worn = render_look(sample_outfit(1, person.gender, product, neutral=True), person, size=SIZE, seed=1)
    assert product.product_id in {g.product.product_id for g in worn.garments}
    alone = render_product(product, SIZE, 1)
    assert [g.product for g in alone.garments] == [product]
    assert alone.view == "none"
    assert alone.people == ()
    x0, y0, x1, y1 = alone.garments[0].box
    assert x0 > 0
    assert y0 > 0
    assert x1 < SIZE[0]
    assert y1 < SIZE[1]


def test_a_product_has_one_color_in_every_view() -> None:
    """The median colour of a plain product differs little between views, and much between products."""
    red = of_kind("sweater", 3, color="red", pattern="solid", fabric="cotton")
    teal = replace(red, color="teal", product_id="other")
    seen: dict[str, list[np.ndarray]] = {"red": [], "teal": []}
    for product in (red, teal):
        person = sample_person(4, product.gender)
        outfit = sample_outfit(4, person.gender, product, neutral=True)
        pictures = [render_look(outfit, person, v, "white", SIZE, 4 + k) for k, v in enumerate(("front", "back"))]
        for picture in (*pictures, render_product(product, SIZE, 9)):
            shown = next(g for g in picture.garments if g.product is product)
            seen[product.color].append(np.median(picture.pixels[shown.mask], 0))
    spread = max(np.abs(a - b).max() for views in seen.values() for a in views for b in views)
    between = min(np.abs(a - b).max() for a in seen["red"] for b in seen["teal"])
    assert spread < 40
    assert between > 2 * spread
    assert np.argmax(seen["red"][0]) == 0
    assert np.argmax(true_color(red)) == 0


def test_a_pattern_is_the_products_own() -> None:
    """Two floral products in the same colours differ: the flowers lie where the product's seed says."""
    product = of_kind("dress", 2, pattern="floral", color="navy", accent="white")
    again, other = replace(product), replace(product, variety=product.variety + 1)
    pixels = [render_product(p, SIZE, 1).pixels.astype(int) for p in (product, again, other)]
    assert np.array_equal(pixels[0], pixels[1])
    assert np.abs(pixels[0] - pixels[2]).mean() > 1


def test_bystanders_bring_their_own_truth() -> None:
    """Other people have boxes, keypoints and garments; the main person comes first and is larger."""
    picture = look(8, background="street", bystanders=1)
    main, other = picture.people
    assert main.mask.sum() > other.mask.sum()
    assert not (main.mask & other.mask).any()
    assert picture.garments == main.garments
    assert other.garments


def test_products_of_a_catalogue_are_distinct() -> None:
    """n products have n ids, and no two agree in looks; the first ones do not depend on n."""
    shop = sample_catalogue(150, 7)
    assert len({p.product_id for p in shop}) == 150
    looks = {(p.kind, p.color, p.accent, p.pattern, p.fabric, p.cut, p.variety, p.shade) for p in shop}
    assert len(looks) == 150
    assert shop[:40] == sample_catalogue(40, 7)
    assert {p.label for p in shop} == set(load_taxonomy().classes)


def test_color_variants_share_a_group_and_a_cut() -> None:
    """Products of one item group are the same garment in different colours."""
    groups: dict[str, list[GarmentSpec]] = {}
    for product in sample_catalogue(120, 3):
        groups.setdefault(product.group, []).append(product)
    variants = [g for g in groups.values() if len(g) > 1]
    assert len(variants) > 10
    for group in variants:
        assert len({(p.kind, p.cut, p.pattern, p.fabric, p.price) for p in group}) == 1
        assert len({(p.color, p.accent) for p in group}) == len(group)
