"""What the studio writes: shops, queries, training sets."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner
from PIL import Image

from engine.taxonomy import load_taxonomy
from models.studio.catalogue import sample_catalogue
from models.studio.commands import studio
from models.studio.output.dataset import SEGMENTATION_CLASSES, crops, write_segmentation_set
from models.studio.output.feed import write_catalogue, write_queries, write_query

SIZE = (96, 128)
COLUMNS = {
    "id",
    "title",
    "description",
    "link",
    "image_link",
    "additional_image_link",
    "price",
    "availability",
    "brand",
    "color",
    "gender",
    "age_group",
    "material",
    "pattern",
    "product_type",
    "item_group_id",
}


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_shop_has_a_feed_whose_pictures_exist_and_a_truth_for_each(tmp_path: Path) -> None:
    """Every row has Merchant's columns; every image it names is there, and has one line of truth."""
    feed = write_catalogue(tmp_path, 12, 1, SIZE)
    rows, truths = rows_of(feed), rows_of(tmp_path / "truth.jsonl")
    assert len(rows) == 12
    named = []
    for row in rows:
        assert row.keys() >= COLUMNS
        assert str(row["price"]).endswith(" EUR")
        assert load_taxonomy().classify(str(row["product_type"])) is not None
        named += [row["image_link"], *row["additional_image_link"]]  # type: ignore[misc]
    assert all((tmp_path / str(name)).is_file() for name in named)
    assert [t["image"] for t in truths] == named
    for truth in truths:
        assert truth["product_id"] in {g["product_id"] for g in truth["garments"]}  # type: ignore[attr-defined]
    with Image.open(tmp_path / str(named[0])) as picture:
        assert picture.size == SIZE


def test_a_query_wears_the_products(tmp_path: Path) -> None:
    """The products asked for are in the photo's truth."""
    shop = sample_catalogue(40, 5)
    picked = [
        next(p for p in shop if p.label == label and p.gender != "male")
        for label in ("upper_wear", "lower_wear", "foot_wear")
    ]
    path = write_query(tmp_path / "query.jpg", picked, 3, SIZE)
    truth = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert {p.product_id for p in picked} <= {g["product_id"] for g in truth["garments"]}
    assert truth["view"] == "front"
    assert truth["background"] in {"street", "park", "room"}


def test_queries_are_of_the_catalogue(tmp_path: Path) -> None:
    """Each query shows garments, most of them the catalogue's."""
    shop = sample_catalogue(60, 5)
    book = rows_of(write_queries(tmp_path, shop, 3, 1, SIZE))
    ids = {p.product_id for p in shop}
    for row in book:
        worn = [g["product_id"] for g in row["garments"]]  # type: ignore[attr-defined]
        assert len(ids & set(worn)) >= 2
        assert (tmp_path / str(row["image"])).is_file()


def test_a_training_set_has_labels_of_six_classes_inside_the_picture(tmp_path: Path) -> None:
    """YOLO-seg rows: a class, then at least three points as shares of the picture."""
    write_segmentation_set(tmp_path, 8, 2, SIZE, val_share=0.25)
    assert len(list((tmp_path / "images" / "val").iterdir())) == 2
    seen = set()
    for path in (tmp_path / "labels").rglob("*.txt"):
        for line in path.read_text().splitlines():
            number, *points = line.split()
            values = np.array(points, float)
            assert len(values) >= 6
            assert len(values) % 2 == 0
            assert values.min() >= 0
            assert values.max() <= 1
            seen.add(SEGMENTATION_CLASSES[int(number)])
    assert {"person", "upper_wear", "foot_wear"} <= seen


def test_crops_show_one_product_in_several_views() -> None:
    """Crops repeat products in other views, white around the garment."""
    seen = list(islice(crops(12, 4, products=2, size=SIZE), 12))
    assert len({c.product.product_id for c in seen}) == 2
    first = [c for c in seen if c.product == seen[0].product]
    assert {"front", "back", "none"} <= {c.view for c in first}
    for crop, product, _ in seen:
        assert product.label in load_taxonomy().classes
        assert (crop.pixels[~crop.mask] == 255).all()
        assert crop.mask.any()


def test_the_commands_write_what_they_say(tmp_path: Path) -> None:
    """`studio catalogue --json` prints one document; `studio sheet` writes a picture."""
    run = CliRunner().invoke(
        studio,
        ["catalogue", str(tmp_path / "shop"), "--products", "2", "--queries", "1", "--size", "64", "96", "--json"],
    )
    assert run.exit_code == 0, run.output
    report = json.loads(run.stdout)
    assert len(rows_of(Path(report["feed"]))) == 2
    assert len(rows_of(Path(report["queries"]))) == 1
    sheet = CliRunner().invoke(
        studio,
        ["sheet", str(tmp_path / "s.png"), "--rows", "1", "--columns", "2", "--size", "60", "80", "--show", "products"],
    )
    assert sheet.exit_code == 0, sheet.output
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.size == (138, 92)
    assert CliRunner().invoke(studio, ["sheet", "x.png", "--kind", "toga"]).exit_code == 2


def test_a_shop_is_the_same_however_many_processes_draw_it(tmp_path: Path) -> None:
    """Also where this process has used OpenCV on several threads, whose fork would wait for them for ever."""
    cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (500, 500), interpolation=cv2.INTER_AREA)
    shops = [write_catalogue(tmp_path / str(workers), 3, 7, SIZE, workers=workers).parent for workers in (1, 2)]
    one, two = ({path.name: path.read_bytes() for path in shop.rglob("*.*")} for shop in shops)
    assert one == two
