"""Labels by a teacher: kept where it agrees with what is known of a photo, and with itself in the mirror."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.train.data import self_training
from models.train.data.datasets import Mask
from models.train.data.self_training import (
    KnownPhoto,
    Muted,
    Teacher,
    agreed_photos,
    catalogue_accessories,
    catalogue_photos,
    skin,
    tagged_photos,
    white_wall,
)

SIZE = (100, 60)


def block(top: int, bottom: int, left: int = 20, right: int = 40) -> Mask:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


class ScriptedTeacher(Teacher):
    """A teacher whose eyes are given: masks of the photo, and of its mirror image."""

    def __init__(self, seen: Mapping[str, Mask], mirrored: Mapping[str, Mask] | None = None) -> None:
        self._rules = self_training.Agreement()
        flipped = {label: mask[:, ::-1] for label, mask in seen.items()}
        self._answers = [dict(seen), dict(flipped if mirrored is None else mirrored)]

    def _garments(self, pixels: NDArray[np.uint8], possible: frozenset[str]) -> dict[str, Mask]:
        return self._answers.pop(0)

    def _body(self, pixels: NDArray[np.uint8], garments: object, before_wall: bool) -> Mask | None:
        return block(5, 95)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.full((*SIZE, 3), (40, 60, 160), np.uint8)).save(path)
    return path


def known(path: Path, *classes: str, bare_legs: bool = False, sold: str | None = None) -> KnownPhoto:
    return KnownPhoto("photo", path, frozenset(classes), frozenset(classes), bare_legs, sold)


def test_a_photo_with_every_tagged_garment_becomes_a_label(photo: Path) -> None:
    """Garments and the person; off-centre masks are found mirrored in the mirror."""
    seen = {"upper_wear": block(20, 50, 15, 38), "lower_wear": block(50, 80)}
    labelled = ScriptedTeacher(seen).label(known(photo, "upper_wear", "lower_wear"))
    assert labelled is not None
    assert set(labelled.masks) == {"upper_wear", "lower_wear", "person"}
    assert np.array_equal(labelled.masks["upper_wear"], seen["upper_wear"])


def test_a_tagged_garment_that_is_not_found_drops_the_photo(photo: Path) -> None:
    """Or the coat would be learned as background."""
    seen = {"upper_wear": block(20, 50)}
    assert ScriptedTeacher(seen).label(known(photo, "upper_wear", "outerwear")) is None


def test_a_mask_that_moves_in_the_mirror_drops_the_photo(photo: Path) -> None:
    """The same place unflipped is another place."""
    seen = {"upper_wear": block(20, 50, 5, 25)}
    assert ScriptedTeacher(seen, seen).label(known(photo, "upper_wear")) is None
    assert ScriptedTeacher(seen, {}).label(known(photo, "upper_wear")) is None


def test_a_skirt_down_to_the_shoes_is_a_skirt_and_legs(photo: Path) -> None:
    """Where a skirt is tagged; trousers go down as far as they like."""
    seen = {"lower_wear": block(50, 88), "foot_wear": block(88, 95)}
    assert ScriptedTeacher(seen).label(known(photo, "lower_wear", "foot_wear", bare_legs=True)) is None
    assert ScriptedTeacher(seen).label(known(photo, "lower_wear", "foot_wear")) is not None
    short = {"lower_wear": block(50, 65), "foot_wear": block(88, 95)}
    assert ScriptedTeacher(short).label(known(photo, "lower_wear", "foot_wear", bare_legs=True)) is not None


def test_before_a_white_wall_masks_lose_wall_and_arms(tmp_path: Path) -> None:
    """A blue shirt keeps its pixels; what is white or of a skin's colour goes."""
    pixels = np.full((*SIZE, 3), 255, np.uint8)
    pixels[20:50, 20:40] = (40, 60, 160)
    pixels[20:50, 40:48] = (200, 150, 120)
    pixels[8:18, 22:38] = (200, 150, 120)
    path = tmp_path / "shop.png"
    Image.fromarray(pixels).save(path)
    labelled = ScriptedTeacher({"upper_wear": block(20, 50, 14, 48)}).label(
        known(path, "upper_wear", sold="upper_wear")
    )
    assert labelled is not None
    assert np.count_nonzero(labelled.masks["upper_wear"] ^ block(20, 50)) < 60
    assert skin(pixels)[30, 44]
    assert not skin(pixels)[30, 30]
    assert white_wall(pixels)[0, 0]
    assert not white_wall(pixels)[30, 30]


def test_a_thing_without_skin_is_nobody(photo: Path) -> None:
    """A rucksack that the teacher dresses is dropped."""
    assert ScriptedTeacher({"upper_wear": block(20, 50)}).label(known(photo, "upper_wear", sold="upper_wear")) is None


def legs_alone(tmp_path: Path) -> Path:
    """A belly over blue trousers before a white wall."""
    pixels = np.full((*SIZE, 3), 255, np.uint8)
    pixels[0:20, 20:40] = (200, 150, 120)
    pixels[20:90, 20:40] = (40, 60, 160)
    path = tmp_path / "legs.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_bare_belly_is_no_top(tmp_path: Path) -> None:
    """It is left out of a picture of trousers; where a top is sold, the picture teaches nothing."""
    path, seen = legs_alone(tmp_path), {"upper_wear": block(0, 20), "lower_wear": block(20, 90)}
    labelled = ScriptedTeacher(seen).label(known(path, "lower_wear", sold="lower_wear"))
    assert labelled is not None
    assert set(labelled.masks) == {"lower_wear", "person"}
    assert ScriptedTeacher(seen).label(known(path, "lower_wear", "upper_wear", sold="upper_wear")) is None


def test_a_product_lies_over_what_is_worn_with_it(tmp_path: Path) -> None:
    """Where a sold sweater and trousers overlap, it is the sweater's hem; of sold trousers, the other way round."""
    path = legs_alone(tmp_path)
    for sold, hem in (("upper_wear", "upper_wear"), ("lower_wear", "lower_wear")):
        seen = {"upper_wear": block(22, 60), "lower_wear": block(45, 90)}
        labelled = ScriptedTeacher(seen).label(known(path, "upper_wear", "lower_wear", sold=sold))
        assert labelled is not None
        other = "lower_wear" if sold == "upper_wear" else "upper_wear"
        assert labelled.masks[hem][48:58, 25:35].all()
        assert not labelled.masks[other][48:58, 25:35].any()


def test_legs_that_nobody_takes_for_a_person_are_one_before_a_white_wall(tmp_path: Path) -> None:
    """In the street nothing says where a person ends."""
    with Image.open(legs_alone(tmp_path)) as picture:
        pixels = np.asarray(picture)
    teacher = ScriptedTeacher({})
    teacher._people = lambda _: []  # type: ignore[assignment]
    body = Teacher._body(teacher, pixels, [block(20, 90)], before_wall=True)
    assert body is not None
    assert np.array_equal(body, block(0, 90))
    assert Teacher._body(teacher, pixels, [block(20, 90)], before_wall=False) is None


def test_other_classes_are_muted() -> None:
    """Their scores are 0, boxes and coefficients as they were; the session's own array stays whole."""
    heads = np.ones((1, 4 + 3 + 2, 7), np.float32)

    class Ones:
        def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
            return {"output0": heads, "output1": heads}

    answer = Muted(Ones(), ("upper_wear", "dress", "person"), {"upper_wear", "person"}).run({})["output0"]
    assert answer[0, 4:7, 0].tolist() == [1, 0, 1]
    assert answer[0, [0, 3, 7, 8], 0].tolist() == [1, 1, 1, 1]
    assert heads.min() == 1


@pytest.fixture
def ccp(tmp_path: Path) -> Path:
    labels = {"labels": ["null", "blouse", "skirt", "bag"]}
    mapping = {"upper_wear": ["blouse"], "lower_wear": ["skirt", "pants"]}
    (tmp_path / "labels.json").write_text(json.dumps({**labels, "mapping": mapping}))
    (tmp_path / "splits.json").write_text(json.dumps({"train": ["0001"], "val": ["0002"]}))
    rows = [
        {"id": "0001", "tags": ["blouse"]},
        {"id": "1005", "tags": ["blouse", "skirt", "bag", "null"]},
        {"id": "1006", "tags": ["bag"]},
        {"id": "1007", "tags": ["skirt", "pants"]},
        {"id": "0003", "labels": ["blouse"]},
    ]
    (tmp_path / "annotations.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_tags_become_classes_and_no_split_is_touched(ccp: Path) -> None:
    """A photo of a split is left alone even if it has tags; one without garments says nothing."""
    photos = {photo.name: photo for photo in tagged_photos(ccp)}
    assert set(photos) == {"tagged_1005", "tagged_1007"}
    assert photos["tagged_1005"].needed == photos["tagged_1005"].possible == {"upper_wear", "lower_wear", "bag"}
    assert photos["tagged_1005"].bare_legs
    assert not photos["tagged_1007"].bare_legs


def test_held_out_products_are_never_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the other shop's, nor colours that cannot be told from skin, nor details."""
    monkeypatch.setattr(self_training, "is_luma_validation", lambda product: product in {"HELD1", "BAG1"})
    monkeypatch.setattr(self_training, "is_held_out", lambda product: product == "HELD2")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "BAG2.jpg")

    def row(product: str, kind: str = "upper_wear", colour: str = "Blue", source: str = "luma") -> str:
        views = [{"file": f"{product}{'' if v == 'front' else v}.jpg", "view": v} for v in ("front", "detail")]
        views = views[:1] if kind == "accessory_or_other" else views
        return json.dumps({"source": source, "product_id": product, "class": kind, "colour": colour, "images": views})

    bags = [row(name, "accessory_or_other") for name in ("BAG1", "BAG2")]
    rows = [row("FREE"), row("HELD1"), row("HELD2"), row("RED", colour="Red"), row("V", source="venia"), *bags]
    (tmp_path / "products.jsonl").write_text("\n".join([*rows, row("TROUSERS", "lower_wear")]))
    photos = {photo.name: photo for photo in catalogue_photos(tmp_path)}
    needed = {name: photo.needed for name, photo in photos.items()}
    assert needed == {"FREE": {"upper_wear", "lower_wear"}, "TROUSERS": {"lower_wear", "foot_wear"}}
    assert photos["TROUSERS"].sold == "lower_wear"
    (bag,) = catalogue_accessories(tmp_path)
    assert bag.name == "BAG2"
    assert bag.masks == {}, "only numbers of Luma's bags (MB01) are known to be bags"


def test_a_jacket_from_behind_hides_what_is_under_it(tmp_path: Path) -> None:
    """So the teacher may call nothing there a top; from the front an open jacket shows one."""
    views = [{"file": f"{view}.jpg", "view": view} for view in ("front", "back")]
    row = {"source": "luma", "product_id": "FREE", "class": "outerwear", "colour": "Blue", "images": views}
    (tmp_path / "products.jsonl").write_text(json.dumps(row))
    possible = {photo.name: photo.possible for photo in catalogue_photos(tmp_path)}
    assert "upper_wear" in possible["front"]
    assert possible["back"] == {"outerwear", "lower_wear", "foot_wear"}


def test_photos_that_could_not_be_labelled_are_left_out(photo: Path) -> None:
    """One of two."""
    seen = {"upper_wear": block(20, 50)}
    teacher = ScriptedTeacher(seen)
    assert len(list(agreed_photos(teacher, [known(photo, "upper_wear")]))) == 1
    assert list(agreed_photos(ScriptedTeacher({}), [known(photo, "upper_wear")])) == []
