"""Active learning: what is doubtful, what is picked, and the way to a labelling tool and back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Box, Garment
from engine.errors import InputRejected
from models.architectures.accessories import CLASSES
from models.studio.output.dataset import varied_look
from models.train.data.pictures import DatasetUnreadable
from models.train.selection.coco import ANNOTATIONS, accept_labels, write_selection
from models.train.selection.commands import accept_command, select_command
from models.train.selection.doubt import Doubt, body_doubt, flip_doubt, margin_doubt
from models.train.selection.selection import Picked, Seen, find_photos, pick


def garment(label: str, box: Box, score: float = 0.9) -> Garment:
    """A garment that fills its box."""
    x0, y0, x1, y1 = box
    supercategory = {"upper_wear": "upper_wear", "lower_wear": "lower_wear", "dress": "full_body"}.get(label, label)
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)
    return Garment(label, supercategory, score, box, np.ones((int(y1 - y0), int(x1 - x0)), bool), (corners,))


SHIRT, TROUSERS = garment("upper_wear", (10, 10, 40, 50)), garment("lower_wear", (12, 50, 38, 90))


def test_scores_at_the_threshold_are_the_most_doubtful() -> None:
    """Sure ones and hopeless ones are not; nothing at all is half a doubt."""
    assert margin_doubt([0.2, 0.2], 0.2) == pytest.approx(1.0)
    assert margin_doubt([0.95, 0.9], 0.2) < margin_doubt([0.95, 0.25], 0.2) < 1
    assert margin_doubt([0.9, 0.001], 0.2) == margin_doubt([0.9], 0.2)
    assert margin_doubt([], 0.2) == 0.5


def test_a_mirror_that_agrees_leaves_no_doubt() -> None:
    """The same garments at mirrored places; a missing one, or one of another class, is doubt."""
    width = 100
    mirrored = [garment(g.label, (width - g.box[2], g.box[1], width - g.box[0], g.box[3])) for g in (SHIRT, TROUSERS)]
    assert flip_doubt([SHIRT, TROUSERS], mirrored, width) == pytest.approx(0)
    assert flip_doubt([SHIRT, TROUSERS], mirrored[:1], width) == pytest.approx(1 - 2 / 3)
    assert flip_doubt([SHIRT], [garment("dress", mirrored[0].box)], width) == 1
    assert flip_doubt([SHIRT], [SHIRT], width) > 0.5, "not mirrored: the boxes lie elsewhere"
    assert flip_doubt([], [], width) == 0


def test_a_body_without_its_garments_is_doubtful() -> None:
    """Trunk, legs and feet are seen: each needs a garment that covers it."""
    keypoints = np.full((17, 3), (20.0, 20.0, 0.9), np.float32)
    assert body_doubt([SHIRT, TROUSERS], keypoints, (100, 100)) == pytest.approx(1 / 3)
    assert body_doubt([garment("dress", (0, 0, 50, 80))], keypoints, (100, 100)) == pytest.approx(1 / 3)
    keypoints[13:, 2] = 0  # cut off above the knees
    assert body_doubt([SHIRT], keypoints, (100, 100)) == 0
    assert body_doubt([], keypoints, (100, 100)) == 1
    assert body_doubt([SHIRT], None, (100, 100)) == 0


def seen(name: str, doubt: float, direction: tuple[float, float]) -> Seen:
    """A photo with that doubt and that embedding."""
    return Seen(Path(name), (10, 10), (), (), Doubt(doubt, doubt, doubt), np.array(direction, np.float32))


def test_the_most_doubtful_comes_first_and_its_twin_last() -> None:
    """Ten pictures of one mistake teach little more than one."""
    photos = [
        seen("sure", 0.1, (0.6, 0.8)),
        seen("doubtful", 0.9, (1, 0)),
        seen("its twin", 0.89, (1, 0)),
        seen("another", 0.5, (0, 1)),
    ]
    assert [p.seen.path.name for p in pick(photos, 3)] == ["doubtful", "another", "sure"]
    assert len(pick(photos, 10)) == 4
    assert [p.rank for p in pick(photos, 2)] == [0, 1]
    assert pick([], 3) == []


def photo(folder: Path, name: str = "mine.png", size: tuple[int, int] = (60, 100)) -> Path:
    """A picture of noise, (width, height)."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(folder / name)
    return folder / name


def selection(tmp_path: Path) -> Path:
    """A written selection of one photo with a shirt, trousers and a person."""
    person = Garment("wearer", "wearer", 0.8, (8.0, 4.0, 44.0, 96.0), np.ones((92, 36), bool), SHIRT.polygons)
    one = Seen(photo(tmp_path / "in"), (60, 100), (SHIRT, TROUSERS), (person,), Doubt(1, 0, 0), np.ones(2, np.float32))
    write_selection([Picked(one, 0, 1.0)], tmp_path / "out")
    return tmp_path / "out"


def filled(labels: Path, size: tuple[int, int] = (60, 100)) -> dict[str, NDArray[np.bool_]]:
    """Masks by class of a YOLO-seg label file."""
    masks = {}
    for line in labels.read_text().splitlines():
        number, *values = line.split()
        ring = np.round(np.array(values, float).reshape(-1, 2) * size - 0.5).astype(np.int32)
        mask = np.zeros((size[1], size[0]), np.uint8)
        cv2.fillPoly(mask, [ring], 1)
        masks[CLASSES[int(number)]] = mask.astype(bool)
    return masks


def test_proposals_go_out_as_coco_and_come_back_as_training_data(tmp_path: Path) -> None:
    """Outlines survive the way there and back; the person comes along."""
    out = selection(tmp_path)
    document = json.loads((out / ANNOTATIONS).read_text())
    assert [c["name"] for c in document["categories"]] == list(CLASSES)
    assert document["images"] == [{"id": 1, "file_name": "0001-mine.jpg", "width": 60, "height": 100}]
    names = [CLASSES[a["category_id"] - 1] for a in document["annotations"]]
    assert names == ["upper_wear", "lower_wear", "person"]
    assert document["annotations"][0]["bbox"] == [10, 10, 30, 40]
    accepted = accept_labels(out, tmp_path / "yolo")
    assert (accepted.train, accepted.val, accepted.empty) == (1, 0, ())
    masks = filled(tmp_path / "yolo" / "labels" / "train" / "0001-mine.txt")
    assert set(masks) == {"upper_wear", "lower_wear", "person"}
    assert masks["upper_wear"][11:49, 11:39].all()
    assert not masks["upper_wear"][:, 45:].any()
    assert (tmp_path / "yolo" / "images" / "train" / "0001-mine.jpg").is_file()


def test_corrections_count_two_outlines_of_a_class_are_one_instance_and_run_lengths_are_read(tmp_path: Path) -> None:
    """What a person changed in the tool is what is learned."""
    out = selection(tmp_path)
    document = json.loads((out / ANNOTATIONS).read_text())
    mask = np.zeros((100, 60), bool)
    mask[70:90, 10:50] = True
    runs = np.flatnonzero(np.diff(np.concatenate([[0], mask.T.ravel().astype(int), [0]])))
    counts = np.diff(np.concatenate([[0], runs, [mask.size]])).tolist()
    document["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[5, 80, 15, 80, 15, 95, 5, 95]]},
        {"id": 2, "image_id": 1, "category_id": 3, "segmentation": [[30, 80, 40, 80, 40, 95, 30, 95]]},
        {"id": 3, "image_id": 1, "category_id": 4, "segmentation": {"size": [100, 60], "counts": counts}},
    ]
    (out / ANNOTATIONS).write_text(json.dumps(document))
    accept_labels(out, tmp_path / "yolo")
    lines = (tmp_path / "yolo" / "labels" / "train" / "0001-mine.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["2", "3"]
    masks = filled(tmp_path / "yolo" / "labels" / "train" / "0001-mine.txt")
    assert masks["foot_wear"][85, 10]
    assert masks["foot_wear"][85, 35]
    assert np.array_equal(masks["dress"][70:90, 10:50], np.ones((20, 40), bool))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["categories"][0].update(name="hat"), "class 'hat'"),
        (lambda d: d["annotations"][0].update(segmentation=[]), "no outline"),
        (lambda d: d["annotations"][0].update(category_id=99), "category 99"),
        (lambda d: d["annotations"][0].update(segmentation=[[1, 2, 3, 4]]), "under three points"),
        (lambda d: d["images"][0].update(file_name="gone.jpg"), "gone.jpg"),
        (lambda d: d["images"][0].update(width=61), "labelled at 61"),
        (lambda d: d.pop("images"), "no COCO JSON"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_with_what_is_wrong(
    tmp_path: Path, change: object, says: str
) -> None:
    """With what is wrong, before anything is written."""
    out = selection(tmp_path)
    document = json.loads((out / ANNOTATIONS).read_text())
    assert callable(change)
    change(document)
    (out / ANNOTATIONS).write_text(json.dumps(document))
    with pytest.raises(DatasetUnreadable, match=says):
        accept_labels(out, tmp_path / "yolo")
    assert not (tmp_path / "yolo").exists()


def test_folders_are_searched_and_nothing_found_is_an_error(tmp_path: Path) -> None:
    """Each picture once; other files are passed over."""
    one = photo(tmp_path / "a" / "b")
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    assert find_photos([tmp_path, one]) == [one]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRejected, match="No pictures"):
        find_photos([tmp_path / "empty"])


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Two of four generated pictures and a broken one, picked with the shipped weights."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(4):
        Image.fromarray(varied_look(seed, (120, 160)).pixels).save(folder / f"look{seed}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    out = folder / "out"
    return out, CliRunner().invoke(select_command, [str(folder), "--budget", "2", "--out", str(out), "--json"])


@pytest.mark.integration  # It takes seconds.
def test_the_command_picks_from_a_folder_and_says_why(chosen: tuple[Path, Result]) -> None:
    """One JSON document on stdout, the broken file told on stderr, pictures and proposals in the folder."""
    out, result = chosen
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [row["rank"] for row in report] == [1, 2]
    assert all(row["why"] and 0 <= row["doubt"] <= 1 for row in report)
    assert "broken.jpg" in result.stderr
    document = json.loads((out / ANNOTATIONS).read_text())
    assert len(document["images"]) == 2
    assert {p.name for p in (out / "images").iterdir()} == {i["file_name"] for i in document["images"]}
    assert any(a["category_id"] == CLASSES.index("person") + 1 for a in document["annotations"]), (
        "people are proposed too"
    )


@pytest.mark.integration
def test_what_was_picked_can_be_accepted_as_it_is(chosen: tuple[Path, Result], tmp_path: Path) -> None:
    """The proposals themselves are valid labels; a folder with a selection is not written over."""
    out, _ = chosen
    result = CliRunner().invoke(accept_command, [str(out), "--out", str(tmp_path / "yolo"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["train"] == 2
    again = CliRunner().invoke(select_command, [str(out), "--budget", "1", "--out", str(out)])
    assert again.exit_code == 2
    assert "holds a selection already" in again.output
