"""Published garment data sets into one folder: masks where they belong, words to classes, products on one side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from engine.taxonomy import load_taxonomy
from models.architectures.accessories import CLASSES
from models.train.data.commands import train_dataset_command
from models.train.data.datasets import Mask
from models.train.data.pictures import DatasetUnreadable
from models.train.data.readers.coco import coco_photos
from models.train.data.readers.deepfashion2 import deepfashion2_photos
from models.train.data.readers.foreign import (
    ClassWords,
    GarmentPhoto,
    joined,
    polygons_mask,
    run_lengths,
    write_garment_folder,
)
from models.train.data.readers.imaterialist import imaterialist_photos
from models.train.data.readers.yolo import yolo_photos
from models.train.splits import split_of

SIZE = (60, 40)
SQUARE = [[10.0, 20.0, 30.0, 20.0, 30.0, 50.0, 10.0, 50.0]]


def block(top: int = 20, bottom: int = 50, left: int = 10, right: int = 30) -> Mask:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def iou(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 120, np.uint8)).save(path)
    return path


def words(**own: str) -> ClassWords:
    return ClassWords(load_taxonomy(None), own)


def encoded(mask: Mask) -> str:
    """Run lengths as iMaterialist writes them, the slow and plain way."""
    flat, runs, at = mask.T.reshape(-1), [], 0
    while at < len(flat):
        if flat[at]:
            end = at
            while end < len(flat) and flat[end]:
                end += 1
            runs += [at + 1, end - at]
            at = end
        at += 1
    return " ".join(map(str, runs))


def written_instances(label_file: Path) -> list[tuple[str, Mask]]:
    """The label lines of a file, drawn again at the size of the photo."""
    found = []
    for line in label_file.read_text().splitlines():
        number, *values = line.split()
        corners = np.array(values, float).reshape(-1, 2) * (SIZE[1], SIZE[0])
        mask = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(mask, [np.round(corners - 0.5).astype(np.int32)], 1)
        found.append((CLASSES[int(number)], mask > 0))
    return found


def test_run_lengths_go_down_the_columns() -> None:
    """A mask that is not symmetric comes back as it was, and the first pixel is number one."""
    mask = block(5, 17, 3, 9) | block(40, 41, 30, 40)
    assert np.array_equal(run_lengths([int(v) for v in encoded(mask).split()], SIZE), mask)
    assert run_lengths([2, 3], (4, 2)).tolist() == [[False, False], [True, False], [True, False], [True, False]]


@pytest.mark.parametrize("runs", [[1], [0, 3], [2390, 30]])
def test_run_lengths_that_do_not_fit_are_refused(runs: list[int]) -> None:
    """A start without length, a start before the picture, a run beyond its end."""
    with pytest.raises(DatasetUnreadable, match="do not fit"):
        run_lengths(runs, SIZE)


def test_polygons_cover_their_pixels() -> None:
    """Corners lie between pixels, so 20 by 30 are 600."""
    assert iou(polygons_mask(SQUARE, SIZE), block()) > 0.9
    assert not polygons_mask([[1, 1, 2, 2]], SIZE).any()


def test_words_become_classes_or_are_counted() -> None:
    """Synonyms, our own names, a shop's own mapping; a word mapped to nothing is left out."""
    mapped = words(sling="upper_wear", suit="")
    known = ["top, t-shirt, sweatshirt", "vest dress", "short sleeve outwear", "sling", "lower_wear", "shoe"]
    assert [mapped.class_of(word) for word in known] == [
        "upper_wear", "dress", "outerwear", "upper_wear", "lower_wear", "foot_wear",
    ]  # fmt: skip
    assert [mapped.class_of(word) for word in ("sleeve", "bag, wallet", "sleeve", "suit")] == [None] * 4
    assert dict(mapped.ignored) == {"sleeve": 2, "bag, wallet": 1, "suit": 1}


def test_pieces_of_one_wearer_are_joined() -> None:
    """Two shoes and a shirt under its cardigan are one garment; two people side by side wear two."""
    shoes = [block(50, 58, 10, 16), block(51, 59, 19, 25)]
    assert [int(mask.sum()) for mask in joined(shoes)] == [sum(int(s.sum()) for s in shoes)]
    people = [block(10, 40, 0, 10), block(10, 40, 28, 38)]
    assert len(joined(people)) == 2
    assert len(joined([block(10, 40, 5, 25), block(12, 30, 10, 20)])) == 1


def test_one_product_is_on_one_side() -> None:
    """The split looks at the group alone, takes about one in ten, and never changes."""
    sides = [split_of(f"pair_id/{k}") for k in range(2000)]
    assert sides.count("val") == pytest.approx(200, abs=50)
    assert sides == [split_of(f"pair_id/{k}") for k in range(2000)]


@pytest.fixture
def imaterialist(tmp_path: Path) -> Path:
    root = tmp_path / "imat"
    categories = [
        {"id": 1, "name": "top, t-shirt, sweatshirt"},
        {"id": 8, "name": "skirt"},
        {"id": 31, "name": "sleeve"},
    ]
    root.mkdir()
    (root / "label_descriptions.json").write_text(json.dumps({"categories": categories, "attributes": []}))
    rows = [
        ("a.jpg", encoded(block(10, 30)), "1_15_20"),
        ("a.jpg", encoded(block(30, 50)), "8"),
        ("a.jpg", encoded(block(12, 16)), "31"),
        ("b.jpg", encoded(block(5, 9)), "31_2"),
    ]
    lines = [f"{name},{runs},{SIZE[0]},{SIZE[1]},{number}" for name, runs, number in rows]
    (root / "train.csv").write_text("\n".join(["ImageId,EncodedPixels,Height,Width,ClassId", *lines]) + "\n")
    for name in ("a.jpg", "b.jpg"):
        picture(root / "train" / name)
    return root


def test_imaterialist_becomes_a_training_folder(imaterialist: Path, tmp_path: Path) -> None:
    """Classes behind attributes are read, parts are ignored and counted, a photo without garments teaches too."""
    mapped, out = words(), tmp_path / "out"
    written = write_garment_folder(out, imaterialist_photos(imaterialist), mapped)
    assert sum(written.photos.values()) == 2
    assert dict(written.instances) == {"upper_wear": 1, "lower_wear": 1}
    assert dict(written.ignored) == {"sleeve": 2}
    part = split_of("imaterialist/a")
    found = dict(written_instances(out / "labels" / part / "a.txt"))
    assert iou(found["upper_wear"], block(10, 30)) > 0.85
    assert iou(found["lower_wear"], block(30, 50)) > 0.85
    assert (out / "images" / part / "a.jpg").exists()
    assert (out / "labels" / split_of("imaterialist/b") / "b.txt").read_text() == ""
    assert "images/train" in written.data.read_text()


def test_a_damaged_imaterialist_says_which_line(imaterialist: Path) -> None:
    """A class that is not described, and a table without its columns."""
    table = imaterialist / "train.csv"
    table.write_text(table.read_text().replace("1_15_20", "77"))
    with pytest.raises(DatasetUnreadable, match=r"Line 2 of train\.csv, picture a\.jpg"):
        list(imaterialist_photos(imaterialist))
    table.write_text("ImageId,ClassId\na.jpg,1\n")
    with pytest.raises(DatasetUnreadable, match="EncodedPixels, Height, Width"):
        list(imaterialist_photos(imaterialist))


def coco_file(path: Path, segmentations: Sequence[object], **image: object) -> Path:
    rows = [{"image_id": 7, "category_id": k, "segmentation": shape} for k, shape in enumerate(segmentations)]
    data = {
        "images": [{"id": 7, "file_name": "sub/p.jpg", "height": SIZE[0], "width": SIZE[1], **image}],
        "categories": [{"id": 0, "name": "shirt, blouse"}, {"id": 1, "name": "coat"}, {"id": 2, "name": "pants"}],
        "annotations": rows,
    }
    path.write_text(json.dumps(data))
    picture(path.parent / "sub" / "p.jpg")
    return path


def test_coco_masks_are_read_in_all_three_forms(tmp_path: Path) -> None:
    """Polygons, run lengths as numbers, run lengths as a string; a crowd is no garment."""
    coco_mask = pytest.importorskip("pycocotools.mask", reason="needs the group `train`")
    packed = coco_mask.encode(np.asfortranarray(block(5, 25).astype(np.uint8)))
    text = {"size": list(SIZE), "counts": packed["counts"].decode()}
    numbers = {"size": list(SIZE), "counts": [10, 5, SIZE[0] * SIZE[1] - 15]}
    (photo,) = coco_photos(coco_file(tmp_path / "x.json", [SQUARE, numbers, text]), tmp_path)
    assert [word for word, _ in photo.garments] == ["shirt, blouse", "coat", "pants"]
    assert iou(photo.garments[0][1], block()) > 0.9
    assert photo.garments[1][1][10:15, 0].all()
    assert photo.garments[1][1].sum() == 5
    assert np.array_equal(photo.garments[2][1], block(5, 25))
    assert (photo.name, photo.group) == ("sub_p", "photo/p")


def test_photos_of_one_product_share_a_group(tmp_path: Path) -> None:
    """Whether the image or its annotations name the product."""
    (photo,) = coco_photos(coco_file(tmp_path / "x.json", [SQUARE], item_id=12), tmp_path)
    assert photo.group == "item_id/12"


def test_what_is_no_coco_is_refused(tmp_path: Path) -> None:
    """A missing part, and a picture of another size than its masks."""
    (tmp_path / "no.json").write_text(json.dumps({"images": []}))
    with pytest.raises(DatasetUnreadable, match="not COCO"):
        list(coco_photos(tmp_path / "no.json", tmp_path))
    file = coco_file(tmp_path / "x.json", [SQUARE])
    picture(tmp_path / "sub" / "p.jpg", (80, 40))
    with pytest.raises(DatasetUnreadable, match="take the pictures that the labels were made for"):
        write_garment_folder(tmp_path / "out", coco_photos(file, tmp_path), words())


def test_deepfashion2_keeps_a_pair_together(tmp_path: Path) -> None:
    """The shop's and the customer's photo of pair 31 have one group; each item is a garment."""
    (tmp_path / "annos").mkdir()
    for stem, source in (("000001", "shop"), ("000002", "user")):
        item = {"category_name": "long sleeve dress", "category_id": 11, "segmentation": SQUARE, "style": 1}
        anno = {"source": source, "pair_id": 31, "item1": item}
        (tmp_path / "annos" / f"{stem}.json").write_text(json.dumps(anno))
        picture(tmp_path / "image" / f"{stem}.jpg")
    photos = list(deepfashion2_photos(tmp_path))
    assert {photo.group for photo in photos} == {"pair_id/31"}
    assert [word for photo in photos for word, _ in photo.garments] == ["long sleeve dress"] * 2
    assert iou(photos[0].garments[0][1], block()) > 0.9
    (tmp_path / "annos" / "000001.json").write_text(json.dumps({"item1": {}}))
    with pytest.raises(DatasetUnreadable, match=r"000001\.json"):
        list(deepfashion2_photos(tmp_path))


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    line = "1 " + " ".join(str(v) for v in (0.25, 1 / 3, 0.75, 1 / 3, 0.75, 5 / 6, 0.25, 5 / 6))
    for part, stem in (("train", "one"), ("val", "two")):
        picture(root / "images" / part / f"{stem}.png")
        (root / "labels" / part).mkdir(parents=True)
        (root / "labels" / part / f"{stem}.txt").write_text(f"{line}\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [bag, Jeans]\n")
    return root


def test_a_yolo_folder_keeps_its_splits_and_gets_our_numbers(yolo: Path, tmp_path: Path) -> None:
    """Its class 1, jeans, is our lower_wear; people are added by whoever finds them."""
    out = tmp_path / "out"
    written = write_garment_folder(out, yolo_photos(yolo), words(), people=lambda pixels: [block(0, 60, 5, 35)])
    assert dict(written.photos) == {"train": 1, "val": 1}
    found = dict(written_instances(out / "labels" / "val" / "two.txt"))
    assert set(found) == {"lower_wear", "person"}
    assert iou(found["lower_wear"], block()) > 0.85


def test_people_who_stand_together_stay_two(yolo: Path, tmp_path: Path) -> None:
    """Only pieces of garments are joined."""
    (yolo / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [bag, person]\n")
    labels = yolo / "labels" / "train" / "one.txt"
    labels.write_text(labels.read_text() + "1 0.5 0.1 0.9 0.1 0.9 0.9 0.5 0.9\n")
    assert dict(write_garment_folder(tmp_path / "out", yolo_photos(yolo), words()).instances) == {"person": 3}


def test_a_yolo_folder_that_leaks_or_lacks_something_is_refused(yolo: Path) -> None:
    """A photo in both splits, a class without a name, a missing folder."""
    labels = yolo / "labels" / "train" / "one.txt"
    labels.write_text(labels.read_text().replace("1 ", "5 ", 1))
    with pytest.raises(DatasetUnreadable, match=r"one\.txt"):
        list(yolo_photos(yolo))
    picture(yolo / "images" / "val" / "one.png")
    with pytest.raises(DatasetUnreadable, match="both splits"):
        list(yolo_photos(yolo))
    (yolo / "data.yaml").write_text("train: nowhere\nnames: [bag]\n")
    with pytest.raises(DatasetUnreadable, match="no folder"):
        list(yolo_photos(yolo))


def test_an_empty_data_set_is_refused(tmp_path: Path) -> None:
    """Rather than trained on."""
    nothing: list[GarmentPhoto] = []
    with pytest.raises(DatasetUnreadable, match="no photos"):
        write_garment_folder(tmp_path / "out", nothing, words())


def test_the_command_tells_what_became_of_a_data_set(imaterialist: Path, tmp_path: Path) -> None:
    """One JSON document: photos per split, instances per class, and the words left out."""
    arguments = ["imaterialist", str(imaterialist), str(tmp_path / "out"), "--class", "sleeve=upper_wear", "--json"]
    result = CliRunner().invoke(train_dataset_command, arguments)
    told = json.loads(result.stdout)
    assert told["ignored"] == {}
    assert sum(told["photos"].values()) == 2
    assert told["instances"]["lower_wear"] == 1


def test_the_command_says_what_it_misses(tmp_path: Path) -> None:
    """Fashionpedia without pictures, a class that does not exist, a number of pictures that is none."""
    out = str(tmp_path / "out")
    for arguments, words_expected in (
        (["fashionpedia", str(tmp_path / "x.json"), out], "--images"),
        (["yolo", str(tmp_path), out, "--class", "sling=topwear"], "WORD=CLASS"),
        (["studio", "many", out], "how many pictures"),
    ):
        result = CliRunner().invoke(train_dataset_command, arguments)
        assert result.exit_code == 2
        assert words_expected in result.stderr
